//! Aggregation by the server itself: creates `CreateProofBlocks` operations from proven blocks, if
//! enabled.

use std::time::{Duration, Instant};

use tracing::info;

use super::import::{self, ImportError};
use crate::domain::AggregatedAction;
use crate::domain::{AggregatedOperation, ImportedBlock};
use crate::store::{Store, StoreError};

/// The state of the aggregation.
pub(crate) struct Aggregator {
    /// Numbers of blocks that a circuit aggregates, ascending.
    sizes: Vec<u32>,
    deadline: Duration,
    /// The first proven block that waits, and the start of its wait.
    waiting: Option<(u32, Instant)>,
}

impl Aggregator {
    /// Creates an aggregation of runs of `sizes` blocks; `None` without any size. A run shorter
    /// than the largest size is aggregated once its first block has waited for `deadline`.
    pub(crate) fn new(mut sizes: Vec<u32>, deadline: Duration) -> Option<Self> {
        sizes.retain(|size| *size > 0);
        sizes.sort_unstable();
        sizes.dedup();
        (!sizes.is_empty()).then_some(Self { sizes, deadline, waiting: None })
    }

    /// Returns the time until a waiting block reaches the deadline.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        self.waiting
            .map(|(_, since)| self.deadline.saturating_sub(since.elapsed()).max(Duration::from_millis(1)))
    }

    /// Stores all operations that are due; returns true if there were any.
    pub(crate) fn round(&mut self, store: &Store) -> Result<bool, StoreError> {
        let mut created = false;
        loop {
            let (first, last) = store.chain().missing_range(AggregatedAction::CreateProofBlocks)?;
            // The stored operation after a gap bounds what fills it.
            let room = last.map_or(u32::MAX, |last| last.saturating_sub(first).saturating_add(1));
            let largest = self.sizes.last().copied().unwrap_or(1);
            let mut proven = 0;
            while proven < largest.min(room)
                && store.queue().has_single_proof(first.saturating_add(proven))?
            {
                proven += 1;
            }
            let overdue = self.overdue(first, proven) || proven == room;
            let Some(size) = run_length(&self.sizes, proven, overdue) else { return Ok(created) };
            let blocks = (first..first.saturating_add(size.min(proven)))
                .map(|number| stored_block(store, number))
                .collect::<Result<Vec<_>, _>>()?;
            let proofs_to_pad = size.saturating_sub(proven) as usize;
            let last = first.saturating_add(size.min(proven)) - 1;
            let operation = AggregatedOperation::CreateProofBlocks { blocks, proofs_to_pad };
            import::put_operation(store, &operation).map_err(|error| match error {
                ImportError::Store(error) => error,
                error => StoreError::Kv(error.to_string()),
            })?;
            info!(first, last, padding = proofs_to_pad, "aggregated operation created");
            self.waiting = None;
            created = true;
        }
    }

    fn overdue(&mut self, first: u32, proven: u32) -> bool {
        if proven == 0 {
            self.waiting = None;
            return false;
        }
        let since = match self.waiting {
            Some((block, since)) if block == first => since,
            _ => Instant::now(),
        };
        self.waiting = Some((first, since));
        since.elapsed() >= self.deadline
    }
}

fn stored_block(store: &Store, number: u32) -> Result<crate::domain::Block, StoreError> {
    let missing = || StoreError::NotFound { what: format!("block {number}") };
    let body = store.chain().block_json(number)?.ok_or_else(missing)?;
    let imported: ImportedBlock = serde_json::from_slice(&body).map_err(|_| missing())?;
    Ok(imported.block)
}

/// Returns the size of the next aggregate: the largest size once enough blocks are proven. After
/// the deadline, the largest size that the proven blocks fill, or the smallest size, padded, if
/// they fill none.
fn run_length(sizes: &[u32], proven: u32, overdue: bool) -> Option<u32> {
    let smallest = *sizes.first()?;
    let largest = *sizes.last()?;
    if proven >= largest {
        return Some(largest);
    }
    if !overdue || proven == 0 {
        return None;
    }
    Some(sizes.iter().rev().copied().find(|size| *size <= proven).unwrap_or(smallest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_full_size_is_chosen() {
        let sizes = [1, 4, 8];
        assert_eq!(run_length(&sizes, 8, false), Some(8));
        assert_eq!(run_length(&sizes, 7, false), None);
        assert_eq!(run_length(&sizes, 7, true), Some(4));
        assert_eq!(run_length(&sizes, 3, true), Some(1));
        assert_eq!(run_length(&sizes, 0, true), None);
        assert_eq!(run_length(&[4, 8], 3, true), Some(4));
        assert!(Aggregator::new(vec![0], Duration::ZERO).is_none());
    }
}
