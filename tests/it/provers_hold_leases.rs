//! The prover protocol over sockets.

use serde_json::{Value, json};
use zksync_witness_server::testing::internals::crypto::fr;
use zksync_witness_server::testing::internals::domain::{sample_aggregated_proof, sample_single_proof};

use crate::support::{self, Server, block, chain, http_with, input_of, run_well, token};

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

fn proof(job: &Value, data: Value) -> String {
    let (first, last) = (&job["first_block"], &job["last_block"]);
    json!({"job_id": job["job_id"], "first_block": first, "last_block": last, "data": data}).to_string()
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
    server.post("/publish", &proof(&job, other)).refused(422, "proof_refused");
    server.post("/publish", &proof(&job, json!({"BlockProof": "AAEC"}))).refused(422, "proof_refused");
    let mut elsewhere = job.clone();
    elsewhere["last_block"] = json!(2);
    server.post("/publish", &proof(&elsewhere, good.clone())).refused_about(422, "proof_refused", "job 1");
    let aggregated = json!({"AggregatedBlockProof": sample_aggregated_proof(&[input], 1)});
    server.post("/publish", &proof(&job, aggregated.clone())).refused_about(422, "proof_refused", "job 1");
    let rejected = server.get("/api/v1/rejected_proofs").accepted().json();
    assert_eq!(rejected["rejected_proofs"].as_array().unwrap().len(), 2);
    assert_eq!(server.get("/api/v1/rejected_proofs/1").accepted().json(), "AAEC");
    server.get("/api/v1/rejected_proofs/2").refused_about(404, "not_found", "rejected proof 2");
    assert_eq!(rejected["rejected_proofs"][0]["prover"], "p");

    // The first valid proof is stored, even without a lease.
    server.post("/stopped", r#""p""#).accepted();
    server.get("/api/v1/blocks/1/proof").refused_about(404, "not_found", "proof of block 1");
    server.post("/publish", &proof(&job, good.clone())).accepted();
    server.post("/publish", &proof(&job, good.clone())).refused(409, "duplicate_key");
    assert_eq!(server.get("/api/v1/blocks/1/proof").accepted().json(), good["BlockProof"]);
    server.post("/api/v1/jobs/1/requeue", "").refused(409, "overlap");
    working_on(&server, "p", &job).refused(409, "job_not_in_progress");

    let job = server.next_job("p");
    assert_eq!(job["data"]["AggregatedBlockProof"][0][0], good["BlockProof"]);
    let other = json!({"AggregatedBlockProof": sample_aggregated_proof(&[fr::from_u64(1)], 1)});
    server.post("/publish", &proof(&job, other)).refused(422, "proof_refused");
    server.post("/publish", &proof(&job, aggregated.clone())).accepted();
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
