//! An attempt of a prover at a job.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{AttemptOutcome, job::JobType};

/// One claim of a job by one prover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// Id of the job.
    pub job: i32,
    /// Kind of proof: of one block, or of a range.
    pub r#type: JobType,
    /// First block.
    pub first_block: u32,
    /// Last block; the same as `first_block` for a single proof.
    pub last_block: u32,
    /// Size of the block in chunks; null for an aggregated proof.
    pub chunks: Option<u32>,
    /// Name of the prover.
    pub prover: String,
    /// Time of the claim.
    pub begun_at_ms: u64,
    /// Time of the end; null while it is in progress.
    pub ended_at_ms: Option<u64>,
    /// The outcome; null while it is in progress.
    pub outcome: Option<AttemptOutcome>,
    /// The reason of a refusal, as a sentence.
    pub reason: Option<String>,
}

/// A page of attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptPage {
    /// Attempts: those in progress first, then those that ended, the newest end first.
    pub attempts: Vec<AttemptView>,
    /// The `before` of the next page; null on the last page.
    pub next: Option<u64>,
}
