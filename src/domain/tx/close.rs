//! Close (spec 02 §2): disabled in the protocol, kept for reading old data.

use super::{TimeRange, TxSignature};
use crate::domain::{Address, Nonce};
use serde::{Deserialize, Serialize};

/// Closes an empty account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Close {
    /// Address of the account.
    pub account: Address,
    /// Nonce of the account.
    pub nonce: Nonce,
    /// Owner's signature.
    pub signature: TxSignature,
    /// Validity; a nested object, unlike in other transactions.
    pub time_range: TimeRange,
}
