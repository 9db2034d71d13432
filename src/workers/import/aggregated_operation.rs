//! Import of aggregated operations over stored blocks.

use super::error::ImportError;
use super::json;
use crate::domain::{AggregatedOperation, ImportedBlock};
use crate::store::{Imported, Store, StoreError};

const WHAT: &str = "aggregated operation";

/// Imports an aggregated operation. Its blocks must be the stored ones, and follow those of the
/// previous operation of its action.
pub(crate) fn import(store: &Store, body: &[u8]) -> Result<Imported, ImportError> {
    let operation = json::parse(WHAT, body)?;
    let (first, last) = check_blocks(store, &operation)?;
    for block in operation.blocks() {
        let number = block.block_number.0;
        let damaged =
            || StoreError::corrupt(format!("the body of block {number} is missing or is not a block"));
        let stored = store.chain().block_json(number)?.ok_or_else(damaged)?;
        let stored: ImportedBlock = serde_json::from_slice(&stored).map_err(|_| damaged())?;
        if !stored.block.is_same_as(block) {
            return Err(ImportError::OtherContent(number));
        }
    }
    check_order(store, &operation, first, last)?;
    put(store, &operation)
}

/// Imports an operation that was accepted before, by this folder or another one. It may leave a gap,
/// where an earlier operation cannot be read any more.
pub(crate) fn import_again(store: &Store, body: &[u8]) -> Result<Imported, ImportError> {
    store_operation(store, &json::parse(WHAT, body)?)
}

/// Stores an operation that a node has accepted. It may leave a gap, where the node has removed one.
pub(crate) fn store_operation(
    store: &Store,
    operation: &AggregatedOperation,
) -> Result<Imported, ImportError> {
    check_blocks(store, operation)?;
    put(store, operation)
}

/// Stores an operation over stored blocks.
pub(crate) fn put(store: &Store, operation: &AggregatedOperation) -> Result<Imported, ImportError> {
    let (first, last) = operation.block_range();
    let canonical =
        serde_json::to_vec(operation).map_err(|source| ImportError::Json { what: WHAT, source })?;
    let content_hash = *blake3::hash(&canonical).as_bytes();
    let action = operation.action();
    Ok(store.chain().put_aggregated_operation(action, first.0, last.0, content_hash, &canonical)?)
}

/// Checks that the blocks have consecutive numbers and the commitments of the stored ones; returns
/// the first and the last number.
fn check_blocks(store: &Store, operation: &AggregatedOperation) -> Result<(u32, u32), ImportError> {
    let blocks = operation.blocks();
    let (first, last) = operation.block_range();
    let consecutive = blocks.iter().zip(first.0..).all(|(block, number)| block.block_number.0 == number);
    if first.0 == 0 || !consecutive {
        return Err(ImportError::NotARun);
    }
    for block in blocks {
        let number = block.block_number.0;
        let stored = store.chain().block(number)?;
        if stored.is_none_or(|stored| stored.commitment != block.block_commitment.0) {
            return Err(ImportError::OtherBlock(number));
        }
    }
    Ok((first.0, last.0))
}

/// Checks that the operation leaves no gap after the previous one of its action. The store compares
/// it with an operation of the same blocks.
fn check_order(
    store: &Store,
    operation: &AggregatedOperation,
    first: u32,
    last: u32,
) -> Result<(), ImportError> {
    let action = operation.action();
    let (expected, expected_last) = store.chain().missing_range(action)?;
    let begins = store.chain().last_block_of(action)? == 0
        && store.chain().may_begin_late(action, store.chain().base()?);
    if first <= expected || begins || store.chain().aggregated_operation_covering(action, first)?.is_some() {
        return Ok(());
    }
    Err(ImportError::Gap { action, first, last, expected, expected_last })
}
