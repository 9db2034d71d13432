//! Transfer (spec 02 §2).

use super::{TimeRange, TxSignature};
use crate::domain::{AccountId, Address, Nonce, TokenId, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// Moves an amount to an address within the rollup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transfer {
    /// Sender.
    pub account_id: AccountId,
    /// Address of the sender.
    pub from: Address,
    /// Address of the recipient.
    pub to: Address,
    /// Token of amount and fee.
    pub token: TokenId,
    /// Amount, packable.
    #[serde(with = "amount")]
    pub amount: BigUint,
    /// Fee, packable.
    #[serde(with = "amount")]
    pub fee: BigUint,
    /// Nonce of the sender.
    pub nonce: Nonce,
    /// Validity; absent in old transactions.
    #[serde(flatten)]
    pub time_range: Option<TimeRange>,
    /// Sender's signature.
    pub signature: TxSignature,
}
