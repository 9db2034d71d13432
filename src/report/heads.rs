//! The last block up to which all are proven, and the last one up to which all are aggregated. The
//! store has no counter of these: a search continues from the result of an earlier one.

use crate::{
    domain::AggregatedAction,
    store::{Store, StoreError},
};

/// The last block of two stages; neither is behind the stages that follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ProvenHeads {
    /// The last block up to which all are proven.
    pub proven: u32,
    /// The last block up to which all are in a stored aggregated proof.
    pub aggregated: u32,
}

impl ProvenHeads {
    /// Returns the heads now; the search continues from these. Blocks up to `verified` count.
    pub(crate) fn advanced(self, store: &Store, verified: u32) -> Result<Self, StoreError> {
        let aggregated = aggregated(store, self.aggregated, verified)?;
        let proven = proven(store, self.proven, aggregated)?;
        Ok(Self { proven, aggregated })
    }
}

fn proven(store: &Store, before: u32, aggregated: u32) -> Result<u32, StoreError> {
    let mut last = before.min(store.chain().head()?).max(aggregated);
    // After a revert, blocks up to `before` may no longer be proven.
    if last > aggregated && !store.queue().has_single_proof(last)? {
        last = aggregated;
    }
    while store.queue().has_single_proof(last.saturating_add(1))? {
        last = last.saturating_add(1);
    }
    Ok(last)
}

fn aggregated(store: &Store, before: u32, verified: u32) -> Result<u32, StoreError> {
    let range = |block| {
        let operation =
            store.chain().aggregated_operation_covering(AggregatedAction::CreateProofBlocks, block)?;
        let Some(range) = operation else { return Ok(None) };
        let stored = store.queue().has_aggregated_proof(range.first, range.last)?;
        Ok::<_, StoreError>(stored.then_some(range.last))
    };
    let mut last = before.max(verified);
    // After a revert, blocks up to `before` may no longer be aggregated.
    if last > verified && range(last)? != Some(last) {
        last = verified;
    }
    while let Some(end) = range(last.saturating_add(1))?
        && end > last
    {
        last = end;
    }
    Ok(last)
}
