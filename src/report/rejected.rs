//! Rejected proofs of a data folder.

use std::collections::BTreeMap;

use crate::{
    api::views::{MAX_PAGE, RejectedProofPage, RejectedProofView, Rejection, wire_id},
    store::{RejectedRecord, Store, StoreError},
};

impl From<RejectedRecord> for RejectedProofView {
    fn from(record: RejectedRecord) -> Self {
        let RejectedRecord { number, job_id, prover, reason, at_ms, length } = record;
        Self { number, job_id: wire_id(job_id), prover, reason, at_ms, length }
    }
}

/// Returns up to `limit` rejected proofs, all or those with a number below `before`.
pub(crate) fn rejected_proofs(
    store: &Store,
    before: Option<u32>,
    limit: usize,
) -> Result<RejectedProofPage, StoreError> {
    let mut rejected = store.queue().rejected(before, limit.saturating_add(1))?;
    let more = rejected.len() > limit;
    rejected.truncate(limit);
    let next = rejected.last().filter(|_| more).map(|last| last.number);
    Ok(RejectedProofPage { rejected_proofs: rejected.into_iter().map(Into::into).collect(), next })
}

/// Returns the last rejected proof of each job that has one; the store keeps a bounded number.
pub(super) fn last_rejections(store: &Store) -> Result<BTreeMap<u32, Rejection>, StoreError> {
    let mut last = BTreeMap::new();
    // Newest first.
    for RejectedRecord { number, job_id, prover, reason, at_ms, .. } in
        store.queue().rejected(None, MAX_PAGE)?
    {
        last.entry(job_id).or_insert(Rejection { number, prover, reason, at_ms });
    }
    Ok(last)
}
