//! Withdraw (spec 02 §2).

use super::{TimeRange, TxSignature};
use crate::domain::{AccountId, Address, Nonce, TokenId, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// Moves an amount to an Ethereum address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Withdraw {
    /// Sender.
    pub account_id: AccountId,
    /// Address of the sender.
    pub from: Address,
    /// Ethereum address of the recipient.
    pub to: Address,
    /// Token of amount and fee.
    pub token: TokenId,
    /// Amount; need not be packable.
    #[serde(with = "amount")]
    pub amount: BigUint,
    /// Fee, packable.
    #[serde(with = "amount")]
    pub fee: BigUint,
    /// Nonce of the sender.
    pub nonce: Nonce,
    /// Sender's signature.
    pub signature: TxSignature,
    /// Whether the block should be processed without waiting.
    #[serde(default)]
    pub fast: bool,
    /// Validity; absent in old transactions.
    #[serde(flatten)]
    pub time_range: Option<TimeRange>,
}
