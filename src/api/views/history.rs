//! Progress of the chain and length of the queue over time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::status::Status;

/// Progress at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryPoint {
    /// The time.
    pub at_ms: u64,
    /// The last imported block.
    pub imported: u32,
    /// The last witnessed block.
    pub witnessed: u32,
    /// The last block up to which all are proven.
    pub proven: u32,
    /// The last block up to which all are in a stored aggregated proof.
    pub aggregated: u32,
    /// The last verified block.
    pub verified: u32,
    /// Jobs that wait for a prover.
    pub idle: u64,
    /// Jobs that provers hold.
    pub in_progress: u64,
    /// Failed jobs.
    pub failed: u64,
}

impl HistoryPoint {
    /// Returns the point of a status.
    pub fn of(status: &Status, at_ms: u64) -> Self {
        Self {
            at_ms,
            imported: status.blocks.head,
            witnessed: status.blocks.witnessed,
            proven: status.blocks.proven,
            aggregated: status.blocks.aggregated,
            verified: status.blocks.verified,
            idle: status.jobs.idle,
            in_progress: status.jobs.in_progress,
            failed: status.jobs.failed,
        }
    }
}

/// Progress over at most the last hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryView {
    /// Time between two points.
    pub interval_ms: u64,
    /// Points, oldest first.
    pub points: Vec<HistoryPoint>,
}
