//! Outcomes of requests that change something.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::job::JobStatus;

/// Outcome of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportOutcome {
    /// The outcome.
    pub outcome: ImportOutcomeName,
    /// Number of the imported block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub block: Option<u32>,
    /// Reason why the block is quarantined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
}

/// Outcome of an import, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportOutcomeName {
    /// It was stored.
    Stored,
    /// The same was stored before.
    AlreadyThere,
    /// The block is stored, and no witness can be built for it.
    Quarantined,
}

/// Outcome of an operator's request about a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobOutcome {
    /// The job.
    pub job_id: i32,
    /// `requeued` or `dropped`.
    pub outcome: String,
}

/// Jobs to be requeued: exactly one of `ids`, `status`, or `first_block` with `last_block`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequeueRequest {
    /// These jobs, at most 10000. If one of them does not exist or is done, none is requeued.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<i32>,
    /// All jobs with this status; only `failed` is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<JobStatus>,
    /// All jobs that are not done and whose blocks are all in the range that begins with this block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4294967295u64)]
    pub first_block: Option<u32>,
    /// Last block of the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4294967295u64)]
    pub last_block: Option<u32>,
}

/// The requeued jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequeueOutcome {
    /// Their ids.
    pub requeued: Vec<i32>,
}

/// Outcome of an operator's request about all claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimsOutcome {
    /// `paused` or `resumed`.
    pub outcome: String,
    /// False if the claims were in that state before.
    pub changed: bool,
}

/// Outcome of an operator's request about a prover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProverOutcome {
    /// Name of the prover.
    pub prover: String,
    /// `blocked` or `unblocked`.
    pub outcome: String,
    /// False if the prover was in that state before.
    pub changed: bool,
}

/// Outcome of an operator's request about a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockOutcome {
    /// The block.
    pub block: u32,
    /// `retried`.
    pub outcome: String,
}

/// Capabilities of operators on the admin listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperatorView {
    /// True if an operator token is configured, so that requests can change something.
    pub enabled: bool,
}

/// Readiness of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// True if `reasons` is empty.
    pub ready: bool,
    /// Reasons why the server is not ready for work.
    pub reasons: Vec<String>,
}
