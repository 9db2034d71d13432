//! Proofs of blocks that are reverted: they stay readable among the rejected ones.

use crate::domain::job::JobType;
use crate::store::{BlobLabel, DurableKind, DurableRecord, RejectedProof, Store, StoreError};

/// Copies the proofs of a kind that reach beyond block `to` to the rejected proofs.
pub(super) fn keep_as_rejected(
    store: &Store,
    kind: DurableKind,
    to: u32,
    reason: &str,
) -> Result<(), StoreError> {
    let job_type = if kind == DurableKind::SingleProof { JobType::Single } else { JobType::Aggregated };
    for record in store.records_from(kind, to.saturating_add(1)) {
        let DurableRecord { label: BlobLabel { first, last, .. }, blob, prover, .. } = record?;
        let job = store.queue().job_about(job_type, first, last)?;
        let blocks =
            if first == last { format!("block {first}") } else { format!("blocks {first} to {last}") };
        store.queue().reject(RejectedProof {
            job_id: job.map_or(0, |job| job.id),
            prover,
            reason: format!("{reason}: the proof was of {blocks}"),
            // The store sets the time.
            at_ms: 0,
            bytes: store.read_blob(&blob)?,
        })?;
    }
    Ok(())
}
