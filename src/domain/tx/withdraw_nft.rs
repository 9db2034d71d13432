//! WithdrawNFT (spec 02 §2).

use super::{TimeRange, TxSignature};
use crate::domain::{AccountId, Address, Nonce, TokenId, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// Moves an NFT to an Ethereum address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WithdrawNft {
    /// Owner.
    pub account_id: AccountId,
    /// Address of the owner.
    pub from: Address,
    /// Ethereum address of the recipient.
    pub to: Address,
    /// The NFT.
    pub token: TokenId,
    /// Token of the fee.
    pub fee_token: TokenId,
    /// Fee, packable.
    #[serde(with = "amount")]
    pub fee: BigUint,
    /// Nonce of the owner.
    pub nonce: Nonce,
    /// Owner's signature.
    pub signature: TxSignature,
    /// Carried, never looked at.
    #[serde(default)]
    pub fast: bool,
    /// Validity.
    #[serde(flatten)]
    pub time_range: TimeRange,
}
