//! Rows that no node writes: the link reports what it cannot use, provers are still served, and the
//! link follows once the rows are usable.

use std::time::{Duration, Instant};

use serde_json::Value;
use zksync_witness_server::testing::dice::Dice;

use crate::support::following::{begun, sealed, wait_for_link};
use crate::support::node_database::NodeDatabase;
use crate::support::sealed_chain::Chain;
use crate::support::{Server, http, run_badly, run_well};

/// Longest wait for a code.
const PATIENCE: Duration = Duration::from_secs(20);

/// Changes of the rows of block 3 before the node has finished it, each with the code of the link.
const OF_A_BLOCK: [(&str, &str); 24] = [
    ("UPDATE executed_transactions SET created_at = 'infinity' WHERE block_number = 3", "row_not_usable"),
    ("UPDATE executed_transactions SET created_at = '-infinity' WHERE block_number = 3", "row_not_usable"),
    ("UPDATE executed_transactions SET tx = 'null' WHERE block_number = 3", "row_not_usable"),
    ("UPDATE executed_transactions SET tx = '7' WHERE block_number = 3", "row_not_usable"),
    ("UPDATE executed_transactions SET operation = 'null' WHERE block_number = 3", "block_refused"),
    (
        "UPDATE executed_transactions SET operation = (repeat('[', 6000) || repeat(']', 6000))::jsonb WHERE block_number = 3",
        "row_not_usable",
    ),
    (
        "UPDATE executed_transactions SET tx = to_jsonb(repeat('x', 10000000)) WHERE block_number = 3",
        "row_not_usable",
    ),
    ("UPDATE executed_transactions SET block_index = NULL WHERE block_number = 3", "row_not_usable"),
    ("UPDATE executed_transactions SET block_index = -1 WHERE block_number = 3", "row_not_usable"),
    ("DELETE FROM executed_transactions WHERE block_number = 3", "block_refused"),
    ("UPDATE account_balance_updates SET new_balance = 'NaN' WHERE block_number = 3", "row_not_usable"),
    ("UPDATE account_balance_updates SET new_balance = 0.5 WHERE block_number = 3", "row_not_usable"),
    ("UPDATE account_balance_updates SET new_balance = -1 WHERE block_number = 3", "row_not_usable"),
    ("UPDATE account_balance_updates SET new_balance = 1e60 WHERE block_number = 3", "block_refused"),
    ("UPDATE account_balance_updates SET account_id = -1 WHERE block_number = 3", "row_not_usable"),
    ("UPDATE account_balance_updates SET account_id = 4294967295 WHERE block_number = 3", "block_refused"),
    (
        "UPDATE account_balance_updates SET new_nonce = 1::bigint << 40 WHERE block_number = 3",
        "row_not_usable",
    ),
    ("UPDATE account_balance_updates SET coin_id = -2147483648 WHERE block_number = 3", "row_not_usable"),
    ("DELETE FROM account_balance_updates WHERE block_number = 3", "block_refused"),
    ("INSERT INTO account_creates VALUES (9, 3, true, '\\x00', 0, 99)", "row_not_usable"),
    ("INSERT INTO account_pubkey_updates VALUES (DEFAULT, 9, 3, '', '', 0, 0, 99)", "row_not_usable"),
    ("INSERT INTO mint_nft_updates VALUES (-1, 3, -1, '', -1, '', '', '', -1, -1)", "row_not_usable"),
    (
        "INSERT INTO executed_priority_operations VALUES (1, 3, 0, 'null', '', '', 0, repeat('x', 33)::bytea, 0, 0, now())",
        "row_not_usable",
    ),
    (
        "INSERT INTO executed_priority_operations SELECT 1, 3, 0, operation, '', '', -1, '', -1, -1, now()
         FROM executed_transactions WHERE block_number = 3 LIMIT 1",
        "row_not_usable",
    ),
];

/// Changes of the finished block 3.
const OF_A_HEADER: [&str; 8] = [
    "UPDATE blocks SET root_hash = '' WHERE number = 3",
    "UPDATE blocks SET root_hash = decode(repeat('ff', 32), 'hex') WHERE number = 3",
    "UPDATE blocks SET commitment = NULL WHERE number = 3",
    "UPDATE blocks SET block_size = -1 WHERE number = 3",
    "UPDATE blocks SET fee_account_id = 1::bigint << 32 WHERE number = 3",
    "UPDATE blocks SET commit_gas_limit = -1 WHERE number = 3",
    "UPDATE blocks SET number = 4 WHERE number = 3",
    "UPDATE blocks SET number = 9223372036854775807 WHERE number = 3",
];

/// Changes of other tables, each with what makes them good again.
const OF_A_TABLE: [(&str, &str, &str); 7] = [
    (
        "ALTER TABLE blocks ALTER COLUMN root_hash TYPE text USING encode(root_hash, 'hex')",
        "ALTER TABLE blocks ALTER COLUMN root_hash TYPE bytea USING decode(root_hash, 'hex')",
        "row_not_usable",
    ),
    (
        "ALTER TABLE aggregate_operations ALTER COLUMN to_block TYPE text",
        "ALTER TABLE aggregate_operations ALTER COLUMN to_block TYPE bigint USING to_block::bigint",
        "other_schema",
    ),
    ("ALTER TABLE balances RENAME TO amounts", "ALTER TABLE amounts RENAME TO balances", "other_schema"),
    (
        "ALTER TABLE aggregated_proofs RENAME last_block TO until",
        "ALTER TABLE aggregated_proofs RENAME until TO last_block",
        "other_schema",
    ),
    (
        "INSERT INTO aggregate_operations VALUES (DEFAULT, 'CreateProofBlocks', '{\"CreateProofBlocks\": 1}', 1, 2)",
        "TRUNCATE aggregate_operations",
        "row_not_usable",
    ),
    (
        "INSERT INTO aggregate_operations VALUES (DEFAULT, 'ExecuteBlocks', '[]', -5, -1, now(), true)",
        "TRUNCATE aggregate_operations",
        "row_not_usable",
    ),
    (
        "INSERT INTO aggregate_operations VALUES (DEFAULT, 'ExecuteBlocks', '[]', 1, 1::bigint << 40, now(), true)",
        "TRUNCATE aggregate_operations",
        "row_not_usable",
    ),
];

