//! ForcedExit operation (spec 03 §11).

use crate::domain::{AccountId, ForcedExit, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// An executed [`ForcedExit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForcedExitOp {
    /// The transaction.
    pub tx: ForcedExit,
    /// Account that was emptied.
    pub target_account_id: AccountId,
    /// What is withdrawn.
    #[serde(default, with = "amount::option")]
    pub withdraw_amount: Option<BigUint>,
}
