//! With `--verification-keys`, only proofs that verify are accepted. Circuits, keys and proofs are
//! real but small.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use zksync_witness_server::testing::TestServer;
use zksync_witness_server::testing::internals::crypto::{Fr, fr};
use zksync_witness_server::testing::internals::domain::{
    AggregatedProof, SingleProof, sample_aggregated_proof, sample_single_proof,
};
use zksync_witness_server::testing::internals::workers::MAX_WAITING;
use zksync_witness_server::testing::plonk::{AggregateProver, BlockProver, altered};

use crate::support::{self, Server, block, chain, input_of, run_badly, run_well};

/// Returns a data folder with the only block of a chain, and a folder with the keys of the given
/// block provers, by chunks.
fn folders(keys: &[(u64, &BlockProver)]) -> (tempfile::TempDir, tempfile::TempDir) {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run_well(&["import", "--data-dir", data.path().to_str().unwrap(), chain("deposit").to_str().unwrap()]);
    for (chunks, prover) in keys {
        let name = format!("verification_block_{chunks}.key");
        std::fs::write(folder.path().join(name), prover.key_bytes()).unwrap();
    }
    (data, folder)
}

fn serving(data: &Path, keys: &Path, more: &[&str]) -> Server {
    Server::start(data, &[&["--verification-keys", keys.to_str().unwrap()], more].concat())
}

/// Returns size and public input of the block.
fn the_block() -> (u64, Fr) {
    let block = block("deposit");
    (block["block"]["block_chunks_size"].as_u64().unwrap(), input_of(&block))
}

fn message(job: &Value, kind: &str, proof: &impl serde::Serialize) -> String {
    let (id, first, last) = (&job["job_id"], &job["first_block"], &job["last_block"]);
    json!({"job_id": id, "first_block": first, "last_block": last, "data": {kind: proof}}).to_string()
}

fn publish(server: &Server, job: &Value, kind: &str, proof: &impl serde::Serialize) -> support::Answer {
    server.post("/publish", &message(job, kind, proof))
}

