//! Sealed blocks.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::devnet::ledger::BlockRecord;

/// A sealed block.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::devnet) struct BlockInfo {
    /// Its number, from 1.
    block_number: u32,
    /// Root of the account tree after it: 64 hex digits.
    new_state_root: String,
    /// Its size in chunks.
    block_size: usize,
    /// Invented hash of the Ethereum transaction that committed it.
    commit_tx_hash: String,
    /// Invented hash of the Ethereum transaction that executed it; null before.
    verify_tx_hash: Option<String>,
    /// Time of its sealing (RFC 3339).
    committed_at: String,
    /// Time at which it became final; null before.
    finalized_at: Option<String>,
    /// `committed`, or `finalized` once it is final.
    status: &'static str,
}

impl From<&BlockRecord> for BlockInfo {
    fn from(block: &BlockRecord) -> Self {
        Self {
            block_number: block.number,
            new_state_root: hex::encode(block.root),
            block_size: block.chunks,
            commit_tx_hash: block.commit_tx_hash.to_string(),
            verify_tx_hash: block.verify_tx_hash.map(|hash| hash.to_string()),
            committed_at: rfc3339(block.committed_at),
            finalized_at: block.finalized_at.map(rfc3339),
            status: if block.finalized_at.is_some() { "finalized" } else { "committed" },
        }
    }
}

/// Returns a time as RFC 3339 with microseconds and `Z`.
pub(in crate::devnet) fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
