//! Aggregated operations of a data folder.

use crate::{
    api::views::{AggregatedOperationPage, AggregatedOperationView},
    domain::AggregatedAction,
    store::{AggregatedOperationRecord, Store, StoreError},
};

fn view(operation: &AggregatedOperationRecord) -> AggregatedOperationView {
    let AggregatedOperationRecord { action, first, last, stored_at_ms, .. } = *operation;
    AggregatedOperationView { action, first_block: first, last_block: last, stored_at_ms }
}

/// Returns the operations that end after the block `after`, of all actions or of one, up to `limit`
/// of each.
pub(crate) fn aggregated_operations(
    store: &Store,
    wanted: Option<AggregatedAction>,
    after: u32,
    limit: usize,
) -> Result<AggregatedOperationPage, StoreError> {
    let mut shown = Vec::new();
    let mut next = None::<u32>;
    for action in AggregatedAction::ALL {
        if wanted.is_none_or(|wanted| wanted == action) {
            let mut operations =
                store.chain().aggregated_operations(action, after, limit.saturating_add(1))?;
            let more = operations.len() > limit;
            operations.truncate(limit);
            let cut = operations.last().filter(|_| more).map(|last| last.last);
            next = next.into_iter().chain(cut).min();
            shown.extend(operations.iter().map(view));
        }
    }
    // All actions continue after the same block; operations that end after it belong to the next
    // page.
    if let Some(next) = next {
        shown.retain(|operation| operation.last_block <= next);
    }
    Ok(AggregatedOperationPage { aggregated_operations: shown, next })
}
