//! Close operation: disabled in the protocol, kept for reading old data (spec 03 §14).

use crate::domain::{AccountId, Close};
use serde::{Deserialize, Serialize};

/// An executed [`Close`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseOp {
    /// The transaction.
    pub tx: Close,
    /// Account that was closed.
    pub account_id: AccountId,
}
