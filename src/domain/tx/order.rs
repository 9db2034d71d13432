//! Order of a swap (spec 02 §2).

use super::{TimeRange, TxSignature};
use crate::domain::{AccountId, Address, Nonce, TokenId, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// One side of a swap, signed by its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Owner.
    pub account_id: AccountId,
    /// Address that receives the bought token.
    pub recipient: Address,
    /// Nonce of the owner.
    pub nonce: Nonce,
    /// Token received.
    pub token_buy: TokenId,
    /// Token given.
    pub token_sell: TokenId,
    /// Price as (sell, buy), each at most 120 bits.
    #[serde(with = "amount::pair")]
    pub ratio: (BigUint, BigUint),
    /// Amount to sell; 0 makes it a limit order, which may be filled repeatedly.
    #[serde(with = "amount")]
    pub amount: BigUint,
    /// Validity.
    #[serde(flatten)]
    pub time_range: TimeRange,
    /// Owner's signature.
    pub signature: TxSignature,
}
