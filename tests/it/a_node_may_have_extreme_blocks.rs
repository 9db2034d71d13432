//! Blocks of a node that are larger or stranger than usual are read as from a chain folder.

use std::path::Path;

use serde_json::{Value, json};
use zksync_witness_server::testing::Chain;
use zksync_witness_server::testing::internals::crypto::fr;
use zksync_witness_server::testing::internals::domain::{AggregatedOperation, ImportedBlock};

use crate::support::node_database::NodeDatabase;
use crate::support::run_well;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A chain folder and a database with the same blocks.
struct Twins {
    folder: tempfile::TempDir,
    database: NodeDatabase,
}

impl Twins {
    fn begin(chain: &Chain) -> Self {
        let (folder, database) = (tempfile::tempdir().unwrap(), NodeDatabase::new());
        let genesis = serde_json::to_vec(&chain.genesis()).unwrap();
        database.write_genesis(&genesis, &hex::encode(fr::to_bytes(&chain.root())));
        std::fs::create_dir(folder.path().join("blocks")).unwrap();
        std::fs::write(folder.path().join("genesis.json"), genesis).unwrap();
        Self { folder, database }
    }

    fn add(&self, block: &ImportedBlock) {
        let json = serde_json::to_vec(block).unwrap();
        self.database.write_block(&serde_json::from_slice(&json).unwrap());
        let number = block.block.block_number.0;
        std::fs::write(self.folder.path().join(format!("blocks/{number:06}.json")), json).unwrap();
    }

    /// Imports both, and returns the two data folders.
    fn import(&self) -> [tempfile::TempDir; 2] {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [of_folder, of_node] = [&folders[0], &folders[1]].map(|folder| text(folder.path()));
        run_well(&["import", "--data-dir", of_folder, text(self.folder.path())]);
        run_well(&["import", "--data-dir", of_node, "--node", &self.database.url(), "--from", "0"]);
        folders
    }
}

fn assert_same(folders: &[tempfile::TempDir; 2], item: &str, block: u32) {
    let [one, other] = [&folders[0], &folders[1]]
        .map(|folder| run_well(&["export", "--data-dir", text(folder.path()), item, &block.to_string()]));
    assert!(one == other, "{item} {block}");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn times_may_be_missing_or_beyond_a_signed_number() {
    let mut chain = Chain::with_accounts(12, 4);
    let twins = Twins::begin(&chain);
    for (number, timestamp) in (1..).zip([None, Some(0), Some(u64::MAX), Some(1 << 63), None]) {
        let before = chain.root();
        let mut imported = chain.next_block_of(6, 2);
        if let Some(timestamp) = timestamp {
            imported.block.timestamp = timestamp;
            imported.block.block_commitment = imported.block.compute_commitment(&before).unwrap();
        }
        twins.add(&imported);
        if timestamp == Some(0) {
            twins.database.sql(&format!("UPDATE blocks SET timestamp = NULL WHERE number = {number}"));
        }
    }
    let folders = twins.import();
    for folder in &folders {
        run_well(&["witness", "--data-dir", text(folder.path())]);
    }
    for block in 1..=5 {
        assert_same(&folders, "block", block);
        assert_same(&folders, "witness", block);
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn json_keeps_its_digits_and_texts_whatever_the_order_of_its_keys() {
    let mut chain = Chain::with_accounts(12, 4);
    let twins = Twins::begin(&chain);
    let mut imported = chain.next_block_of(4, 2);
    let json = serde_json::to_value(&imported).unwrap();
    let tx = &json["block"]["block_transactions"][0]["signed_tx"]["tx"];
    assert_eq!(tx["validUntil"], u64::MAX, "the largest number");
    let signature = json!({
        "signature": {"type": "EthereumSignature", "signature": format!("0x{}1b", "5a".repeat(64))},
        "message": (0..=255).collect::<Vec<u8>>(),
    });
    let mut changed = json.clone();
    changed["block"]["block_transactions"][0]["signed_tx"]["eth_sign_data"] = signature;
    imported = serde_json::from_value(changed).unwrap();
    twins.add(&imported);
    // The database orders the keys by their length.
    let stored = twins.database.sql("SELECT tx FROM executed_transactions WHERE block_index = 0");
    assert!(stored[0][0].as_ref().unwrap().starts_with("{\"to\": "), "{stored:?}");
    let folders = twins.import();
    assert_same(&folders, "block", 1);
    let exported = run_well(&["export", "--data-dir", text(folders[1].path()), "block", "1"]);
    assert_eq!(serde_json::from_slice::<Value>(&exported).unwrap(), serde_json::to_value(&imported).unwrap());
}

#[test]
#[ignore = "runs for 2 minutes with PostgreSQL"]
fn a_block_may_have_ten_thousand_updates() {
    let mut chain = Chain::with_accounts(64, 16);
    let twins = Twins::begin(&chain);
    let block = chain.next_block(10_000);
    assert!(block.accounts_updated.len() >= 10_000, "{}", block.accounts_updated.len());
    twins.add(&block);
    twins.add(&chain.next_block(26));
    let folders = twins.import();
    assert_same(&folders, "block", 1);
    assert_same(&folders, "block", 2);
}

/// `NODE_ACCOUNTS` sets the number of accounts.
#[test]
#[ignore = "runs for 10 minutes with PostgreSQL"]
fn a_state_may_have_a_hundred_thousand_accounts() {
    let accounts = crate::support::number("NODE_ACCOUNTS", 100_000);
    let mut chain = Chain::with_accounts(accounts, 16);
    let twins = Twins::begin(&chain);
    let first = chain.next_block(26);
    twins.add(&first);
    twins.add(&chain.next_block(26));
    let operation = AggregatedOperation::ExecuteBlocks { blocks: vec![first.block] };
    twins.database.write_operation(&operation, true);
    let [of_folder, of_node] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let begun = std::time::Instant::now();
    run_well(&["import", "--data-dir", text(of_folder.path()), text(twins.folder.path())]);
    let from_folder = begun.elapsed();
    let begun = std::time::Instant::now();
    run_well(&["import", "--data-dir", text(of_node.path()), "--node", &twins.database.url()]);
    let from_node = begun.elapsed();
    println!(
        "{accounts} accounts: start with the state of the node in {from_node:.1?}, import of a genesis in {from_folder:.1?}: {:.2}",
        from_node.as_secs_f64() / from_folder.as_secs_f64()
    );
    let folders = [of_folder, of_node];
    for folder in &folders {
        run_well(&["witness", "--data-dir", text(folder.path())]);
    }
    let status = run_well(&["status", "--data-dir", text(folders[1].path()), "--json"]);
    let status: Value = serde_json::from_slice(&status).unwrap();
    assert_eq!(status["genesis"]["block"], 1);
    assert_same(&folders, "block", 2);
    assert_same(&folders, "witness", 2);
}
