//! Outcomes of requests that change something.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// The block was stored, and no witness can be built for it.
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