fn rejected(server: &Server) -> Vec<Value> {
    let answer = server.get("/api/v1/rejected_proofs?limit=1000").accepted().json();
    answer["rejected_proofs"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

#[test]
fn an_invalid_proof_is_rejected_and_kept_and_ends_its_attempt() {
    let (chunks, input) = the_block();
    let prover = BlockProver::new(1);
    let (data, keys) = folders(&[(chunks, &prover)]);
    // A long lease, which does not end on a slow machine.
    let settings = ["--set", "verify_concurrency=2", "--set", "gone_timeout=1h"];
    let server = serving(data.path(), keys.path(), &settings);
    let job = server.next_job("one");
    let proof = prover.prove(&input);

    // A bit is flipped at regular distances: some results are malformed, the others false.
    let mut refusals = 0;
    for at in (16..1144).step_by(31).chain([1143]) {
        let mut flipped = proof.clone();
        flipped.0[at] ^= 1;
        let answer = publish(&server, &job, "BlockProof", &flipped);
        assert_eq!(answer.status, 422, "{at}: {}", answer.text());
        refusals += 1;
    }
    assert_eq!(rejected(&server).len(), refusals);
    // Well-formed, for the right block, but false.
    for (item, false_proof) in altered(&proof) {
        let answer = publish(&server, &job, "BlockProof", &false_proof);
        let code = if item == "inputs 0" { "proof_refused" } else { "proof_invalid" };
        assert_eq!((answer.status, answer.json()["code"].as_str().unwrap()), (422, code), "{item}");
        refusals += 1;
    }
    publish(&server, &job, "BlockProof", &sample_single_proof(&input, 1)).refused(422, "proof_invalid");
    refusals += 1;
    let kept = rejected(&server);
    assert_eq!(kept.len(), refusals);
    assert_eq!((&kept[0]["job_id"], &kept[0]["prover"]), (&job["job_id"], &json!("one")));
    assert!(
        kept[0]["reason"].as_str().unwrap().contains("does not satisfy the verification key"),
        "{}",
        kept[0]
    );

    let shown = server.get("/api/v1/jobs/1").accepted().json();
    assert_eq!((&shown["status"], &shown["holder"]), (&json!("idle"), &json!("one")));
    assert_eq!(shown["refusals"], json!([{"prover": "one", "attempts": 1}]));
    server.get("/api/v1/blocks/1/proof").refused_about(404, "not_found", "proof");
    publish(&server, &job, "BlockProof", &proof).accepted();
    assert_eq!(server.get("/api/v1/jobs/1").accepted().json()["status"], "done");
    let stored: SingleProof =
        serde_json::from_slice(&server.get("/api/v1/blocks/1/proof").accepted().body).unwrap();
    assert_eq!(stored, proof);
}

#[test]
fn a_valid_proof_of_another_block_is_rejected_also_with_its_input_altered() {
    let (chunks, input) = the_block();
    let prover = BlockProver::new(1);
    let (data, keys) = folders(&[(chunks, &prover)]);
    let server = serving(data.path(), keys.path(), &[]);
    let job = server.next_job("one");
    let other = prover.prove(&fr::from_u64(12345));
    publish(&server, &job, "BlockProof", &other).refused_about(422, "proof_refused", "block 1");
    let mut altered = other.validate().unwrap();
    altered.inputs = vec![input];
    publish(&server, &job, "BlockProof", &SingleProof::from(&altered)).refused(422, "proof_invalid");
    // For the right block, by another circuit.
    publish(&server, &job, "BlockProof", &BlockProver::new(2).prove(&input)).refused(422, "proof_invalid");
    publish(&server, &job, "BlockProof", &prover.prove(&input)).accepted();
}

#[test]
fn an_aggregate_is_verified_with_the_points_of_its_block_proofs() {
    let (chunks, input) = the_block();
    let (prover, larger) = (BlockProver::new(1), BlockProver::new(2));
    let (data, keys) = folders(&[(chunks, &prover), (chunks + 1, &larger)]);
    let aggregator = AggregateProver::default();
    std::fs::write(keys.path().join("recursive_1.key"), aggregator.key_bytes()).unwrap();
    let server = serving(data.path(), keys.path(), &["--aggregate", "1"]);
    let single = prover.prove(&input);
    publish(&server, &server.next_job("one"), "BlockProof", &single).accepted();

    let job = server.next_job("one");
    assert!(job["data"]["AggregatedBlockProof"].is_array(), "{job}");
    let provers = [prover, larger];
    let proof = aggregator.prove(&provers, &[(0, single.clone())]);
    let sample = sample_aggregated_proof(&[input], 1);
    publish(&server, &job, "AggregatedBlockProof", &sample).refused(422, "proof_invalid");
    let mut false_proof = proof.clone();
    // The lowest byte of the value of the linearization, which precedes two points.
    let at = false_proof.proof.len() - 2 * 64 - 1;
    false_proof.proof[at] ^= 1;
    publish(&server, &job, "AggregatedBlockProof", &false_proof).refused(422, "proof_invalid");
    assert_eq!(rejected(&server).len(), 2);
    publish(&server, &job, "AggregatedBlockProof", &proof).accepted();
    server.get("/api/v1/aggregated_proofs/1/1").accepted();
}

/// Returns the proof as the reference's devnet prover sends it: it keeps the leading index of its
/// sample.
fn of_the_devnet_prover(input: Fr) -> AggregatedProof {
    let mut proof = sample_aggregated_proof(&[input], 1);
    proof.individual_vk_idxs.insert(0, 0);
    proof
}

#[test]
fn an_aggregate_of_the_devnet_prover_is_accepted_without_keys() {
    let (_, input) = the_block();
    let (data, _) = folders(&[]);
    let server = Server::start(data.path(), &["--aggregate", "1"]);
    publish(&server, &server.next_job("one"), "BlockProof", &sample_single_proof(&input, 1)).accepted();
    let job = server.next_job("one");
    let proof = of_the_devnet_prover(input);
    publish(&server, &job, "AggregatedBlockProof", &proof).accepted();
    let stored: AggregatedProof =
        serde_json::from_slice(&server.get("/api/v1/aggregated_proofs/1/1").accepted().body).unwrap();
    assert_eq!(stored, proof);
}

#[test]
fn an_aggregate_of_the_devnet_prover_is_refused_with_keys_and_its_job_shows_why() {
    let (chunks, input) = the_block();
    let prover = BlockProver::new(1);
    let (data, keys) = folders(&[(chunks, &prover)]);
    let server = serving(data.path(), keys.path(), &["--aggregate", "1"]);
    publish(&server, &server.next_job("one"), "BlockProof", &prover.prove(&input)).accepted();
    let job = server.next_job("two");
    let answer = publish(&server, &job, "AggregatedBlockProof", &of_the_devnet_prover(input));
    assert_eq!((answer.status, answer.json()["code"].as_str().unwrap()), (422, "proof_refused"));

    let reason = &rejected(&server)[0]["reason"];
    assert!(reason.as_str().unwrap().contains("individual_vk_idxs"), "{reason}");
    let shown = server.get(&format!("/api/v1/jobs/{}", job["job_id"])).accepted().json();
    assert_eq!(&shown["last_rejection"]["reason"], reason, "{shown}");
    assert_eq!(shown["last_rejection"]["prover"], "two");
    let explained = server.get("/api/v1/blocks/1/explain").accepted().json();
    assert!(explained["text"].as_str().unwrap().contains(reason.as_str().unwrap()), "{explained}");
}

#[test]
fn without_a_key_for_its_size_a_proof_is_accepted_unverified() {
    let (chunks, input) = the_block();
    let (data, keys) = folders(&[(chunks + 1, &BlockProver::new(1))]);
    let server = serving(data.path(), keys.path(), &[]);
    let job = server.next_job("one");
    publish(&server, &job, "BlockProof", &sample_single_proof(&input, 1)).accepted();
}

#[test]
fn many_proofs_at_once_are_all_answered() {
    let (chunks, input) = the_block();
    let prover = BlockProver::new(1);
    let (data, keys) = folders(&[(chunks, &prover)]);
    let server = serving(data.path(), keys.path(), &["--set", "verify_concurrency=1"]);
    let job = server.next_job("one");
    let (good, bad) = (prover.prove(&input), sample_single_proof(&input, 1));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let (server, job) = (&server, &job);
        let publish = |proof| scope.spawn(move || publish(server, job, "BlockProof", proof).status);
        let threads: Vec<_> = (0..20).map(|i| publish(if i % 2 == 0 { &good } else { &bad })).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    // Another valid proof is too late; an invalid one is refused or too late.
    assert!(statuses.iter().all(|status| [200, 409, 422].contains(status)), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_beyond_the_queue_of_the_verifier_gets_503() {
    let (chunks, input) = the_block();
    let prover = BlockProver::new(1);
    let (data, keys) = folders(&[(chunks, &prover)]);
    let server = TestServer::builder().data_dir(data.path()).configure(|config| {
        config.verification_keys = Some(keys.path().to_owned());
        config.verify_concurrency = Some(1);
    });
    let server = server.start().await;
    server.wait_until(|status| status.jobs.idle == 1).await;
    let job = json!({"job_id": server.claim("one").await, "first_block": 1, "last_block": 1});
    let body = message(&job, "BlockProof", &prover.prove(&input));

    // One proof is being verified, and the queue is full.
    let verifier = server.service().node().verifier().unwrap().clone();
    let turn = verifier.acquire().await.unwrap();
    let waiting: Vec<_> = (0..MAX_WAITING)
        .map(|_| {
            let verifier = verifier.clone();
            tokio::spawn(async move { verifier.acquire().await.map(drop) })
        })
        .collect();
    while verifier.in_flight() < 1 + MAX_WAITING {
        tokio::task::yield_now().await;
    }
    let answer = server.client().post_bytes("/publish", body.clone()).await.unwrap();
    assert_eq!(answer.status.as_u16(), 503);
    drop(turn);
    for task in waiting {
        task.await.unwrap().unwrap();
    }
    server.client().post_bytes("/publish", body).await.unwrap().success().unwrap();
    server.stop().await;
}

#[test]
fn a_bad_key_stops_the_start_with_its_name() {
    let (data, keys) = folders(&[(26, &BlockProver::new(1))]);
    let file = keys.path().join("verification_block_26.key");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.pop();
    std::fs::write(&file, bytes).unwrap();
    let (data, keys) = (data.path().to_str().unwrap(), keys.path().to_str().unwrap());
    let sentence = run_badly(&["serve", "--data-dir", data, "--verification-keys", keys], 2);
    assert!(sentence.contains("verification_block_26.key is not a verification key"), "{sentence}");
}

#[test]
fn malformed_proofs_are_rejected_before_the_verifier() {
    let (chunks, _) = the_block();
    let (data, keys) = folders(&[(chunks, &BlockProver::new(1))]);
    let server = serving(data.path(), keys.path(), &[]);
    let job = server.next_job("one");
    for bytes in [vec![], vec![0xff; 1144], vec![0; 1144]] {
        let answer = publish(&server, &job, "BlockProof", &STANDARD.encode(&bytes));
        assert_eq!((answer.status, answer.json()["code"].as_str().unwrap()), (422, "proof_refused"));
    }
}
