//! What became of what was asked for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::workers::Imported;

/// What became of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportOutcome {
    /// In one word.
    pub outcome: ImportOutcomeName,
    /// Number of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub block: Option<u32>,
    /// Why a block is quarantined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
}

/// What became of an import, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportOutcomeName {
    /// It is stored now.
    Stored,
    /// The same was stored before.
    AlreadyThere,
    /// The block is stored, and cannot be witnessed.
    Quarantined,
}

impl ImportOutcome {
    /// Of an import, of a block if it was one.
    pub fn new(block: Option<u32>, imported: Imported) -> Self {
        let (outcome, reason) = match imported {
            Imported::Stored => (ImportOutcomeName::Stored, None),
            Imported::AlreadyThere => (ImportOutcomeName::AlreadyThere, None),
            Imported::Quarantined(reason) => (ImportOutcomeName::Quarantined, Some(reason)),
        };
        Self { outcome, block, reason }
    }
}

/// What an operator did to a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobOutcome {
    /// The job.
    pub job_id: i32,
    /// `requeued` or `dropped`.
    pub outcome: String,
}

/// What an operator did to a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockOutcome {
    /// The block.
    pub block: u32,
    /// `retried`.
    pub outcome: String,
}

/// Whether operators can do anything on this listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperatorView {
    /// Whether an operator token is configured.
    pub enabled: bool,
}

/// Whether the server is fit for work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Whether there is no reason against it.
    pub ready: bool,
    /// Each reason why it is not.
    pub reasons: Vec<String>,
}
