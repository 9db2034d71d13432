//! The commands on a node's database: the check, the export of proofs, and the export of everything
//! for the reference's prover server.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use serde_json::{Value, json};
use zksync_witness_server::testing::dice::Dice;

use crate::support::node_database::{NodeDatabase, ROLE};
use crate::support::node_world::{Acknowledged, NodeWorld, prove, serve, stored, while_proving};
use crate::support::{Server, run, run_badly, run_well, until, vectors};

#[test]
#[ignore = "needs PostgreSQL"]
fn proofs_are_exported_by_a_command() {
    let mut world = NodeWorld::new(5);
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &world.database.url());
    world.seal(6);
    let acknowledged = Acknowledged::default();
    while_proving(&server.url, &acknowledged, || world.wait_until_proven());
    let database = world.database.url();
    let proofs = stored(&server);
    let all: BTreeMap<_, _> = acknowledged
        .into_inner()
        .unwrap()
        .into_keys()
        .map(|(first, last, is_aggregated)| {
            ((first, last, is_aggregated), proofs(first, last, is_aggregated))
        })
        .collect();
    drop(proofs);
    let export = |target: &[&str]| run_well(&[&["export", "--node", database.as_str()][..], target].concat());
    assert!(export(&["--url", &server.url, "proofs"]).starts_with(b"proofs: 0 written, 8 were there,"));

    assert_eq!(server.terminate(), Some(0));
    let dir = folder.path().to_str().unwrap();
    world.database.sql("DELETE FROM proofs; DELETE FROM aggregated_proofs");
    assert!(
        export(&["--data-dir", dir, "proofs", "--blocks", "2-3"]).starts_with(b"proofs: 2 written, 0 were")
    );
    assert_eq!(world.database.count("SELECT sum(block_number) FROM proofs"), 5);
    world.database.sql("UPDATE proofs SET proof = '\"other\"' WHERE block_number = 2");
    assert!(
        export(&["--data-dir", dir, "proofs"])
            .starts_with(b"proofs: 6 written, 1 were there, 1 of other servers stand, 0 of")
    );
    world.database.sql("DELETE FROM proofs WHERE block_number = 2");
    export(&["--data-dir", dir, "proofs"]);
    world.assert_rows(|first, last, is_aggregated| all[&(first, last, is_aggregated)].clone());
    world.database.revert_blocks(4);
    assert!(export(&["--data-dir", dir, "proofs"]).ends_with(b"3 of blocks that the node does not have\n"));
    run_badly(&["export", "--data-dir", dir, "proofs"], 2);
    run_badly(&["export", "--node", &database.replace("password", "wrong"), "--data-dir", dir, "proofs"], 5);
}

/// Rows of the job queue that the reference's prover server recorded for the sample chain: status,
/// priority, type, last writer, first and last block.
const RECORDED_JOBS: [[&str; 6]; 11] = [
    ["2", "0", "AGGREGATED_PROOF", "server_finish_job", "1", "1"],
    ["2", "0", "AGGREGATED_PROOF", "server_finish_job", "2", "5"],
    ["0", "0", "AGGREGATED_PROOF", "prover-3", "6", "7"],
    ["2", "1", "SINGLE_PROOF", "server_finish_job", "1", "1"],
    ["2", "1", "SINGLE_PROOF", "server_finish_job", "2", "2"],
    ["2", "1", "SINGLE_PROOF", "server_finish_job", "3", "3"],
    ["2", "1", "SINGLE_PROOF", "server_finish_job", "4", "4"],
    ["2", "1", "SINGLE_PROOF", "server_finish_job", "5", "5"],
    ["2", "1", "SINGLE_PROOF", "server_finish_job", "6", "6"],
    ["2", "1", "SINGLE_PROOF", "server_finish_job", "7", "7"],
    ["1", "1", "SINGLE_PROOF", "prover-1", "8", "8"],
];