#[test]
#[ignore = "needs PostgreSQL"]
fn rows_that_no_node_writes_stop_nothing_but_the_link() {
    let mut chain = Chain::new(Dice::new(23));
    let database = begun(&chain);
    for number in 1..=2 {
        database.write_block(&sealed(&mut chain, number));
    }
    database.sql("ALTER TABLE blocks ALTER COLUMN commitment DROP NOT NULL");
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let url = database.url();
    let settings = ["--node", &url, "--from", "0", "--set", "node_poll=20ms"];
    let server = Server::start_logging(&folder.path().join("data"), crate::support::SECRET, &settings, &log);
    server.wait_for("/jobs/last_single_block", 2);
    let mut others = Vec::new();
    let mut refused = |what: &str, code: &str| {
        let start = Instant::now();
        let link = || server.get("/api/v1/status").json()["node"].clone();
        let is_refused = |link: &Value| link["phase"] == "failing" && link["fault"]["code"] == code;
        while !is_refused(&link()) && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(10));
        }
        let (phase, fault) = (link()["phase"].clone(), link()["fault"].clone());
        assert!(fault.to_string().len() < 1_000, "{what}");
        if !is_refused(&link()) {
            others.push(format!("{what}: {code} expected, {phase} {fault}"));
        }
        assert!(server.next_job("prover")["job_id"].as_u64().unwrap() > 0, "{what}");
        assert_eq!(server.post("/stopped", "\"prover\"").status, 200);
        assert_eq!(http(&server.admin, "GET", "/readyz", None, "").status, 200);
    };
    let block = sealed(&mut chain, 3);
    for (change, code) in OF_A_BLOCK {
        database.write_pending(&block);
        database.sql(change);
        database.finish_block(&block);
        refused(change, code);
        database.revert_blocks(2);
        wait_for_link(&server, "following", None);
    }
    for change in OF_A_HEADER {
        database.write_pending(&block);
        database.finish_changed_block(&block, change);
        refused(change, "row_not_usable");
        database.revert_blocks(2);
        wait_for_link(&server, "following", None);
    }
    for (change, back, code) in OF_A_TABLE {
        database.sql(change);
        database.disconnect_role();
        refused(change, code);
        database.sql(back);
        wait_for_link(&server, "following", None);
    }
    assert_eq!(others, Vec::<String>::new());
    // Proofs that are none: blocks need theirs all the same.
    database.sql(
        "INSERT INTO proofs VALUES (1, 'null'), (2, '{\"proof\": []}'), (-7, '7'), (99, '[]');
         INSERT INTO aggregated_proofs VALUES (1, 2, '{}'), (2, 1, 'null'), (-1, 2, '7')",
    );
    database.write_block(&block);
    server.wait_for("/jobs/last_single_block", 3);
    wait_for_link(&server, "following", None);
    server.wait_for("/jobs/idle", 3);
    assert_eq!(server.terminate(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    run_well(&["doctor", "--data-dir", folder.path().join("data").to_str().unwrap()]);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_state_that_no_node_has_is_refused() {
    let database = NodeDatabase::new();
    let changes = [
        "UPDATE accounts SET address = '\\x00' WHERE id = 0",
        "UPDATE accounts SET nonce = -1 WHERE id = 0",
        "UPDATE accounts SET nonce = 1::bigint << 32 WHERE id = 0",
        "UPDATE accounts SET pubkey_hash = NULL WHERE id = 0",
        "UPDATE accounts SET id = -9 WHERE id = 1",
        "UPDATE accounts SET id = 4294967295 WHERE id = 1",
        "UPDATE accounts SET id = 1::bigint << 40 WHERE id = 1",
        "UPDATE balances SET balance = 'NaN' WHERE account_id = 1",
        "UPDATE balances SET balance = 0.5 WHERE account_id = 1",
        "UPDATE balances SET balance = -1 WHERE account_id = 1",
        "UPDATE balances SET balance = 2::numeric ^ 128 WHERE account_id = 1",
        "DELETE FROM accounts",
        "UPDATE blocks SET root_hash = '' WHERE number = 3",
        "DELETE FROM blocks WHERE number = 3",
        "UPDATE aggregate_operations SET to_block = 1::bigint << 40 WHERE action_type = 'ExecuteBlocks'",
    ];
    for change in changes {
        database.empty();
        database.load("chain_mixed");
        database.sql("ALTER TABLE accounts ALTER COLUMN pubkey_hash DROP NOT NULL");
        database.sql(change);
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().to_str().unwrap();
        let sentence = run_badly(&["import", "--data-dir", dir, "--node", &database.url()], 1);
        assert!(!sentence.contains("panicked"), "{sentence}");
        run_well(&["doctor", "--data-dir", dir]);
    }
}
