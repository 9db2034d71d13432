//! Proofs that were not accepted, as shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    server::refusal::wire_id,
    store::{RejectedRecord, Store, StoreError},
};

/// A proof that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedProofView {
    /// Its number, from 0; the newest has the largest.
    pub number: u32,
    /// The job it was published for.
    pub job_id: i32,
    /// The prover that held the job, if any.
    pub prover: Option<String>,
    /// Why, as a sentence.
    pub reason: String,
    /// When it came.
    pub at_ms: u64,
    /// Length of what was published, in bytes.
    pub length: u64,
}

impl From<RejectedRecord> for RejectedProofView {
    fn from(record: RejectedRecord) -> Self {
        let RejectedRecord { number, job_id, prover, reason, at_ms, length } = record;
        Self { number, job_id: wire_id(job_id), prover, reason, at_ms, length }
    }
}

/// Some proofs that were not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedProofPage {
    /// The newest first.
    pub rejected_proofs: Vec<RejectedProofView>,
    /// The `before` of the next page; null when this is the last.
    pub next: Option<u32>,
}

impl RejectedProofPage {
    /// Up to `limit` of them; all, or those before a number.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(store: &Store, before: Option<u32>, limit: usize) -> Result<Self, StoreError> {
        let mut rejected = store.rejected(before, limit.saturating_add(1))?;
        let more = rejected.len() > limit;
        rejected.truncate(limit);
        let next = rejected.last().filter(|_| more).map(|last| last.number);
        Ok(Self { rejected_proofs: rejected.into_iter().map(Into::into).collect(), next })
    }
}
