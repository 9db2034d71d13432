//! The reason why a block has no witness.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The reason why no witness can be built for a stored block. The blocks after it wait until it is
/// retried or reverted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quarantine {
    /// The reason, as a sentence.
    pub reason: String,
    /// Index of the operation at fault in the block, if the fault is in one operation.
    pub operation: Option<u32>,
    /// Kind of that operation.
    pub kind: Option<String>,
    /// Time when the fault was found, in milliseconds since 1970.
    pub at_ms: u64,
}
