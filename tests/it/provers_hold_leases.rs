//! The prover protocol over sockets.

use serde_json::{Value, json};
use zksync_witness_server::testing::internals::crypto::fr;
use zksync_witness_server::testing::internals::domain::{sample_aggregated_proof, sample_single_proof};

use crate::support::{self, Server, block, chain, http_with, input_of, publication, run_well, token};

/// Starts a server with the only block of a chain.
fn serving(name: &str) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    run_well(&["import", "--data-dir", folder.path().to_str().unwrap(), chain(name).to_str().unwrap()]);
    let server = Server::start(folder.path(), &[]);
    (folder, server)
}

fn working_on(server: &Server, prover: &str, job: &Value) -> support::Answer {
    server.post("/working_on", &json!({"prover_name": prover, "job_id": job["job_id"]}).to_string())
}

#[test]
fn a_job_is_held_from_its_claim_until_its_prover_stops() {
    let (_folder, server) = serving("deposit");
    let job = server.next_job("one");
    assert_eq!((&job["job_id"], &job["first_block"], &job["last_block"]), (&json!(1), &json!(1), &json!(1)));
    let expected = support::unpacked(&chain("deposit").join("expected/000001.prover_data.json.zst"));
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    assert!(job["data"]["BlockProof"][0] == expected);
    assert_eq!(job["data"]["BlockProof"][1], block("deposit")["block"]["block_chunks_size"]);
    let shown = server.get("/api/v1/jobs/1").accepted().json();
    assert_eq!((&shown["status"], &shown["holder"]), (&json!("in_progress"), &json!("one")));
    assert!(server.get("/api/v1/jobs/1/data").accepted().json() == job["data"]);

    working_on(&server, "one", &job).accepted();
    working_on(&server, "two", &job).refused_about(409, "wrong_holder", "\"two\"");
    let nothing = json!({"job_id": 0, "first_block": 0, "last_block": 0, "data": null});
    assert_eq!(server.get_job("two"), nothing);

    // Both forms of the body, and a prover that holds no job.
    for body in [r#""one""#, r#"{"prover_name":"one"}"#, r#""nobody""#] {
        assert_eq!(server.post("/stopped", body).accepted().text(), "");
        if body.contains("one") {
            working_on(&server, "one", &job).refused(409, "job_not_in_progress");
            assert_eq!(server.get_job("one")["job_id"], 1);
        }
    }
    working_on(&server, "one", &job).accepted();
    server.post("/api/v1/jobs/1/requeue", "").accepted();
    assert_eq!(server.get("/api/v1/jobs?status=idle").json()["jobs"][0]["id"], 1);
    assert_eq!(
        server.post("/api/internal/prover/replicas", r#"{"current_count":0}"#).json()["needed_count"],
        1
    );
    server.post("/api/v1/jobs/1/drop", "").accepted();
    server.get("/api/v1/jobs/1").refused_about(404, "unknown_job", "job 1");
}

#[test]
fn a_client_that_accepts_zstd_gets_the_same_job_compressed() {
    let (_folder, server) = serving("deposit");
    server.wait_for("/jobs/idle", 1);
    let body =
        r#"{"prover_name":"p","aux_data":{"prefer_aggregated_proof":null,"preferred_block_size":null}}"#;
    let packed =
        http_with(&server.url, "GET", "/get_job", Some(&token()), "Accept-Encoding: gzip, zstd\r\n", body);
    assert!(packed.head.contains("content-encoding: zstd"), "{}", packed.head);
    let job: Value = serde_json::from_slice(&zstd::decode_all(&packed.body[..]).unwrap()).unwrap();
    server.post("/stopped", r#""p""#).accepted();
    assert!(server.get_job("p") == job);
}

#[test]
fn proofs_are_checked_stored_once_aggregated_and_verified() {
    let (_folder, server) = serving("deposit");
    let imported = block("deposit");
    let operation = |kind: &str, more: Value| {
        let mut content = more;
        content["blocks"] = json!([imported["block"]]);
        server.post("/api/v1/aggregated_operations", &json!({kind: content}).to_string()).accepted();
    };
    // Not aggregated until the proof is stored.
    operation("CreateProofBlocks", json!({"proofs_to_pad": 0}));
    let job = server.next_job("p");
    let input = input_of(&imported);
    let good = json!({"BlockProof": sample_single_proof(&input, 1)});
    let other = json!({"BlockProof": sample_single_proof(&fr::from_u64(1), 1)});
    server.post("/publish", &publication(&job, &other)).refused(422, "proof_refused");
    server.post("/publish", &publication(&job, &json!({"BlockProof": "AAEC"}))).refused(422, "proof_refused");
    let mut elsewhere = job.clone();
    elsewhere["last_block"] = json!(2);
    server.post("/publish", &publication(&elsewhere, &good)).refused_about(422, "proof_refused", "job 1");
    let aggregated = json!({"AggregatedBlockProof": sample_aggregated_proof(&[input], 1)});
    server.post("/publish", &publication(&job, &aggregated)).refused_about(422, "proof_refused", "job 1");
    let rejected = server.get("/api/v1/rejected_proofs").accepted().json();
    assert_eq!(rejected["rejected_proofs"].as_array().unwrap().len(), 2);
    assert_eq!(server.get("/api/v1/rejected_proofs/1").accepted().json(), "AAEC");
    server.get("/api/v1/rejected_proofs/2").refused_about(404, "not_found", "rejected proof 2");
    assert_eq!(rejected["rejected_proofs"][0]["prover"], "p");

    // The first valid proof is stored, even without a lease.
    server.post("/stopped", r#""p""#).accepted();
    server.get("/api/v1/blocks/1/proof").refused_about(404, "not_found", "proof of block 1");
    server.post("/publish", &publication(&job, &good)).accepted();
    server.post("/publish", &publication(&job, &good)).refused(409, "duplicate_key");
    assert_eq!(server.get("/api/v1/blocks/1/proof").accepted().json(), good["BlockProof"]);
    server.post("/api/v1/jobs/1/requeue", "").refused(409, "overlap");
    working_on(&server, "p", &job).refused(409, "job_not_in_progress");

    let job = server.next_job("p");
    assert_eq!(job["data"]["AggregatedBlockProof"][0][0], good["BlockProof"]);
    let other = json!({"AggregatedBlockProof": sample_aggregated_proof(&[fr::from_u64(1)], 1)});
    server.post("/publish", &publication(&job, &other)).refused(422, "proof_refused");
    server.post("/publish", &publication(&job, &aggregated)).accepted();
    let stored = server.get("/api/v1/aggregated_proofs/1/1").accepted().json();
    assert_eq!(stored, aggregated["AggregatedBlockProof"]);
    server.get("/api/v1/aggregated_proofs/1/2").refused_about(404, "not_found", "blocks 1 to 2");

    operation("ExecuteBlocks", json!({}));
    server.wait_for("/blocks/verified", 1);
    server.wait_for("/jobs/done", 2);
    let operations = server.get("/api/v1/aggregated_operations?action=ExecuteBlocks").accepted().json();
    assert_eq!(operations["aggregated_operations"][0]["last_block"], 1);
    server.post("/api/v1/jobs/2/drop", "").refused_about(409, "overlap", "job 2");
}

#[test]
fn a_head_request_claims_nothing() {
    let (_folder, server) = serving("deposit");
    server.wait_for("/jobs/idle", 1);
    let body = r#"{"prover_name":"p","aux_data":{}}"#;
    assert_eq!(server.ask("HEAD", "/get_job", body).status, 405);
    let counts = server.get("/api/v1/status").json()["jobs"].clone();
    assert_eq!((&counts["idle"], &counts["in_progress"]), (&json!(1), &json!(0)));
    assert_eq!(server.next_job("p")["job_id"], 1);
}

#[test]
fn a_witness_that_cannot_be_read_costs_no_attempt() {
    let (folder, server) = serving("deposit");
    server.wait_for("/jobs/idle", 1);
    let sound: Vec<_> = std::fs::read_dir(folder.path().join("blobs"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    sound.iter().for_each(|(path, _)| std::fs::write(path, "damaged").unwrap());
    for _ in 0..4 {
        server.ask("GET", "/get_job", r#"{"prover_name":"p","aux_data":{}}"#);
        let job = server.get("/api/v1/jobs/1").json();
        assert_eq!((&job["attempts"], &job["status"]), (&json!(0), &json!("idle")));
    }
    let text = server.get("/api/v1/blocks/1/explain").json()["text"].as_str().unwrap().to_owned();
    assert!(text.contains("cannot be read"), "{text}");
    sound.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
    assert_eq!(server.next_job("p")["job_id"], 1);
    assert_eq!(server.get("/api/v1/jobs/1").json()["attempts"], 1);
}

#[test]
fn event_streams_of_the_admin_listener_leave_those_of_the_main_one_alone() {
    let (_folder, server) = serving("deposit");
    let open = |url: &str, token: &str| {
        use std::io::{Read, Write};
        let address = url.strip_prefix("http://").unwrap();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: {address}\r\n{token}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        (stream, String::from_utf8(head.to_vec()).unwrap())
    };
    let admin = if server.admin.starts_with("http") {
        server.admin.clone()
    } else {
        format!("http://{}", server.admin)
    };
    let anonymous: Vec<_> = (0..64).map(|_| open(&admin, "")).collect();
    assert!(anonymous.iter().all(|(_, head)| head == "HTTP/1.1 200"));
    assert_eq!(open(&admin, "").1, "HTTP/1.1 503");
    let token = format!("Authorization: Bearer {}\r\n", token());
    assert_eq!(open(&server.url, &token).1, "HTTP/1.1 200");
}
