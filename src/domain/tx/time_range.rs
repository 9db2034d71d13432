//! Validity period of a transaction (docs/protocol/02-types-json.md §1.1).

use serde::{Deserialize, Serialize};

/// Block timestamps (Unix seconds, both ends included) at which a transaction may be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeRange {
    /// First second.
    pub valid_from: u64,
    /// Last second.
    pub valid_until: u64,
}

impl Default for TimeRange {
    /// Returns the range that contains every timestamp.
    fn default() -> Self {
        Self { valid_from: 0, valid_until: u64::MAX }
    }
}
