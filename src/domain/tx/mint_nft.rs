//! MintNFT (docs/protocol/02-types-json.md §2).

use super::signature::{SignedForms, TxSignature};
use crate::domain::amount;
use crate::domain::hex_types::{Address, H256};
use crate::domain::ids::{AccountId, Nonce, TokenId};
use crate::domain::wire::{WireError, Writer};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// A transaction that creates an NFT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MintNft {
    /// Id of the creator.
    pub creator_id: AccountId,
    /// Address of the creator.
    pub creator_address: Address,
    /// Hash of the NFT's content.
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
    /// Signature of the creator.
    pub signature: TxSignature,
}

impl MintNft {
    const TX_TYPE: u8 = 0x09;

    /// Returns the signed form: `f6 01 ‖ creator ‖ creator address ‖ content hash ‖ recipient ‖ fee
    /// token ‖ fee packed ‖ nonce`.
    pub(crate) fn signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        Ok(Writer::versioned(Self::TX_TYPE)
            .account(self.creator_id)
            .address(&self.creator_address)
            .bytes(&self.content_hash.0)
            .address(&self.recipient)
            .token(self.fee_token)
            .packed_fee(&self.fee)?
            .nonce(self.nonce)
            .finish())
    }

    /// Returns the signature with the form over which it may be valid.
    pub(crate) fn signed_forms(&self) -> SignedForms {
        SignedForms::new(self.signature, None, self.signed_bytes())
    }
}
