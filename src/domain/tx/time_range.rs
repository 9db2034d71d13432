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
    /// 16 bytes of signed messages: both ends big-endian.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.valid_from.to_be_bytes());
        bytes[8..].copy_from_slice(&self.valid_until.to_be_bytes());
        bytes
    }
}