#[test]
#[ignore = "needs PostgreSQL"]
fn the_references_prover_server_can_take_over_again() {
    let database = NodeDatabase::new();
    database.load("chain_mixed");
    let folder = tempfile::tempdir().unwrap();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/data/sample-chain");
    run_well(&["import", "--data-dir", folder.path().to_str().unwrap(), sample]);
    let server = Server::start(folder.path(), &["--set", "retry_backoff=0s"]);
    server.wait_for("/jobs/last_single_block", 8);
    let operation = |first: i64, last: i64| {
        let query = format!(
            "SELECT arguments FROM aggregate_operations WHERE action_type = 'CreateProofBlocks' AND from_block = {first}"
        );
        let arguments = database.sql(&query)[0][0].clone().unwrap();
        server.post("/api/v1/aggregated_operations", &arguments).accepted();
        server.wait_for("/jobs/last_aggregated_block", last as u64);
    };
    let prove = |done: u64| {
        let acknowledged = Acknowledged::default();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| prove(&server.url, "prover-0", &acknowledged, &over, Dice::new(1)));
            server.wait_for("/jobs/done", done);
            over.store(true, SeqCst);
        });
    };
    // Block 8 is claimed first, so that only the others are proven.
    let held: Vec<Value> = (1..=8).map(|_| server.get_job("prover-1")).collect();
    assert_eq!(held[7]["first_block"], 8);
    for job in &held[..7] {
        server.post(&format!("/api/v1/jobs/{}/requeue", job["job_id"]), "").accepted();
    }
    prove(7);
    operation(1, 1);
    operation(2, 5);
    prove(9);
    operation(6, 7);
    let job = server.get_job("prover-3");
    assert_eq!(job["first_block"], 6);
    server.post("/stopped", &json!({"prover_name": "prover-3"}).to_string()).accepted();
    assert_eq!(server.terminate(), Some(0));

    let dir = folder.path().to_str().unwrap();
    let url = database.url();
    let export = ["export", "--node", &url, "--data-dir", dir, "everything"];
    run_badly(&export, 1);
    database.sql(&format!(
        "GRANT SELECT, INSERT ON block_witness TO {ROLE};
         GRANT SELECT, INSERT, UPDATE ON prover_job_queue TO {ROLE};
         GRANT USAGE ON SEQUENCE prover_job_queue_id_seq TO {ROLE};"
    ));
    // A job from before this server took over.
    database.sql(
        "INSERT INTO prover_job_queue (job_status, job_priority, job_type, updated_by, first_block, last_block, job_data)
         VALUES (1, 1, 'SINGLE_PROOF', 'prover-9', 3, 3, '{}')",
    );
    run_well(&export);
    let again = String::from_utf8(run_well(&export)).unwrap();
    assert!(again.ends_with("witnesses: 0 written\njobs: 0 written\n"), "{again}");

    let columns = "SELECT job_status, job_priority, job_type, updated_by, first_block, last_block FROM prover_job_queue";
    let rows = database.sql(&format!("{columns} ORDER BY job_priority, first_block"));
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.into_iter().map(Option::unwrap).collect()).collect();
    assert_eq!(rows, RECORDED_JOBS);
    let chain = vectors::shipped().into_iter().find(|chain| chain.name == "chain_mixed").unwrap();
    for (number, expected) in (1..).zip(&chain.expected) {
        let witness = String::from_utf8(vectors::read(expected)).unwrap();
        let query = format!(
            "SELECT (SELECT witness FROM block_witness WHERE block = {number}), job_data FROM prover_job_queue
             WHERE job_type = 'SINGLE_PROOF' AND first_block = {number}"
        );
        let row = &database.sql(&query)[0];
        assert!(row[0].as_ref() == Some(&witness), "{number}");
        if number != 3 {
            let witness: Value = serde_json::from_str(&witness).unwrap();
            let data: Value = serde_json::from_str(row[1].as_ref().unwrap()).unwrap();
            assert!(data == json!({"BlockProof": [witness, 72]}), "{number}");
        }
    }
    let data = database
        .sql("SELECT job_data FROM prover_job_queue WHERE job_type = 'AGGREGATED_PROOF' AND first_block = 6");
    let data: Value = serde_json::from_str(data[0][0].as_ref().unwrap()).unwrap();
    let proof = |block| -> Value {
        let rows = database.sql(&format!("SELECT proof FROM proofs WHERE block_number = {block}"));
        serde_json::from_str(rows[0][0].as_ref().unwrap()).unwrap()
    };
    assert_eq!(data, json!({"AggregatedBlockProof": [[proof(6), 72], [proof(7), 72]]}));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_check_names_what_is_missing_and_what_mends_it() {
    let mut database = NodeDatabase::new();
    database.load("chain_mixed");
    let url = database.url();
    let check = ["node", "check", "--node", &url];
    let text = String::from_utf8(run_well(&check)).unwrap();
    for line in ["blocks              0 to 8", "executed            up to 5, confirmed up to 3"] {
        assert!(text.contains(line), "{text}");
    }
    let first = text.lines().next().unwrap();
    assert!(
        first.starts_with("PostgreSQL 1") && first.contains(ROLE) && first.ends_with("no TLS"),
        "{first}"
    );

    let permissions = [
        "SELECT ON blocks",
        "SELECT ON mint_nft_updates",
        "SELECT ON balances",
        "SELECT ON proofs",
        "INSERT ON proofs",
        "INSERT ON aggregated_proofs",
        "USAGE ON SCHEMA public",
    ];
    for permission in permissions {
        database.sql(&format!("REVOKE {permission} FROM {ROLE}, PUBLIC"));
        let output = run(&check);
        let text = String::from_utf8(output.stdout).unwrap();
        let grant = format!("GRANT {permission} TO {ROLE};");
        assert_eq!(output.status.code(), Some(1), "{text}");
        let grants: Vec<&str> = text.lines().filter(|line| line.contains("GRANT")).map(str::trim).collect();
        assert_eq!(grants, [grant.as_str()]);
        database.sql(grants[0]);
        run_well(&check);
    }
    for (change, name) in [
        ("ALTER TABLE blocks RENAME commitment TO other", "blocks.commitment"),
        ("ALTER TABLE aggregated_proofs RENAME TO others", "aggregated_proofs"),
        ("ALTER SYSTEM SET default_transaction_read_only = on", "default_transaction_read_only"),
    ] {
        database.sql(change);
        database.sql("SELECT pg_reload_conf()");
        let text = until(|| {
            let output = run(&check);
            let text = String::from_utf8(output.stdout).unwrap();
            text.contains(name).then_some(text)
        });
        assert!(text.lines().any(|line| line.starts_with("fault: ") && line.contains(name)), "{text}");
    }
    database.postgres.stop();
    run_badly(&check, 5);
    run_badly(&["node", "check"], 2);
}

#[test]
fn the_documented_role_is_that_of_the_tests() {
    let read =
        |file: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let role = read("tests/vectors/node_database/role.sql");
    let (_, statements) = role.split_once('\n').unwrap();
    assert!(
        read("docs/node.md").contains(&format!("```sql\n{statements}ALTER ROLE prover_server PASSWORD "))
    );
}
