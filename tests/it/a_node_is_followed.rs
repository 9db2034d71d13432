//! A node's database is followed: every block of it is imported and witnessed as the reference does.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use zksync_witness_server::testing::dice::Dice;
use zksync_witness_server::testing::internals::domain::{
    AggregatedOperation, ImportedBlock, sample_single_proof,
};

use crate::support::following::{begun, sealed, serve};
use crate::support::node_database::{NodeDatabase, file};
use crate::support::sealed_chain::Chain;
use crate::support::tcp_proxy::TcpProxy;
use crate::support::{
    Server, chain, http, input_of, publication, run_badly, run_well, sample_block, until, vectors,
};

/// A server that follows a database through a proxy.
struct Following {
    database: NodeDatabase,
    proxy: TcpProxy,
    folder: tempfile::TempDir,
    server: Server,
}
impl Following {
    fn start(dump: &str, from: &str) -> Self {
        let database = NodeDatabase::new();
        database.load(dump);
        let proxy = TcpProxy::start(database.postgres.port());
        let folder = tempfile::tempdir().unwrap();
        let server = serve(folder.path(), &database.url_at(proxy.port()), from);
        Self { database, proxy, folder, server }
    }

    /// Replaces all rows by those of another dump while no connection sees it.
    fn load_in_its_place(&self, dump: &str) {
        self.proxy.set_closed(true);
        self.proxy.cut();
        self.database.empty();
        self.database.load(dump);
        self.proxy.set_closed(false);
    }

    fn status(&self) -> Value {
        self.server.get("/api/v1/status").json()
    }

    /// Waits until the last block has its witness and the link follows.
    fn wait_for_witness(&self, block: u64) {
        self.server.wait_for("/blocks/witnessed", block);
        until(|| (self.status()["node"]["phase"] == "following").then_some(()));
    }

    fn assert_witness(&self, block: u32, expected: &Path) {
        let witness = run_well(&["export", "--url", &self.server.url, "witness", &block.to_string()]);
        assert!(witness == vectors::read(expected), "block {block} differs from {expected:?}");
    }
}

/// Returns the file of the expected witness of a block of a chain of the vectors.
fn expected(name: &str, block: u32) -> PathBuf {
    chain(name).join(format!("expected/{block:06}.prover_data.json.zst"))
}

