//! `/api/v1` does what its OpenAPI document says, on both addresses.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::{Value, json};
use tempfile::TempDir;
use zksync_witness_server::api::paths;
use zksync_witness_server::testing::internals::domain::sample_single_proof;

use crate::support::json_references::references;
use crate::support::{Server, http, input_of, publication, sample_block, token, witnessed_sample};

const OPERATOR: &str = "operator-of-the-contract";

/// Starts a server with blocks that are queued, claimed and proven, and with a rejected proof.
fn server() -> (TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    witnessed_sample(&data);
    let operator = folder.path().join("operator-token");
    fs::write(&operator, OPERATOR).unwrap();
    let server = Server::start(&data, &["--set", &format!("operator_token_file={}", operator.display())]);
    server.wait_for("/jobs/idle", 8);
    let job = server.get_job("prover");
    let proof = |input| publication(&job, &json!({"BlockProof": sample_single_proof(&input, 1)}));
    let number = job["first_block"].as_u64().unwrap();
    let input = input_of(&sample_block(u32::try_from(number).unwrap()));
    for _ in 0..2 {
        server.post("/publish", &proof(Default::default())).refused(422, "proof_refused");
    }
    server.post("/publish", &proof(input)).accepted();
    server.get_job("another prover");
    (folder, server)
}

fn document(url: &str, token: Option<&str>) -> Value {
    http(url, "GET", paths::OPENAPI, token, "").accepted().json()
}

/// Returns every operation of a document with its method and path.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, methods)| {
        methods
            .as_object()
            .unwrap()
            .iter()
            .map(|(method, operation)| (method.to_uppercase(), path.clone(), operation))
    });
    all.collect()
}

#[test]
fn every_described_operation_exists() {
    let (_folder, server) = server();
    for (url, token) in [(&server.url, Some(token())), (&server.admin, None)] {
        let document = document(url, token.as_deref());
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(!document.to_string().contains('§'), "a section that users do not have");
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        let mut ids = BTreeSet::new();
        let all = operations(&document);
        for (method, path, operation) in &all {
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{operation}");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
            if path == "/api/v1/events" {
                continue;
            }
            let path = path
                .replace("{number}", "1")
                .replace("{id}", "99")
                .replace("{first}", "1")
                .replace("{last}", "2");
            let answer = http(url, method, &path, token.as_deref(), "");
            assert_ne!(answer.status, 405, "{method} {path}");
            if answer.status >= 400 {
                assert_ne!(answer.json()["code"], "unknown_route", "{method} {path}");
            }
            // Without a token, exactly the operations with `security` answer 401.
            let refused = http(url, method, &path, None, "").status == 401;
            assert_eq!(refused, !operation["security"].is_null(), "{method} {path}");
        }
        // Requests of the client commands.
        let described = |method: &str, path: &str| all.iter().any(|(m, p, _)| m == method && p == path);
        for path in [paths::STATUS, paths::BLOCKS, paths::AGGREGATED_OPERATIONS, "/api/v1/jobs/{id}"] {
            assert!(described("GET", path), "{path}");
        }
        let here = token.is_some();
        for path in [paths::GENESIS, paths::BLOCKS, paths::AGGREGATED_OPERATIONS] {
            assert_eq!(described("POST", path), here, "{path}");
        }
        for path in [paths::BACKUP, "/api/v1/jobs/{id}/data"] {
            assert_eq!(described("GET", path), here, "{path}");
        }
    }
}

#[test]
fn each_page_of_a_list_starts_where_the_previous_one_ended() {
    let (_folder, server) = server();
    for (path, cursor, list, key) in [
        ("/api/v1/blocks?order=asc", "after", "blocks", "number"),
        ("/api/v1/blocks?order=desc", "before", "blocks", "number"),
        ("/api/v1/jobs?", "after", "jobs", "id"),
        ("/api/v1/jobs?order=desc", "before", "jobs", "id"),
        ("/api/v1/jobs?order=desc&status=idle", "before", "jobs", "id"),
        ("/api/v1/provers?", "after", "provers", "name"),
        ("/api/v1/rejected_proofs?", "before", "rejected_proofs", "number"),
    ] {
        let whole = server.get(path).accepted().json();
        let (mut parts, mut next) = (Vec::new(), Value::Null);
        loop {
            let text = next.as_str().map_or_else(|| next.to_string(), |name| name.replace(' ', "%20"));
            let page = if next.is_null() {
                format!("{path}&limit=1")
            } else {
                format!("{path}&limit=1&{cursor}={text}")
            };
            let page = server.get(&page).accepted().json();
            parts.extend(page[list].as_array().unwrap().iter().map(|item| item[key].clone()));
            next = page["next"].clone();
            if next.is_null() {
                break;
            }
        }
        let all: Vec<Value> = whole[list].as_array().unwrap().iter().map(|item| item[key].clone()).collect();
        assert!(all.len() > 1, "{path}");
        assert_eq!(parts, all, "{path}");
    }
}

#[test]
#[ignore = "needs schemathesis"]
fn schemathesis_finds_no_mismatch() {
    let (folder, server) = server();
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/schemathesis.toml");
    for (url, token) in [(&server.admin, OPERATOR), (&server.url, token().as_str())] {
        let run = Command::new("schemathesis")
            .arg("--config-file")
            .arg(&settings)
            .args([
                "run",
                &format!("{url}{}", paths::OPENAPI),
                "--header",
                &format!("Authorization: Bearer {token}"),
            ])
            .current_dir(&folder)
            .output()
            .expect("schemathesis");
        let report = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{report}{}", String::from_utf8_lossy(&run.stderr));
        assert!(report.contains("generated,"), "{report}");
    }
}
