//! The rest of a node around the provers: blocks keep coming, and ranges that are proven are executed, so that retention has
//! something to drop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::World;
use super::tally::Kind;
use super::wire::{Reading, Reply, Wire};
use zksync_witness_server::api::paths;
use zksync_witness_server::domain::{AggregatedOperation, Block};
use zksync_witness_server::testing::ChainBuilder;

/// Size of a block in chunks, and its transfers: a job's data is some 300 kB of JSON.
const CHUNKS: usize = 10;
const TRANSFERS: usize = 1;
/// Jobs that wait beyond one for each prover.
const WAITING: usize = 50;
/// Blocks that are made ahead.
const AHEAD: usize = 16;
/// How often work is looked for.
const LOOK: Duration = Duration::from_millis(10);
/// Pause before a busy server is asked again.
const RETRY: Duration = Duration::from_millis(50);

/// Imports blocks as fast as they are proven, until the load ends.
///
/// # Errors
/// When a block is not taken.
pub async fn import(world: Arc<World>, mut chain: ChainBuilder) -> anyhow::Result<()> {
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
    let mut wire = world.wire()?;
    while !world.is_over() {
        if world.ledger.unproven() >= world.options.connections + WAITING {
            tokio::time::sleep(LOOK).await;
            continue;
        }
        let (block, json) = blocks.recv().await.context("no more blocks are made")?;
        let number = block.block_number.0;
        let reply = post(&world, &mut wire, Kind::Import, paths::BLOCKS, json.clone()).await?;
        let Some(reply) = reply else { break };
        if reply.status != StatusCode::OK || outcome(&reply)? != "stored" {
            bail!("block {number}: {} {}", reply.status, String::from_utf8_lossy(&reply.body));
        }
        world.ledger.imported(block, &json);
    }
    drop(blocks);
    builder.await?
}

/// Executes the ranges that have their aggregated proof, in order, until the load ends.
///
/// # Errors
/// When an operation is not taken.
pub async fn execute(world: Arc<World>) -> anyhow::Result<()> {
    let mut wire = world.wire()?;
    while !world.is_over() {
        let Some(blocks) = world.ledger.next_to_execute() else {
            tokio::time::sleep(LOOK).await;
            continue;
        };
        let operation = serde_json::to_vec(&AggregatedOperation::ExecuteBlocks { blocks })?;
        let reply = post(&world, &mut wire, Kind::Operation, paths::AGGREGATED_OPERATIONS, operation).await?;
        let Some(reply) = reply else { break };
        if reply.status != StatusCode::OK {
            bail!("ExecuteBlocks: {} {}", reply.status, String::from_utf8_lossy(&reply.body));
        }
    }
    Ok(())
}

/// Imports the state before the chain.
///
/// # Errors
/// When it is not taken.
pub async fn genesis(world: &World, chain: &ChainBuilder) -> anyhow::Result<()> {
    let reply = world
        .wire()?
        .ask(Method::POST, paths::GENESIS, serde_json::to_vec(&chain.genesis())?, Reading::Fast)
        .await?;
    if reply.status != StatusCode::OK {
        bail!("the genesis: {} {}", reply.status, String::from_utf8_lossy(&reply.body));
    }
    Ok(())
}

/// Posts, again while the server is busy; `None` if it is so to the end.
async fn post(
    world: &World,
    wire: &mut Wire,
    kind: Kind,
    path: &str,
    json: Vec<u8>,
) -> anyhow::Result<Option<Reply>> {
    let body = bytes::Bytes::from(json);
    while !world.is_over() {
        let reply = wire.ask(Method::POST, path, body.clone(), Reading::Fast).await?;
        world.tally.answered(kind, reply.status, reply.took);
        if !matches!(reply.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            return Ok(Some(reply));
        }
        tokio::time::sleep(RETRY).await;
    }
    Ok(None)
}

fn outcome(reply: &Reply) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct Outcome {
        outcome: String,
    }
    Ok(serde_json::from_slice::<Outcome>(&reply.body)?.outcome)
}
