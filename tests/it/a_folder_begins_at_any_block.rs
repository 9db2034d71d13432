//! A folder may begin with the state after any block of a node: every command knows its first block.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::following::{serve, wait_for_link};
use crate::support::node_database::NodeDatabase;
use crate::support::{SECRET, Server, chain, run, run_badly, run_well, until, vectors};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn expected(block: u32) -> Vec<u8> {
    vectors::read(&chain("chain_mixed").join(format!("expected/{block:06}.prover_data.json.zst")))
}

fn status(dir: &str) -> Value {
    serde_json::from_slice(&run_well(&["status", "--data-dir", dir, "--json"])).unwrap()
}

/// Starts a server on a folder that begins with the state after a block of `chain_mixed`.
fn following(database: &NodeDatabase, folder: &Path, from: u32) -> Server {
    let server = serve(folder, &database.url(), &from.to_string());
    server.wait_for("/blocks/witnessed", 8);
    wait_for_link(&server, "following", None);
    server
}

/// The state that is read from a server or a stopped folder.
fn reads_begin_with_the_first_block(target: [&str; 2], folder: &Path, base: u32) {
    let first = (base + 1).to_string();
    let explained = |block: u32| {
        let shown = run_well(&["explain", target[0], target[1], "block", &block.to_string(), "--json"]);
        serde_json::from_slice::<Value>(&shown).unwrap()
    };
    for block in [0, base] {
        let explained = explained(block);
        assert_eq!(explained["stage"], Value::Null);
        let sentence = format!("began with the state after block {base}");
        assert!(explained["text"].as_str().unwrap().contains(&sentence), "{explained}");
    }
    assert_ne!(explained(base + 1)["stage"], Value::Null);
    let listed = run_well(&["blocks", target[0], target[1], "--json"]);
    let listed: Value = serde_json::from_slice(&listed).unwrap();
    let numbers: Vec<_> =
        listed["blocks"].as_array().unwrap().iter().map(|block| block["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (u64::from(base) + 1..=8).rev().collect::<Vec<_>>());

    let witness = run_well(&["export", target[0], target[1], "witness", &first]);
    assert!(witness == expected(base + 1), "block {first}");
    let bundle = folder.join(format!("bundle{}", target[0]));
    run_well(&["export", target[0], target[1], "bundle", "--block", &first, "--out", text(&bundle)]);
    run_well(&["check", "bundle", text(&bundle)]);
    for item in [&["witness", "2"][..], &["block", "2"], &["proof", "2"], &["bundle", "--block", "2"]] {
        run_badly(&[&["export", target[0], target[1]], item].concat(), 3);
    }
    let out = folder.join("chain");
    let sentence = run_badly(&["chain", target[0], target[1], "export", "--out", text(&out)], 1);
    assert!(sentence.contains(&format!("after block {base}")), "{sentence}");
    assert!(!out.exists());
}

#[test]
#[ignore = "needs PostgreSQL"]
fn every_command_knows_the_first_block() {
    let database = NodeDatabase::new();
    database.load("chain_mixed");
    let url = database.url();
    // Before and after the last executed block, which is 5; an operation straddles block 3.
    for base in [3, 6] {
        let (folder, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let dir = text(folder.path());
        let server = following(&database, folder.path(), base);
        reads_begin_with_the_first_block(["--url", &server.url], files.path(), base);
        let page = server.get(&format!("/api/v1/blocks?before={}", base + 1)).json();
        assert_eq!((&page["blocks"], &page["next"]), (&Value::Array(vec![]), &Value::Null));
        let backup = files.path().join("backup");
        run_well(&["backup", "--url", &server.url, "--out", text(&backup)]);
        assert_eq!(server.terminate(), Some(0));
        reads_begin_with_the_first_block(["--data-dir", dir], files.path(), base);
        let whole = status(dir);
        assert_eq!(whole["genesis"]["block"], base);
        assert_eq!(whole["blocks"]["verified"], base.max(5));
        run_well(&["doctor", "--data-dir", dir]);

        // A devnet needs every block of its chain.
        let devnet = tempfile::tempdir().unwrap();
        let args = ["devnet", "--data-dir", text(devnet.path()), "--fork-from", text(&backup)];
        let sentence = run_badly(&args, 1);
        assert!(sentence.contains(&format!("after block {base}")), "{sentence}");

        // A repair builds the same folder from files alone.
        std::fs::remove_dir_all(folder.path().join("index")).unwrap();
        run_badly(&["doctor", "--data-dir", dir], 6);
        run_well(&["doctor", "--data-dir", dir, "--repair"]);
        run_well(&["doctor", "--data-dir", dir]);
        for pointer in ["/genesis", "/blocks/head", "/blocks/verified", "/aggregated_operations"] {
            assert_eq!(status(dir).pointer(pointer), whole.pointer(pointer), "{base} {pointer}");
        }

        // A revert reaches back to the first state, and the node is followed from there again.
        let restored = tempfile::tempdir().unwrap();
        let restored = text(restored.path());
        run_well(&["restore", "--data-dir", restored, text(&backup)]);
        run_badly(&["revert", "--data-dir", restored, "--to", &(base - 1).to_string()], 1);
        run_well(&["revert", "--data-dir", restored, "--to", &base.to_string()]);
        let reverted = status(restored);
        assert_eq!((&reverted["blocks"]["head"], &reverted["genesis"]), (&base.into(), &whole["genesis"]));
        run_well(&["doctor", "--data-dir", restored]);
        // It begins there whatever is asked, and says so.
        let import = |from: u32| {
            let imported =
                run(&["import", "--data-dir", restored, "--node", &url, "--from", &from.to_string()]);
            let told = String::from_utf8(imported.stderr).unwrap();
            assert!(imported.status.success(), "{told}");
            told.contains("--from is ignored")
        };
        assert!(import(7) && !import(base));
        // Without the node, its folder is served with a warning.
        let log = files.path().join("log");
        let alone = Server::start_logging(Path::new(restored), SECRET, &[], &log);
        until(|| fs::read_to_string(&log).unwrap().contains("pass --node to follow it").then_some(()));
        assert_eq!(alone.terminate(), Some(0));
        run_well(&["witness", "--data-dir", restored]);
        assert!(run_well(&["export", "--data-dir", restored, "witness", "8"]) == expected(8));
        run_well(&["doctor", "--data-dir", restored]);
    }
}
