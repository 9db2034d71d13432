//! The last block up to which all are proven, and the last one up to which all are aggregated. The
//! store has no counter of these: each call continues from the previous result, by a bounded number
//! of steps.

use crate::{
    api::views::Status,
    domain::AggregatedAction,
    store::{Store, StoreError},
};

/// Maximum number of blocks or ranges that one call searches.
const MAX_STEPS: u32 = 10_000;

/// Returns the last block up to which all are proven, searching from `before`, the previous result.
pub(super) fn proven(store: &Store, before: u32, status: &Status) -> Result<u32, StoreError> {
    let mut last = before.min(status.blocks.head).max(status.blocks.verified);
    // After a revert, blocks up to `before` may no longer be proven.
    if last > status.blocks.verified && !store.queue().has_single_proof(last)? {
        last = status.blocks.verified;
    }
    for _ in 0..MAX_STEPS {
        if !store.queue().has_single_proof(last.saturating_add(1))? {
            break;
        }
        last = last.saturating_add(1);
    }
    Ok(last)
}

/// Returns the last block up to which all are in a stored aggregated proof, searching from
/// `before`, the previous result.
pub(super) fn aggregated(store: &Store, before: u32, status: &Status) -> Result<u32, StoreError> {
    let created = AggregatedAction::CreateProofBlocks;
    let mut last = before.min(store.chain().last_block_of(created)?).max(status.blocks.verified);
    for _ in 0..MAX_STEPS {
        match store.chain().aggregated_operation_covering(created, last.saturating_add(1))? {
            Some(next) if store.queue().has_aggregated_proof(next.first, next.last)? => last = next.last,
            _ => break,
        }
    }
    Ok(last)
}
