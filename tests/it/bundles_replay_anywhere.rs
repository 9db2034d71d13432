//! `export bundle` and `check bundle`: a bundle that is attached to a bug report can be replayed on
//! another machine.

use std::fs;
use std::path::Path;

use serde_json::{Value, json, value::RawValue};
use zksync_witness_server::testing::internals::bundle;
use zksync_witness_server::testing::internals::store::Store;

use crate::support::{Server, block, chain, genesis, run, run_badly, run_well, until, vectors};

/// Checks a bundle without the data folder that it comes from; returns the report.
fn report(file: &Path, code: i32) -> Value {
    let output = run(&["check", "bundle", file.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn outcome(report: &Value, check: &str) -> (String, String) {
    let lines = report["lines"].as_array().unwrap();
    let line = lines.iter().find(|line| line["check"] == check).unwrap();
    (line["outcome"].as_str().unwrap().to_owned(), line["detail"].as_str().unwrap().to_owned())
}

/// Checks the bundle of the first block of a chain, which has no witness yet: with the witness of the
/// reference, the replay computes the same bytes from the bundle alone.
pub fn bundle_replays_to(expected: &Path, store: &Store, name: &str) {
    let mut taken = bundle::export(store, 1, 1_767_225_600_000).unwrap();
    assert!(taken.witness.is_none(), "{name}");
    let witness = String::from_utf8(vectors::read(expected)).unwrap();
    taken.witness = Some(RawValue::from_string(witness).unwrap());
    let report = bundle::check(&taken.to_file().unwrap()).unwrap();
    assert!(report.holds, "{name}: {report:?}");
    assert_eq!(report.lines[bundle::Check::Witness as usize].outcome, bundle::Outcome::Holds, "{name}");
}

#[test]
fn a_bundle_of_a_server_equals_that_of_its_folder_and_its_check_reports_each_item() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let [online, offline] = ["online", "offline"].map(|name| elsewhere.path().join(name));
    let server = Server::start(folder.path(), &[]);
    let url = server.url.as_str();
    run_badly(&["export", "--url", url, "bundle", "--block", "1"], 3);
    run_well(&["import", "--url", url, chain("full_exit_nft").to_str().unwrap()]);
    server.wait_for("/blocks/witnessed", 2);
    run_well(&["export", "--url", url, "bundle", "--block", "1", "--out", online.to_str().unwrap()]);
    server.get("/api/v1/blocks/3/bundle").refused_about(404, "not_found", "block 3");
    assert_eq!(server.terminate(), Some(0));
    let dir = folder.path().to_str().unwrap();
    run_well(&["export", "--data-dir", dir, "bundle", "--block", "1", "--out", offline.to_str().unwrap()]);
    run_badly(&["export", "--data-dir", dir, "bundle", "--block", "3"], 3);
    drop(folder);

    let content = |file: &Path| {
        let json = zstd::decode_all(&fs::read(file).unwrap()[..]).unwrap();
        let mut json: Value = serde_json::from_slice(&json).unwrap();
        json["taken_at_ms"] = json!(0);
        json
    };
    assert_eq!(content(&online), content(&offline));
    let text = String::from_utf8(run_well(&["check", "bundle", online.to_str().unwrap()])).unwrap();
    let lines: Vec<(&str, &str)> =
        text.lines().map(|line| (line[..17].trim(), line[17..30].trim())).collect();
    let expected = [
        ("file", "holds"),
        ("block", "holds"),
        ("root before", "holds"),
        ("signatures", "holds"),
        ("operations", "holds"),
        ("account updates", "holds"),
        ("root after", "holds"),
        ("commitment", "holds"),
        ("witness", "holds"),
        ("proof", "absent"),
        ("quarantine", "absent"),
    ];
    assert_eq!(lines, expected, "{text}");

    let mut damaged = fs::read(&offline).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&offline, damaged).unwrap();
    let error = run_badly(&["check", "bundle", offline.to_str().unwrap()], 6);
    assert!(error.contains("file: the bundle is damaged"), "{error}");
    run_badly(&["check", "bundle", elsewhere.path().join("none").to_str().unwrap()], 3);
}

/// A chain whose first block claims another root, or another commitment.
#[test]
fn a_quarantined_block_shows_its_reason_anywhere() {
    for (field, check, words) in [
        ("new_root_hash", "root_after", "the root after all operations and fees"),
        ("block_commitment", "commitment", "the commitment of the operations"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), &[]);
        server.post("/api/v1/genesis", std::str::from_utf8(&genesis("deposit")).unwrap()).accepted();
        let mut wrong = block("deposit");
        let value = wrong["block"][field].as_str().unwrap().to_owned();
        let (head, tail) = value.split_at(value.len() - 1);
        wrong["block"][field] = json!(format!("{head}{}", if tail == "0" { "1" } else { "0" }));
        server.post("/api/v1/blocks", &wrong.to_string()).accepted();
        until(|| {
            (!server.get("/api/v1/status").json()["blocks"]["quarantined"].as_array()?.is_empty())
                .then_some(())
        });
        let file = folder.path().with_extension("bundle");
        let out = file.to_str().unwrap();
        run_well(&["export", "--url", &server.url, "bundle", "--block", "1", "--out", out]);
        drop((server, folder));

        let report = report(&file, 6);
        assert_eq!(report["holds"], json!(false));
        let (holds, detail) = outcome(&report, check);
        assert_eq!(holds, "fails", "{report}");
        assert!(detail.contains(words), "{detail}");
        assert_eq!(outcome(&report, "quarantine").0, "holds", "{report}");
        assert_eq!(outcome(&report, "operations").0, "holds", "{report}");
        let error = run_badly(&["check", "bundle", out], 6);
        assert!(error.contains("block 1 does not hold") && error.contains(words), "{error}");
        fs::remove_file(file).unwrap();
    }
}
