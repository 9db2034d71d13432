//! ChangePubKey operation (spec 03 §10).

use crate::domain::{AccountId, ChangePubKey};
use serde::{Deserialize, Serialize};

/// An executed [`ChangePubKey`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePubKeyOp {
    /// The transaction.
    pub tx: ChangePubKey,
    /// Account.
    pub account_id: AccountId,
}
