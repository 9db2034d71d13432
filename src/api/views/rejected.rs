//! Rejected proofs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A rejected proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedProofView {
    /// Its number, from 0; the newest has the largest.
    pub number: u32,
    /// The job for which it was published.
    pub job_id: i32,
    /// The prover that held the job, if any.
    pub prover: Option<String>,
    /// The reason, as a sentence.
    pub reason: String,
    /// Time when it was published.
    pub at_ms: u64,
    /// Length of the published data, in bytes.
    pub length: u64,
}

/// A page of rejected proofs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedProofPage {
    /// Rejected proofs, newest first.
    pub rejected_proofs: Vec<RejectedProofView>,
    /// The `before` of the next page; null on the last page.
    pub next: Option<u32>,
}
