//! Close: disabled in the protocol, but still part of the JSON of blocks
//! (docs/protocol/02-types-json.md §2).

use super::signature::TxSignature;
use super::time_range::TimeRange;
use crate::domain::hex_types::Address;
use crate::domain::ids::Nonce;
use serde::{Deserialize, Serialize};

/// A transaction that closes an empty account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Close {
    /// Address of the account.
    pub account: Address,
    /// Nonce of the account.
    pub nonce: Nonce,
    /// Signature of the owner.
    pub signature: TxSignature,
    /// Validity period; a nested object, unlike in other transactions.
    pub time_range: TimeRange,
}
