//! The stand-in for layer 1: it commits sealed blocks, and makes them final by their proofs, at
//! once, or on request (docs/protocol/05-blocks.md §9).

use tracing::warn;

use super::load::{LoadError, stored_block};
use super::options::Finality;
use crate::crypto::fr;
use crate::domain::{
    AccountId, AggregatedAction, AggregatedOperation, AggregatedProof, Block, BlockNumber, H256, U256,
};
use crate::store::StoreError;
use crate::workers::{ImportError, Node};

/// Largest number of blocks of an operation.
const MAX_BLOCKS: u32 = 10;

/// The reason why an operation of layer 1 was not recorded.
#[derive(Debug, thiserror::Error)]
pub(super) enum LayerOneError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error("an aggregated operation or proof is not readable: {0}")]
    Json(#[from] serde_json::Error),
    #[error("an aggregated proof cannot be encoded for layer 1: {0}")]
    Proof(String),
}

/// Records all operations that are due; returns the last final block. An error is logged, and the
/// next round tries again.
pub(super) fn round(node: &Node, finality: Finality) -> Option<u32> {
    let recorded = commit(node).and_then(|()| match finality {
        Finality::Proof => publish(node),
        Finality::Instant => execute(node, u32::MAX),
        Finality::Manual => Ok(()),
    });
    if let Err(error) = recorded {
        warn!(%error, "an operation of layer 1 could not be recorded and is repeated");
    }
    node.store().chain().last_verified_block().ok()
}

/// Records the blocks as executed, up to one that is sealed.
pub(super) fn execute(node: &Node, last: u32) -> Result<(), LayerOneError> {
    let last = last.min(node.store().chain().head()?);
    loop {
        let first = node.store().chain().last_verified_block()?.saturating_add(1);
        if first > last {
            return Ok(());
        }
        let blocks = blocks(node, first, last)?;
        import(node, &AggregatedOperation::ExecuteBlocks { blocks })?;
    }
}

/// Records all sealed blocks as committed.
fn commit(node: &Node) -> Result<(), LayerOneError> {
    loop {
        let chain = node.store().chain();
        let last_committed = chain.last_block_of(AggregatedAction::CommitBlocks)?;
        let head = chain.head()?;
        if last_committed >= head {
            return Ok(());
        }
        let last_committed_block = match last_committed {
            0 => genesis_block(node)?,
            number => stored_block(node.store(), number)?.block,
        };
        let blocks = blocks(node, last_committed + 1, head)?;
        import(node, &AggregatedOperation::CommitBlocks { last_committed_block, blocks })?;
    }
}

/// Records the ranges with an aggregated proof as published and executed.
fn publish(node: &Node) -> Result<(), LayerOneError> {
    loop {
        let store = node.store();
        let first = store.chain().last_verified_block()?.saturating_add(1);
        let create = AggregatedAction::CreateProofBlocks;
        let Some(operation) = store.chain().aggregated_operation_covering(create, first)? else {
            return Ok(());
        };
        let Some(proof) = store.queue().aggregated_proof(operation.first, operation.last)? else {
            return Ok(());
        };
        let proof: AggregatedProof = serde_json::from_slice(&proof)?;
        let proof = proof.encode().map_err(|error| LayerOneError::Proof(error.to_string()))?;
        let operation = serde_json::from_slice(&store.read_blob(&operation.blob)?)?;
        let AggregatedOperation::CreateProofBlocks { blocks, .. } = operation else { return Ok(()) };
        let publish = AggregatedOperation::PublishProofBlocksOnchain { blocks: blocks.clone(), proof };
        import(node, &publish)?;
        import(node, &AggregatedOperation::ExecuteBlocks { blocks })?;
    }
}

/// Returns up to ten blocks.
fn blocks(node: &Node, first: u32, last: u32) -> Result<Vec<Block>, LoadError> {
    let last = last.min(first.saturating_add(MAX_BLOCKS - 1));
    (first..=last).map(|number| Ok(stored_block(node.store(), number)?.block)).collect()
}

fn import(node: &Node, operation: &AggregatedOperation) -> Result<(), LayerOneError> {
    node.import_parsed_operation(operation)?;
    Ok(())
}

/// Returns block 0 (docs/protocol/05-blocks.md §6).
fn genesis_block(node: &Node) -> Result<Block, LayerOneError> {
    let missing = || StoreError::NotFound { what: "the genesis".into() };
    let genesis = node.store().chain().genesis()?.ok_or_else(missing)?;
    let corrupt = |_| StoreError::Corrupt { what: "the root of the genesis is not a field element".into() };
    Ok(Block {
        block_number: BlockNumber(0),
        new_root_hash: fr::from_bytes(&genesis.root).map_err(corrupt)?,
        fee_account: AccountId(0),
        block_transactions: Vec::new(),
        processed_priority_ops: (0, 0),
        block_chunks_size: 0,
        commit_gas_limit: U256::default(),
        verify_gas_limit: U256::default(),
        block_commitment: H256::default(),
        timestamp: 0,
    })
}
