//! Any number of maintainers builds the same witnesses, at any speed of the import.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zksync_witness_server::chain_folder::ChainFolder;
use zksync_witness_server::testing::internals::store::{Store, StoreOptions};
use zksync_witness_server::testing::internals::workers::{Imported, Node, NodeOptions};

use crate::support::{heavy, vectors};

fn node(folder: &Path, witness_generators: u32) -> Arc<Node> {
    let store = Arc::new(Store::open(folder, StoreOptions::default()).unwrap());
    let interval = Duration::from_millis(50);
    Node::new(store, NodeOptions { witness_generators, interval, ..NodeOptions::default() })
}

fn wait_for_witness(node: &Node, block: u32) {
    let start = Instant::now();
    while node.store().tree().witness(block).unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(120), "no witness of block {block}");
        assert!(!node.has_failed());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn check_all(node: &Node) {
    let chain = vectors::shipped().into_iter().find(|chain| chain.name == "chain_mixed").unwrap();
    for (number, expected) in (1u32..).zip(&chain.expected) {
        wait_for_witness(node, number);
        let record = node.store().tree().witness(number).unwrap().unwrap();
        let witness = node.store().read_blob(&record.blob).unwrap();
        assert!(witness == vectors::read(expected), "block {number} differs");
    }
}

fn sample_chain() -> ChainFolder {
    ChainFolder::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain")).unwrap()
}

#[test]
fn two_and_eight_maintainers_on_a_stored_chain() {
    let _heavy = heavy();
    let chain = sample_chain();
    for maintainers in [2, 8] {
        let folder = tempfile::tempdir().unwrap();
        let node = node(folder.path(), maintainers);
        node.import_genesis(&chain.genesis().read().unwrap(), &|_, _| ()).unwrap();
        for block in chain.blocks() {
            let (number, outcome) = node.import_block(&block.file.read().unwrap()).unwrap();
            assert_eq!((number, outcome), (block.number, Imported::Stored));
        }
        node.start().unwrap();
        check_all(&node);
        node.stop();
    }
}

#[test]
fn an_import_that_is_slower_than_the_witnesses_with_a_restart() {
    let chain = sample_chain();
    let folder = tempfile::tempdir().unwrap();
    let mut node_now = node(folder.path(), 3);
    node_now.start().unwrap();
    node_now.import_genesis(&chain.genesis().read().unwrap(), &|_, _| ()).unwrap();
    for block in chain.blocks() {
        node_now.import_block(&block.file.read().unwrap()).unwrap();
        wait_for_witness(&node_now, block.number);
        if block.number == 4 {
            node_now.stop();
            drop(node_now);
            node_now = node(folder.path(), 5);
            node_now.start().unwrap();
        }
    }
    check_all(&node_now);
    // The updater has made one job for each block.
    let start = Instant::now();
    while node_now.store().queue().counts().unwrap().idle < 8 {
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    node_now.stop();
}

#[test]
fn keep_verified_drops_verified_blocks() {
    let chain = sample_chain();
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path(), StoreOptions::default()).unwrap());
    let options = NodeOptions { keep_verified: Some(1), ..NodeOptions::default() };
    let node = Node::new(store, options);
    node.start().unwrap();
    node.import_genesis(&chain.genesis().read().unwrap(), &|_, _| ()).unwrap();
    let mut blocks = Vec::new();
    for block in &chain.blocks()[..3] {
        let body = block.file.read().unwrap();
        node.import_block(&body).unwrap();
        let imported: serde_json::Value = serde_json::from_slice(&body).unwrap();
        blocks.push(imported["block"].clone());
    }
    wait_for_witness(&node, 3);
    let jobs = || node.store().queue().counts().unwrap().idle;
    let start = Instant::now();
    while jobs() < 3 {
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    // Blocks 1 and 2 are dropped only once their jobs are done or dropped.
    for job in [1, 2] {
        node.store().queue().drop_job(job).unwrap();
    }
    let execute = serde_json::json!({"ExecuteBlocks": {"blocks": blocks}});
    node.import_aggregated_operation(execute.to_string().as_bytes()).unwrap();
    while node.store().tree().witness(2).unwrap().is_some() {
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(node.store().tree().witness(1).unwrap().is_none());
    assert!(node.store().tree().witness(3).unwrap().is_some(), "one verified block is kept");
    node.stop();
}
