//! Figures of following a node, printed as ratios: `cargo test --release --test it
//! following_a_node_costs_little -- --ignored --nocapture`.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use zksync_witness_server::testing::Chain;
use zksync_witness_server::testing::internals::crypto::fr;

use crate::support::node_database::NodeDatabase;
use crate::support::{Server, number, run_well, until};

/// Blocks of 13 transfers, which fill 26 chunks.
const CHUNKS: usize = 26;
const TRANSFERS: usize = 13;

/// Writes a chain of blocks with some transfers into a folder and into a database.
fn write_chain(folder: &Path, database: &NodeDatabase, blocks: u32, transfers: usize) {
    let mut chain = Chain::with_accounts(64, 16);
    let genesis = serde_json::to_vec(&chain.genesis()).unwrap();
    database.write_genesis(&genesis, &hex::encode(fr::to_bytes(&chain.root())));
    std::fs::create_dir(folder.join("blocks")).unwrap();
    std::fs::write(folder.join("genesis.json"), genesis).unwrap();
    for number in 1..=blocks {
        let json = serde_json::to_vec(&chain.next_block_of(CHUNKS, transfers)).unwrap();
        database.write_block(&serde_json::from_slice::<Value>(&json).unwrap());
        std::fs::write(folder.join(format!("blocks/{number:06}.json")), json).unwrap();
    }
}

/// Returns the time until all jobs are queued.
fn queued(server: &Server, start: Instant, blocks: u32) -> Duration {
    server.wait_for("/jobs/last_single_block", blocks.into());
    start.elapsed()
}

/// Returns the resident memory of a process now and at its peak, in KiB.
fn memory(process: u32) -> [u64; 2] {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    ["VmRSS:", "VmHWM:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    })
}

/// `NODE_FIGURE_BLOCKS` sets the number of blocks.
#[test]
#[ignore = "runs for 5 minutes with PostgreSQL"]
fn catching_up_is_as_fast_as_a_chain_folder() {
    let blocks = number("NODE_FIGURE_BLOCKS", 1_000);
    let database = NodeDatabase::new();
    let chain = tempfile::tempdir().unwrap();
    write_chain(chain.path(), &database, blocks, TRANSFERS);
    let url = database.url();
    for round in 1..=2 {
        let data = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let server = Server::start(data.path(), &[]);
        run_well(&["import", "--url", &server.url, chain.path().to_str().unwrap()]);
        let from_folder = queued(&server, start, blocks);
        drop(server);
        let data = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let server = Server::start(data.path(), &["--node", &url, "--from", "0"]);
        let from_node = queued(&server, start, blocks);
        let ratio = from_node.as_secs_f64() / from_folder.as_secs_f64();
        println!(
            "round {round}: {blocks} blocks from the node in {from_node:.2?}, from a folder in {from_folder:.2?}: {ratio:.2}"
        );
    }
}

/// `NODE_FIGURE_BLOCKS` sets a tenth of the number of blocks.
#[test]
#[ignore = "runs for 10 minutes with PostgreSQL"]
fn the_memory_while_catching_up_is_flat() {
    let few = number("NODE_FIGURE_BLOCKS", 1_000);
    let database = NodeDatabase::new();
    let chain = tempfile::tempdir().unwrap();
    // Full blocks would make the test last an hour.
    write_chain(chain.path(), &database, 10 * few, 2);
    let data = tempfile::tempdir().unwrap();
    // The cache is full after the first blocks; with the default, it grows during ten thousand.
    let args = ["--node", &database.url(), "--from", "0", "--set", "cache_bytes=8388608"];
    let server = Server::start(data.path(), &args);
    let witnessed = || server.get("/api/v1/status").json()["blocks"]["witnessed"].as_u64();
    // The mean over a tenth of the blocks, because single values go up and down.
    let mean_up_to = |last: u32| {
        let mut samples = Vec::new();
        for block in (last - few..=last).step_by(20) {
            until(|| (witnessed()? >= u64::from(block)).then_some(()));
            samples.push(memory(server.id())[0]);
        }
        samples.iter().sum::<u64>() / samples.len() as u64
    };
    let means: Vec<u64> = (1..=10).map(|tenth| mean_up_to(tenth * few)).collect();
    let [_, peak] = memory(server.id());
    println!("resident memory in KiB, means of each {few} blocks: {means:?}; peak {peak}");
    assert!(means[9] * 10 <= means[1] * 11, "memory grows: {means:?}");
}

/// A foreign block of a share against one whose witness is built, by the time of all blocks.
#[test]
#[ignore = "runs for 5 minutes with PostgreSQL"]
fn a_foreign_block_costs_a_small_part_of_a_witness() {
    let blocks = number("NODE_FIGURE_BLOCKS", 100);
    let database = NodeDatabase::new();
    let mut chain = Chain::with_accounts(64, 16);
    let genesis = serde_json::to_vec(&chain.genesis()).unwrap();
    database.write_genesis(&genesis, &hex::encode(fr::to_bytes(&chain.root())));
    for _ in 0..blocks {
        let json = serde_json::to_vec(&chain.next_block_of(390, 195)).unwrap();
        database.write_block(&serde_json::from_slice::<Value>(&json).unwrap());
    }
    let witness = |share: &str| {
        let data = tempfile::tempdir().unwrap();
        let dir = data.path().to_str().unwrap();
        run_well(&["import", "--data-dir", dir, "--node", &database.url(), "--from", "0"]);
        let start = Instant::now();
        run_well(&["witness", "--data-dir", dir, "--set", &format!("node_share={share}")]);
        start.elapsed()
    };
    // None of the blocks is in the share.
    let (all, none) = (witness("1/1"), witness("1/1000000"));
    println!(
        "{blocks} blocks of 390 chunks: witnesses {all:.2?}, only the tree {none:.2?}: 1/{:.1}",
        all.as_secs_f64() / none.as_secs_f64()
    );
}
