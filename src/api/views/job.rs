//! A job of the queue.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::job::{JobStatus, JobType};

/// A proving job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// Its id, from 1.
    pub id: i32,
    /// Kind of proof: of one block, or of a range.
    pub r#type: JobType,
    /// Its status.
    pub status: JobStatus,
    /// Priority; lower is claimed first.
    pub priority: u8,
    /// First block.
    pub first_block: u32,
    /// Last block; the same as `first_block` for a single proof.
    pub last_block: u32,
    /// Size of the block in chunks; null for an aggregated proof.
    pub chunks: Option<u32>,
    /// Number of claims since it was created or requeued, without those that do not count: with a
    /// refused proof, or an answer that did not arrive.
    pub attempts: u32,
    /// The provers whose proofs for it were refused since then; empty for a job that is done.
    #[serde(default)]
    pub refusals: Vec<RefusalView>,
    /// The prover that holds it, or held it last.
    pub holder: Option<String>,
    /// Time of its creation.
    pub created_at_ms: u64,
    /// Time when its status or lease last changed.
    pub updated_at_ms: u64,
    /// Milliseconds until an idle job whose lease ended can be claimed again.
    pub waits_ms: Option<u64>,
    /// Time when a job in progress was claimed; null if that was before the server started.
    pub leased_since_ms: Option<u64>,
    /// Time of the last heartbeat for a job in progress.
    pub last_heartbeat_ms: Option<u64>,
    /// Estimated milliseconds until the proof of a job in progress, from proofs of jobs of the same
    /// size since the server started; null if there are none.
    pub eta_ms: Option<u64>,
    /// The last rejected proof for it, as long as the server keeps it.
    pub last_rejection: Option<Rejection>,
}

/// The refused proofs of one prover for a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusalView {
    /// Name of the prover.
    pub prover: String,
    /// Number of its attempts that ended in a refused proof.
    pub attempts: u32,
}

/// A rejected proof for a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rejection {
    /// Its number among the rejected proofs.
    pub number: u32,
    /// The prover that held the job, if any.
    pub prover: Option<String>,
    /// The reason, as a sentence.
    pub reason: String,
    /// Time when it was published.
    pub at_ms: u64,
}

/// A page of jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobPage {
    /// Jobs by id, in the requested order.
    pub jobs: Vec<JobView>,
    /// The `after` of the next page, or its `before` if the newest come first; null on the last
    /// page.
    pub next: Option<u32>,
}

/// Returns the id of a job as the prover protocol represents it.
pub fn wire_id(id: u32) -> i32 {
    i32::try_from(id).unwrap_or(i32::MAX)
}
