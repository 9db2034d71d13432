//! Swap (spec 02 §2).

use super::{Order, TxSignature};
use crate::domain::{AccountId, Address, Nonce, TokenId, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// Exchanges tokens between the owners of two orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Swap {
    /// Who pays the fee.
    pub submitter_id: AccountId,
    /// Address of the submitter.
    pub submitter_address: Address,
    /// Nonce of the submitter.
    pub nonce: Nonce,
    /// The two orders.
    pub orders: (Order, Order),
    /// Amounts sold by the two orders, packable.
    #[serde(with = "amount::pair")]
    pub amounts: (BigUint, BigUint),
    /// Fee, packable.
    #[serde(with = "amount")]
    pub fee: BigUint,
    /// Token of the fee.
    pub fee_token: TokenId,
    /// Submitter's signature.
    pub signature: TxSignature,
}
