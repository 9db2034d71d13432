//! Import of aggregated operations over stored blocks.

use super::error::ImportError;
use super::json;
use crate::domain::AggregatedOperation;
use crate::store::{Imported, Store};

const WHAT: &str = "aggregated operation";

/// Imports an aggregated operation. Its blocks must be the stored ones.
pub(crate) fn import(store: &Store, body: &[u8]) -> Result<Imported, ImportError> {
    store_operation(store, &json::parse(WHAT, body)?)
}

/// Checks and stores an aggregated operation.
pub(crate) fn store_operation(
    store: &Store,
    operation: &AggregatedOperation,
) -> Result<Imported, ImportError> {
    let blocks = operation.blocks();
    let first = blocks.first().map_or(0, |block| block.block_number.0);
    let consecutive = blocks.iter().zip(first..).all(|(block, number)| block.block_number.0 == number);
    if first == 0 || !consecutive {
        return Err(ImportError::NotARun);
    }
    for block in blocks {
        let number = block.block_number.0;
        let stored = store.chain().block(number)?;
        if stored.is_none_or(|stored| stored.commitment != block.block_commitment.0) {
            return Err(ImportError::OtherBlock(number));
        }
    }
    let last = blocks.last().map_or(first, |block| block.block_number.0);
    let canonical =
        serde_json::to_vec(operation).map_err(|source| ImportError::Json { what: WHAT, source })?;
    let content_hash = *blake3::hash(&canonical).as_bytes();
    let action = operation.action();
    Ok(store.chain().put_aggregated_operation(action, first, last, content_hash, &canonical)?)
}
