//! MintNFT (spec 02 §2).

use super::{PubKeyHash, SignedForms, TxSignature, TxVersion, WireError, Writer};
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

impl MintNft {
    /// Number of the transaction type.
    pub const TX_TYPE: u8 = 0x09;

    /// Signed form: `f6 01 ‖ creator ‖ creator address ‖ content hash ‖ recipient ‖ fee token ‖ fee packed ‖ nonce`.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, WireError> {
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

    /// Hash of the key that signed; `None` if the signature does not verify.
    pub fn verify_signature(&self) -> Option<(PubKeyHash, TxVersion)> {
        self.signed_forms().verify()
    }

    /// The signature with the forms it may be over.
    pub fn signed_forms(&self) -> SignedForms {
        SignedForms::new(self.signature, None, self.signed_bytes())
    }
}
