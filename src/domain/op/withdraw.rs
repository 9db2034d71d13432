//! Withdraw operation (spec 03 §7).

use crate::domain::{AccountId, Withdraw};
use serde::{Deserialize, Serialize};

/// An executed [`Withdraw`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawOp {
    /// The transaction.
    pub tx: Withdraw,
    /// Sender.
    pub account_id: AccountId,
}
