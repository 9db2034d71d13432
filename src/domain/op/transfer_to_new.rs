//! Transfer that creates its recipient (spec 03 §6).

use crate::domain::{AccountId, Transfer};
use serde::{Deserialize, Serialize};

/// An executed [`Transfer`] to an address without account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferToNewOp {
    /// The transaction.
    pub tx: Transfer,
    /// Sender.
    pub from: AccountId,
    /// Account that was created.
    pub to: AccountId,
}
