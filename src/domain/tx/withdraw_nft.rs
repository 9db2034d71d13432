//! WithdrawNFT (spec 02 §2).

use super::{PubKeyHash, SignedForms, TimeRange, TxSignature, TxVersion, WireError, Writer};
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

impl WithdrawNft {
    /// Number of the transaction type.
    pub const TX_TYPE: u8 = 0x0a;

    /// Signed form: `f5 01 ‖ account ‖ from ‖ to ‖ token ‖ fee token ‖ fee packed ‖ nonce ‖ validity`.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        Ok(Writer::versioned(Self::TX_TYPE)
            .account(self.account_id)
            .address(&self.from)
            .address(&self.to)
            .token(self.token)
            .token(self.fee_token)
            .packed_fee(&self.fee)?
            .nonce(self.nonce)
            .time_range(self.time_range)
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
