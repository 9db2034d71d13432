//! Swap operation (spec 03 §13).

use crate::domain::{AccountId, Swap};
use serde::{Deserialize, Serialize};

/// An executed [`Swap`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapOp {
    /// The transaction.
    pub tx: Swap,
    /// Who pays the fee.
    pub submitter: AccountId,
    /// Owners of the orders.
    pub accounts: (AccountId, AccountId),
    /// Who receives what the orders buy.
    pub recipients: (AccountId, AccountId),
}
