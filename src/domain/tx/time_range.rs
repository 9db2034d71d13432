//! Validity period of a transaction (spec 02 §1.1).

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
    /// Always valid.
    fn default() -> Self {
        Self { valid_from: 0, valid_until: u64::MAX }
    }
}

impl TimeRange {
    /// Whether a block of this timestamp may execute the transaction.
    pub fn contains(self, timestamp: u64) -> bool {
        (self.valid_from..=self.valid_until).contains(&timestamp)
    }
}
