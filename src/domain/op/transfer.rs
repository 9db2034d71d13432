//! Transfer to a known account (spec 03 §6).

use crate::domain::{AccountId, Transfer};
use serde::{Deserialize, Serialize};

/// An executed [`Transfer`] to an existing account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferOp {
    /// The transaction.
    pub tx: Transfer,
    /// Sender.
    pub from: AccountId,
    /// Recipient.
    pub to: AccountId,
}
