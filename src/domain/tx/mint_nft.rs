//! MintNFT (spec 02 §2).

use super::TxSignature;
use crate::domain::{AccountId, Address, H256, Nonce, TokenId, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// Creates an NFT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MintNft {
    /// Creator.
    pub creator_id: AccountId,
    /// Address of the creator.
    pub creator_address: Address,
    /// Hash of the content.
    pub content_hash: H256,
    /// Address of the first owner.
    pub recipient: Address,
    /// Fee, packable.
    #[serde(with = "amount")]
    pub fee: BigUint,
    /// Token of the fee.
    #[serde(default)]
    pub fee_token: TokenId,
    /// Nonce of the creator.
    pub nonce: Nonce,
    /// Creator's signature.
    pub signature: TxSignature,
}