#[test]
#[ignore = "needs PostgreSQL"]
fn every_witness_from_genesis_on_is_that_of_the_reference() {
    for (dump, blocks) in [("chain_mixed", 8), ("swap", 1), ("withdraw_nft", 2), ("full_exit_nft", 2)] {
        let following = Following::start(dump, "0");
        following.wait_for_witness(blocks.into());
        for block in 1..=blocks {
            following.assert_witness(block, &expected(dump, block));
        }
        assert_eq!(following.status()["node"]["blocks_behind"], 0);
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_folder_begins_with_the_state_of_any_block() {
    // The last confirmed execution of `chain_mixed` ends with block 3.
    for (from, base) in [("verified", 3), ("3", 3), ("2", 2), ("6", 6), ("0", 0)] {
        let following = Following::start("chain_mixed", from);
        following.wait_for_witness(8);
        let status = following.status();
        assert_eq!(status["genesis"]["block"], base, "{from}");
        for block in base + 1..=8 {
            following.assert_witness(block, &expected("chain_mixed", block));
        }
        let page = following.server.get("/api/v1/blocks?order=asc&limit=1").json();
        assert_eq!(page["blocks"][0]["number"], base + 1);
        assert_eq!(status["aggregated_operations"]["execute_blocks"], if base < 5 { 5 } else { 0 });
        let dir = following.folder.path().to_str().unwrap();
        // Its parts agree, and a backup leads to the same folder.
        let backup = following.folder.path().join("backup");
        let backup = backup.to_str().unwrap();
        run_well(&["backup", "--url", &following.server.url, "--out", backup]);
        assert_eq!(following.server.terminate(), Some(0));
        run_well(&["doctor", "--data-dir", dir]);
        let restored = tempfile::tempdir().unwrap();
        let restored = restored.path().to_str().unwrap();
        run_well(&["restore", "--data-dir", restored, backup]);
        run_well(&["doctor", "--data-dir", restored]);
        let of = |dir| -> Value {
            serde_json::from_slice(&run_well(&["status", "--data-dir", dir, "--json"])).unwrap()
        };
        for pointer in ["/genesis", "/blocks/head", "/aggregated_operations"] {
            assert_eq!(of(dir).pointer(pointer), of(restored).pointer(pointer), "{from} {pointer}");
        }
        run_badly(&["revert", "--data-dir", dir, "--to", "9"], 3);
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn unfinished_blocks_wait_for_their_row() {
    let following = Following::start("chain_mixed_pending", "verified");
    following.wait_for_witness(5);
    assert_eq!(following.status()["blocks"]["head"], 5);
    following.load_in_its_place("chain_mixed");
    following.wait_for_witness(8);
    for block in 2..=8 {
        following.assert_witness(block, &expected("chain_mixed", block));
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_transaction_that_moves_to_a_later_block_changes_no_witness() {
    let following = Following::start("moved_tx_before", "0");
    following.wait_for_witness(2);
    following.load_in_its_place("moved_tx_after");
    following.wait_for_witness(3);
    for block in 1..=3 {
        following.assert_witness(block, &file(&format!("moved_tx/expected/{block:06}.prover_data.json.zst")));
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_revert_of_the_node_is_followed_to_the_common_block() {
    let following = Following::start("revert_before", "0");
    following.wait_for_witness(8);
    // A prover works on all blocks that the node has not executed, and has proven one that vanishes.
    let held: Vec<Value> = (5..=8).map(|_| following.server.next_job("prover")).collect();
    let publish = |block: u32| {
        let job = held.iter().find(|job| job["first_block"] == block).unwrap();
        let proof = sample_single_proof(&input_of(&sample_block(block)), block.into());
        following.server.post("/publish", &publication(job, &json!({"BlockProof": proof})))
    };
    publish(6).accepted();
    following.load_in_its_place("revert_after");
    until(|| (following.status()["blocks"]["head"] == 7).then_some(()));
    following.wait_for_witness(7);
    for block in (1..=5).chain([7]) {
        following.assert_witness(block, &expected("chain_mixed", block));
    }
    following.assert_witness(6, &file("revert/expected/000006.prover_data.json.zst"));
    // The revert has cut operations, whose arguments hold blocks that no longer exist: the commitment
    // ends where its row does, and the proof is wanted for blocks of which some are missing.
    let operations = following.status()["aggregated_operations"].clone();
    assert_eq!((&operations["commit_blocks"], &operations["create_proof_blocks"]), (&5.into(), &4.into()));
    // The jobs of blocks that vanished have ended; the proof is kept with the reason.
    for block in 6..=8 {
        let status = publish(block).status;
        assert!([404, 409].contains(&status), "block {block}: {status}");
    }
    publish(5).accepted();
    let rejected = following.server.get("/api/v1/rejected_proofs").json();
    let reason = rejected["rejected_proofs"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("the node reverted to block 5"), "{rejected}");
    until(|| (following.database.count("SELECT count(*) FROM proofs") == 1).then_some(()));
    assert_eq!(following.database.count("SELECT block_number FROM proofs"), 5);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_a_node_has_is_imported_once() {
    let database = NodeDatabase::new();
    database.load("chain_mixed");
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let url = database.url();
    run_well(&["import", "--data-dir", dir, "--node", &url, "--from", "0", "--until", "4"]);
    let status = |dir| -> Value {
        serde_json::from_slice(&run_well(&["status", "--data-dir", dir, "--json"])).unwrap()
    };
    assert_eq!(status(dir)["blocks"]["head"], 4);
    for _ in 0..2 {
        run_well(&["import", "--data-dir", dir, "--node", &url]);
        assert_eq!(status(dir)["blocks"]["head"], 8);
        assert_eq!(status(dir)["aggregated_operations"]["execute_blocks"], 5);
    }
    run_well(&["witness", "--data-dir", dir]);
    for block in 6..=8 {
        let witness = run_well(&["export", "--data-dir", dir, "witness", &block.to_string()]);
        assert!(witness == vectors::read(&expected("chain_mixed", block)), "{block}");
    }
    let other = database.url().replace("password", "wrong");
    run_badly(&["import", "--data-dir", dir, "--node", &other], 5);
    database.sql("REVOKE SELECT ON mint_nft_updates FROM prover_server");
    let sentence = run_badly(&["import", "--data-dir", dir, "--node", &url], 1);
    assert!(sentence.contains("mint_nft_updates"), "{sentence}");
    database.sql("GRANT SELECT ON mint_nft_updates TO prover_server");
    database.sql("ALTER TABLE account_creates RENAME COLUMN nonce TO number");
    let sentence = run_badly(&["import", "--data-dir", dir, "--node", &url], 1);
    assert!(sentence.contains("nonce"), "{sentence}");
    run_badly(&["import", "--data-dir", dir], 2);
}

fn count(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("{name}")).parse().unwrap()
}

#[test]
#[ignore = "needs PostgreSQL"]
fn blocks_are_followed_while_the_node_seals_them() {
    follow_while_the_node_seals(60);
}

#[test]
#[ignore = "runs for 2 minutes with PostgreSQL"]
fn five_hundred_blocks_are_followed_while_the_node_seals_them() {
    follow_while_the_node_seals(500);
}

/// Follows a node that seals a block about each 50 ms.
fn follow_while_the_node_seals(blocks: u32) {
    let mut chain = Chain::new(Dice::new(7));
    let database = begun(&chain);
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &database.url(), "0");
    for number in 1..=blocks {
        let block = sealed(&mut chain, number);
        database.write_pending(&block);
        std::thread::sleep(std::time::Duration::from_millis(25));
        database.finish_block(&block);
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    server.wait_for("/blocks/witnessed", blocks.into());
    let metrics = http(&server.admin, "GET", "/metrics", None, "").text();
    let of = |outcome| count(&metrics, &format!("witness_server_imports_total{{outcome=\"{outcome}\"}}"));
    assert_eq!((of("stored"), of("refused"), of("failed")), (u64::from(blocks) + 1, 0, 0));
    assert_eq!(server.terminate(), Some(0));
    run_well(&["doctor", "--data-dir", folder.path().to_str().unwrap()]);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_state_that_lags_behind_is_continued_and_one_of_no_block_is_refused() {
    let database = NodeDatabase::new();
    database.load("chain_mixed");
    // The state in the tables is that after block 3, as if the node could not apply block 4.
    database.sql("UPDATE aggregate_operations SET confirmed = true WHERE action_type = 'ExecuteBlocks'");
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &database.url(), "verified");
    server.wait_for("/blocks/witnessed", 8);
    assert_eq!(server.get("/api/v1/status").json()["genesis"]["block"], 5);
    for block in 6..=8 {
        let witness = run_well(&["export", "--url", &server.url, "witness", &block.to_string()]);
        assert!(witness == vectors::read(&expected("chain_mixed", block)), "{block}");
    }
    assert_eq!(server.terminate(), Some(0));

    database.sql("UPDATE accounts SET nonce = nonce + 1 WHERE id = 0");
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    run_badly(&["import", "--data-dir", dir, "--node", &database.url()], 1);
    let status: Value = serde_json::from_slice(&run_well(&["status", "--data-dir", dir, "--json"])).unwrap();
    assert_eq!(status["genesis"], Value::Null);
    run_well(&["doctor", "--data-dir", dir]);
    // Another start with what the tables do have.
    run_well(&["import", "--data-dir", dir, "--node", &database.url(), "--from", "0"]);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn extreme_values_and_a_node_without_row_0_are_read_exactly() {
    let database = NodeDatabase::new();
    let chains = ["deposit_max_u128", "withdraw_token_0_full_u128_like", "mint_nft", "noop_only_failed"];
    for name in chains {
        database.empty();
        let read = |file: &str| vectors::read(&chain(name).join(file));
        database.write_genesis(&read("genesis.json.zst"), &"0".repeat(64));
        // As on a node that was restored from layer 1.
        database.sql("DELETE FROM blocks");
        let count = chain(name).join("blocks").read_dir().unwrap().count() as u32;
        for number in 1..=count {
            let block = read(&format!("blocks/{number:06}.json.zst"));
            database.write_block(&serde_json::from_slice(&block).unwrap());
        }
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().to_str().unwrap();
        run_well(&["import", "--data-dir", dir, "--node", &database.url()]);
        run_well(&["witness", "--data-dir", dir]);
        for number in 1..=count {
            let witness = run_well(&["export", "--data-dir", dir, "witness", &number.to_string()]);
            assert!(witness == vectors::read(&expected(name, number)), "{name} {number}");
        }
        // The tables of the state have the same values.
        let blocks = (1..=count).map(|number| {
            let block = read(&format!("blocks/{number:06}.json.zst"));
            serde_json::from_slice::<ImportedBlock>(&block).unwrap().block
        });
        let operation = AggregatedOperation::ExecuteBlocks { blocks: blocks.collect() };
        database.write_operation(&operation, true);
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().to_str().unwrap();
        run_well(&["import", "--data-dir", dir, "--node", &database.url()]);
        let status = run_well(&["status", "--data-dir", dir, "--json"]);
        let status: Value = serde_json::from_slice(&status).unwrap();
        assert_eq!(status["genesis"]["block"], count, "{name}");
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn the_connection_is_as_safe_as_sslmode_says() {
    let database = NodeDatabase::new();
    database.load("swap");
    let folder = tempfile::tempdir().unwrap();
    let pair = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (own, other) = (pair(), pair());
    let write = |name: &str, pem: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        format!("node_tls_ca={}", path.display())
    };
    let (ca, other_ca) = (write("ca", own.cert.pem()), write("other", other.cert.pem()));
    database.postgres.write("server.crt", &own.cert.pem());
    database.postgres.write("server.key", &own.signing_key.serialize_pem());
    let import = |host: &str, mode: &str, ca: &str| {
        let url =
            database.url().replace("127.0.0.1", host).replace("sslmode=disable", &format!("sslmode={mode}"));
        let data = tempfile::tempdir().unwrap();
        let args = ["import", "--data-dir", data.path().to_str().unwrap(), "--node", &url, "--set", ca];
        let output = crate::support::run(&args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!error.contains("password of the tests"), "{error}");
        output.status.code().unwrap()
    };
    // Without TLS on the other side.
    assert_eq!(import("127.0.0.1", "prefer", &ca), 0);
    assert_eq!(import("127.0.0.1", "require", &ca), 5);
    database.set("ssl", "on");
    until(|| (import("127.0.0.1", "require", &other_ca) == 0).then_some(()));
    for (host, mode, ca, code) in [
        ("127.0.0.1", "disable", &other_ca, 0),
        ("127.0.0.1", "prefer", &other_ca, 0),
        ("127.0.0.1", "verify-ca", &ca, 0),
        ("127.0.0.1", "verify-ca", &other_ca, 5),
        ("localhost", "verify-full", &ca, 0),
        ("localhost", "verify-full", &other_ca, 5),
        ("127.0.0.1", "verify-full", &ca, 5),
    ] {
        assert_eq!(import(host, mode, ca), code, "{host} {mode}");
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn the_password_comes_from_a_file_or_from_pgpassfile() {
    let database = NodeDatabase::new();
    database.load("swap");
    let folder = tempfile::tempdir().unwrap();
    let (with, without) = (database.url(), database.url().replace(":password%20of%20the%20tests@", "@"));
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let file = write("password", "password of the tests\n");
    let pgpass = write("pgpass", "127.0.0.1:*:node:prover_server:password of the tests\n");
    let import = |url: &str, pgpass: &str, more: &[&str]| {
        let data = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_witness-server"));
        command.args(["import", "--data-dir", data.path().to_str().unwrap(), "--node", url]).args(more);
        command.env_clear().env("PGPASSFILE", pgpass).output().unwrap().status.code().unwrap()
    };
    assert_eq!(import(&with, "/absent", &[]), 0);
    assert_eq!(import(&without, &pgpass, &[]), 0);
    assert_eq!(import(&without, "/absent", &["--set", &format!("node_password_file={file}")]), 0);
    assert_eq!(import(&without, "/absent", &[]), 1);
    let shown = run_well(&["serve", "--print-config", "--node", &with]);
    assert!(!String::from_utf8(shown).unwrap().contains("password%20of"));
}
