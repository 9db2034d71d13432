//! Aggregated operations over HTTP follow each other without a gap, and `witness` ends on folders
//! whose blocks are verified.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Server, run_badly, run_well, sample_block, sample_chain};

fn execute(first: u32, last: u32) -> String {
    let blocks: Vec<Value> = (first..=last).map(|number| sample_block(number)["block"].clone()).collect();
    json!({"ExecuteBlocks": {"blocks": blocks}}).to_string()
}

fn serving(folder: &Path) -> Server {
    let server = Server::start(folder, &[]);
    run_well(&["import", "--url", &server.url, &sample_chain()]);
    server
}

#[test]
fn an_operation_after_a_gap_is_answered_with_the_expected_range() {
    let folder = tempfile::tempdir().unwrap();
    let server = serving(folder.path());
    let post = |body: &str| server.post("/api/v1/aggregated_operations", body);
    let verified = || server.get("/api/v1/status").json()["blocks"]["verified"].clone();
    post(&execute(5, 6)).refused_about(409, "operation_out_of_order", "block 1");
    assert_eq!(verified(), 0);
    post(&execute(1, 4)).accepted();
    post(&execute(6, 6)).refused_about(409, "operation_out_of_order", "block 5");
    post(&execute(5, 6)).accepted();
    post(&execute(5, 6)).accepted();
    assert_eq!(verified(), 6);
    let mut other = sample_block(7)["block"].clone();
    other["timestamp"] = json!(other["timestamp"].as_u64().unwrap() + 1);
    let other = json!({"ExecuteBlocks": {"blocks": [other]}}).to_string();
    post(&other).refused_about(422, "import_refused", "block 7");
}

#[test]
fn witness_ends_on_a_restored_folder_whose_blocks_are_verified() {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name: &str| temporary.path().join(name).to_str().unwrap().to_owned();
    let (data, backup, restored) = (path("data"), path("backup"), path("restored"));
    let server = serving(Path::new(&data));
    server.post("/api/v1/aggregated_operations", &execute(1, 8)).accepted();
    assert_eq!(server.terminate(), Some(0));
    run_well(&["backup", "--data-dir", &data, "--out", &backup]);
    run_well(&["restore", &backup, "--data-dir", &restored]);
    let text = String::from_utf8(run_well(&["witness", "--data-dir", &restored])).unwrap();
    assert_eq!(text, "every witness up to block 8 is stored\n");
    run_well(&["doctor", "--data-dir", &restored]);
    // A revert into the executed blocks takes the tree back, and the witnesses are built.
    run_well(&["revert", "--data-dir", &restored, "--to", "3"]);
    run_well(&["witness", "--data-dir", &restored]);
    let status: Value =
        serde_json::from_slice(&run_well(&["status", "--data-dir", &restored, "--json"])).unwrap();
    assert_eq!((&status["blocks"]["witnessed"], &status["blocks"]["verified"]), (&json!(3), &json!(0)));
    run_well(&["export", "--data-dir", &restored, "witness", "1"]);
    run_well(&["doctor", "--data-dir", &restored]);
    run_badly(&["revert", "--data-dir", &restored, "--to", "9"], 3);
}
