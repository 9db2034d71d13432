//! The end of an attempt: of one claim of a job by one prover.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The way in which an attempt ended. Records store the position of the variant, so the order must
/// not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// The prover's proof was accepted.
    Accepted,
    /// The prover's proof was refused as invalid.
    Refused,
    /// The lease ended without a heartbeat.
    LeaseLost,
    /// The prover stopped and released the job.
    Stopped,
    /// The answer with the job did not reach the prover.
    NotDelivered,
    /// An operator or a revert ended it.
    Ended,
    /// A proof of another prover was accepted.
    Superseded,
}
