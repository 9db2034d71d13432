//! How far the chain was and how long the queue, over time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::server::status::Status;

/// What was the case at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryPoint {
    /// The moment.
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
    /// Jobs that provers have.
    pub in_progress: u64,
    /// Jobs that are parked.
    pub failed: u64,
}

impl HistoryPoint {
    /// The point of a status; up to which blocks there are proofs it does not say.
    pub fn of(status: &Status, at_ms: u64, proven: u32, aggregated: u32) -> Self {
        Self {
            at_ms,
            imported: status.blocks.head,
            witnessed: status.blocks.witnessed,
            proven,
            aggregated,
            verified: status.blocks.verified,
            idle: status.jobs.idle,
            in_progress: status.jobs.in_progress,
            failed: status.jobs.failed,
        }
    }
}

/// The last hour, at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryView {
    /// Time between two points.
    pub interval_ms: u64,
    /// The oldest first.
    pub points: Vec<HistoryPoint>,
}
