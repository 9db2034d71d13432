//! Deposit operation (spec 03 §5).

use crate::domain::{AccountId, Deposit};
use serde::{Deserialize, Serialize};

/// An executed [`Deposit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepositOp {
    /// The request.
    pub priority_op: Deposit,
    /// Account that was credited.
    pub account_id: AccountId,
}
