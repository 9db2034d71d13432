//! Aggregated operations as shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    domain::AggregatedActionType,
    store::{AggregatedAction, AggregatedOperationRecord, Store, StoreError},
};

const ACTIONS: [(AggregatedAction, AggregatedActionType); 4] = [
    (AggregatedAction::CommitBlocks, AggregatedActionType::CommitBlocks),
    (AggregatedAction::CreateProofBlocks, AggregatedActionType::CreateProofBlocks),
    (AggregatedAction::PublishProofBlocksOnchain, AggregatedActionType::PublishProofBlocksOnchain),
    (AggregatedAction::ExecuteBlocks, AggregatedActionType::ExecuteBlocks),
];

/// An aggregated operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AggregatedOperationView {
    /// What it does.
    pub action: AggregatedActionType,
    /// First block.
    pub first_block: u32,
    /// Last block.
    pub last_block: u32,
    /// When it was stored.
    pub stored_at_ms: u64,
}

impl AggregatedOperationView {
    fn new(action: AggregatedActionType, operation: &AggregatedOperationRecord) -> Self {
        let AggregatedOperationRecord { first, last, stored_at_ms, .. } = *operation;
        Self { action, first_block: first, last_block: last, stored_at_ms }
    }
}

/// Some aggregated operations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AggregatedOperationPage {
    /// By action, and by blocks.
    pub aggregated_operations: Vec<AggregatedOperationView>,
    /// The `after` of the next page; null when this is the last.
    pub next: Option<u32>,
}

impl AggregatedOperationPage {
    /// Operations that end after a block, of all actions or of one; up to `limit` of each.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(
        store: &Store,
        wanted: Option<AggregatedActionType>,
        after: u32,
        limit: usize,
    ) -> Result<Self, StoreError> {
        let mut shown = Vec::new();
        let mut next = None::<u32>;
        for (action, name) in ACTIONS {
            if wanted.is_none_or(|wanted| wanted == name) {
                let mut operations = store.aggregated_operations(action, after, limit.saturating_add(1))?;
                let more = operations.len() > limit;
                operations.truncate(limit);
                let cut = operations.last().filter(|_| more).map(|last| last.last);
                next = next.into_iter().chain(cut).min();
                shown
                    .extend(operations.iter().map(|operation| AggregatedOperationView::new(name, operation)));
            }
        }
        // One place to go on from for all actions: what ends behind it is for the next page.
        if let Some(next) = next {
            shown.retain(|operation| operation.last_block <= next);
        }
        Ok(Self { aggregated_operations: shown, next })
    }
}
