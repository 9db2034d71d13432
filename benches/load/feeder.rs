//! The tasks that stand for the sequencer: they import blocks, and execute proven ranges, so that
//! retention has blocks to drop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use tokio::sync::mpsc;

use super::tally::Kind;
use super::world::World;
use zksync_witness_server::api::{
    paths,
    views::{ImportOutcome, ImportOutcomeName},
};
use zksync_witness_server::testing::Chain;
use zksync_witness_server::testing::internals::domain::{AggregatedOperation, Block};

/// Size of a block in chunks, and its number of transfers: job data is about 300 kB of JSON.
const CHUNKS: usize = 10;
const TRANSFERS: usize = 1;
/// Number of unproven blocks beyond one for each prover.
const WAITING: usize = 50;
/// Number of blocks that are built ahead.
const AHEAD: usize = 16;
/// Interval at which the ledger is polled for work.
const LOOK: Duration = Duration::from_millis(10);

/// Imports blocks as fast as they are proven, until the load is over.
///
/// # Errors
/// Fails if a block is refused.
pub async fn import(world: Arc<World>, mut chain: Chain) -> anyhow::Result<()> {
    let (send, mut blocks) = mpsc::channel::<(Block, Vec<u8>)>(AHEAD);
    let builder = tokio::task::spawn_blocking(move || {
        loop {
            let imported = chain.next_block_of(CHUNKS, TRANSFERS);
            let json = serde_json::to_vec(&imported)?;
            if send.blocking_send((imported.block, json)).is_err() {
                return anyhow::Ok(());
            }
        }
    });
    let client = &world.client();
    while !world.is_over() {
        if world.ledger.unproven() >= world.options.connections + WAITING {
            tokio::time::sleep(LOOK).await;
            continue;
        }
        let (block, json) = blocks.recv().await.context("no more blocks are built")?;
        let number = block.block_number.0;
        let body = Bytes::from(json);
        let body_ref = &body;
        let import = || async move { client.post_bytes(paths::BLOCKS, body_ref.clone()).await?.success() };
        match world.request(Kind::Import, import).await? {
            Err(refusal) if refusal.is_busy() => break,
            Err(refusal) => bail!("block {number}: {refusal}"),
            Ok(answer) => {
                let ImportOutcome { outcome, .. } = serde_json::from_slice(&answer)?;
                ensure!(outcome == ImportOutcomeName::Stored, "block {number}: {outcome:?}");
            }
        }
        world.ledger.imported(block, &body);
    }
    drop(blocks);
    builder.await?
}

/// Executes the ranges that have their aggregated proof, in order, until the load is over.
///
/// # Errors
/// Fails if an operation is refused.
pub async fn execute(world: Arc<World>) -> anyhow::Result<()> {
    let client = &world.client();
    while !world.is_over() {
        let Some(blocks) = world.ledger.next_to_execute() else {
            tokio::time::sleep(LOOK).await;
            continue;
        };
        let operation = AggregatedOperation::ExecuteBlocks { blocks };
        let operation = &operation;
        let import = || async move { client.post(paths::AGGREGATED_OPERATIONS, operation).await?.success() };
        match world.request(Kind::Operation, import).await? {
            Err(refusal) if refusal.is_busy() => break,
            Err(refusal) => bail!("ExecuteBlocks: {refusal}"),
            Ok(_) => {}
        }
    }
    Ok(())
}

/// Imports the genesis.
///
/// # Errors
/// Fails if it is refused.
pub async fn genesis(world: &World, chain: &Chain) -> anyhow::Result<()> {
    world.client().post(paths::GENESIS, &chain.genesis()).await?.success()?;
    Ok(())
}
