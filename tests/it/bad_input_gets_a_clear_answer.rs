//! Bad input is refused with a clear error; nothing is lost, and the server keeps running.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::{self, Server, block, chain, genesis, http_with, run_badly, run_well, token};

#[test]
fn messages_of_provers_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        Server::start(folder.path(), &["--set", "max_message_bytes=1KiB", "--set", "max_block_bytes=1KiB"]);
    server.ask("GET", "/get_job", "").refused(400, "missing_body");
    server.ask("GET", "/get_job", "{\"prover_name\":\n x}").refused_about(400, "bad_json", "line 2 column 2");
    server.ask("GET", "/get_job", r#"{"prover_name":"p"}"#).refused_about(400, "bad_json", "aux_data");
    server.ask("GET", "/get_job", r#"{"prover_name":"","aux_data":{}}"#).refused(400, "empty_prover_name");
    let long = json!({"prover_name": "p".repeat(500), "aux_data": {}}).to_string();
    assert_eq!(server.get_job("p")["job_id"], 0);
    assert_eq!(server.ask("GET", "/get_job", &long).status, 400);
    let huge = json!({"prover_name": "p".repeat(200_000), "aux_data": {}}).to_string();
    server.ask("GET", "/get_job", &huge).refused_about(413, "body_too_large", "1024");
    server.post("/api/v1/blocks", &huge).refused_about(413, "body_too_large", "1024");
    let chunked = |body: &str| {
        let header = "Transfer-Encoding: chunked\r\n";
        http_with(&server.url, "POST", "/stopped", Some(&token()), header, body)
    };
    chunked(&format!("{:x}\r\n{huge}\r\n0\r\n\r\n", huge.len())).refused_about(413, "body_too_large", "1024");
    chunked("no length\r\n").refused(400, "broken_body");
    chunked("3\r\n\"p\"\r\n0\r\n\r\n").accepted();

    server.post("/working_on", r#"{"prover_name":"p","job_id":7}"#).refused_about(
        404,
        "unknown_job",
        "job 7",
    );
    server.post("/working_on", r#"{"prover_name":"p","job_id":-7}"#).refused_about(
        404,
        "unknown_job",
        "job -7",
    );
    server.post("/working_on", r#"{"prover_name":"p","job_id":"1"}"#).refused_about(
        400,
        "bad_json",
        "line 1 column",
    );
    server.post("/stopped", "1").refused_about(400, "bad_json", "line 1 column");
    server.post("/stopped", r#""""#).refused(400, "empty_prover_name");
    let publish = r#"{"job_id":7,"first_block":1,"last_block":1,"data":{"BlockProof":"AAEC"}}"#;
    server.post("/publish", publish).refused_about(404, "unknown_job", "job 7");
    server.post("/publish", "[").refused_about(400, "bad_json", "line 1 column 1");
    server.get("/api/v1/jobs/7").refused_about(404, "unknown_job", "job 7");
    server.get("/api/v1/jobs/seven").refused_about(400, "bad_parameter", "seven");
    server.get("/api/v1/jobs?status=idl").refused_about(400, "bad_parameter", "idle");
    server.post("/api/v1/jobs/7/requeue", "").refused_about(404, "unknown_job", "job 7");
    server.get("/api/v1/blocks/1/witness").refused_about(404, "not_found", "witness of block 1");
    assert_eq!(
        server.post("/api/internal/prover/replicas", r#"{"current_count":3}"#).json(),
        json!({"needed_count": 1})
    );
    assert_eq!(server.get("/status").accepted().text(), "alive");
}

#[test]
fn imports_are_checked_and_stored_items_stay() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let blocks = "/api/v1/blocks";
    let good = block("deposit");
    server.post(blocks, &good.to_string()).refused(409, "no_genesis");
    server.post("/api/v1/genesis", "{\n\"0\": 1}").refused_about(400, "bad_json", "line 2 column");
    let genesis = String::from_utf8(genesis("deposit")).unwrap();
    assert_eq!(server.post("/api/v1/genesis", &genesis).accepted().json()["outcome"], "stored");
    assert_eq!(server.post("/api/v1/genesis", &genesis).accepted().json()["outcome"], "already_there");
    server.post("/api/v1/genesis", "{}").refused(409, "conflict");

    server.post(blocks, "").refused(400, "missing_body");
    server.post(blocks, "{\"block\":").refused_about(400, "bad_json", "line 1 column 9");
    let changed = |pointer: &str, value: Value| {
        let mut block = good.clone();
        *block.pointer_mut(pointer).unwrap() = value;
        block.to_string()
    };
    server.post(blocks, &changed("/block/block_number", json!(5))).refused_about(
        409,
        "block_out_of_order",
        "block 1",
    );
    server.post(blocks, &changed("/accounts_updated", json!([]))).refused_about(
        422,
        "import_refused",
        "block 1",
    );
    server.post(blocks, &changed("/block/block_chunks_size", json!(1))).refused_about(
        422,
        "import_refused",
        "block 1",
    );
    assert_eq!(server.get("/api/v1/status").json()["blocks"]["head"], 0);

    assert_eq!(server.post(blocks, &good.to_string()).accepted().json()["outcome"], "stored");
    assert_eq!(server.post(blocks, &good.to_string()).accepted().json()["outcome"], "already_there");
    server.post(blocks, &changed("/block/timestamp", json!(1))).refused(409, "conflict");

    let operation = |block: &Value| json!({"ExecuteBlocks": {"blocks": [block]}}).to_string();
    let mut other = good["block"].clone();
    other["block_number"] = json!(2);
    server.post("/api/v1/aggregated_operations", &operation(&other)).refused_about(
        422,
        "import_refused",
        "block 2",
    );
    server.post("/api/v1/aggregated_operations", "{}").refused_about(400, "bad_json", "line 1 column");
    server.post("/api/v1/aggregated_operations", &operation(&good["block"])).accepted();
    assert_eq!(server.get("/api/v1/status").json()["blocks"]["verified"], 1);
}

/// Writes a chain folder with the first blocks of the sample chain, the second with another
/// commitment or root.
fn damaged_chain(field: &str, value: &str) -> tempfile::TempDir {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain");
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("blocks")).unwrap();
    fs::copy(sample.join("genesis.json"), folder.path().join("genesis.json")).unwrap();
    for number in 1..=2 {
        let name = format!("blocks/{number:06}.json");
        let mut block: Value = serde_json::from_slice(&fs::read(sample.join(&name)).unwrap()).unwrap();
        if number == 2 {
            block["block"][field] = json!(value);
        }
        fs::write(folder.path().join(name), block.to_string()).unwrap();
    }
    folder
}

#[test]
fn a_block_with_a_wrong_commitment_or_root_is_quarantined_and_can_be_replaced() {
    let zeros = "0".repeat(64);
    for (field, value) in [("block_commitment", format!("0x{zeros}")), ("new_root_hash", zeros)] {
        let bad = damaged_chain(field, &value);
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().to_str().unwrap();
        for _ in 0..2 {
            let error = run_badly(&["import", "--data-dir", dir, bad.path().to_str().unwrap()], 1);
            assert!(error.contains("block 2 is quarantined") && error.contains("explain block 2"), "{error}");
        }
        let error = run_badly(&["witness", "--data-dir", dir], 1);
        assert!(error.contains("block 2 is quarantined"), "{error}");
        run_badly(&["export", "--data-dir", dir, "witness", "2"], 3);

        let server = Server::start(folder.path(), &[]);
        let status = server.get("/api/v1/status").json();
        assert_eq!(status["blocks"]["quarantined"][0]["block"], 2, "{status}");
        assert!(
            status["blocks"]["quarantined"][0]["reason"].as_str().is_some_and(|reason| !reason.is_empty())
        );
        assert_eq!(server.next_job("p")["first_block"], 1);
        assert_eq!(server.terminate(), Some(0));

        run_well(&["revert", "--data-dir", dir, "--to", "1"]);
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain");
        run_well(&["import", "--data-dir", dir, sample.to_str().unwrap()]);
        run_well(&["witness", "--data-dir", dir, "--until", "2"]);
        let witness = run_well(&["export", "--data-dir", dir, "witness", "2"]);
        let expected = support::unpacked(&chain("chain_mixed").join("expected/000002.prover_data.json.zst"));
        assert!(witness == expected);
    }
}

#[test]
fn folders_and_ports_that_cannot_be_used_are_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let dir = dir.to_str().unwrap();
    let deposit = chain("deposit");
    let deposit = deposit.to_str().unwrap();
    for command in [&["status", "--data-dir", dir][..], &["revert", "--data-dir", dir, "--to", "0"]] {
        assert!(run_badly(command, 4).contains(dir));
    }
    run_well(&["import", "--data-dir", dir, deposit]);
    let server = Server::start(Path::new(dir), &[]);
    let port = server.url.strip_prefix("http://").unwrap();
    // Commands that a server can answer ask it; the others need the folder for themselves.
    for command in [
        &["witness", "--data-dir", dir][..],
        &["revert", "--data-dir", dir, "--to", "0"],
        &["serve", "--data-dir", dir],
    ] {
        assert!(run_badly(command, 4).contains("another witness-server is using the data folder"));
    }
    let other = folder.path().join("other");
    let error = run_badly(&["serve", "--data-dir", other.to_str().unwrap(), "--listen", port], 1);
    assert!(error.contains("is taken by another process"), "{error}");
    assert!(error.contains("choose another address with --listen"), "{error}");
    drop(server);
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    run_badly(&["import", "--data-dir", file.to_str().unwrap(), deposit], 4);

    let half = damaged_chain("timestamp", "");
    let path = half.path().join("blocks/000001.json");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let fresh = folder.path().join("fresh");
    let error =
        run_badly(&["import", "--data-dir", fresh.to_str().unwrap(), half.path().to_str().unwrap()], 1);
    assert!(error.contains("is incomplete") && error.contains("copy it again"), "{error}");
    assert!(run_badly(&["export", "--data-dir", dir, "proof", "1"], 3).contains("the proof of block 1"));
}
