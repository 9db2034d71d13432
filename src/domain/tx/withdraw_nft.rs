//! WithdrawNFT (docs/protocol/02-types-json.md §2).

use super::signature::{SignedForms, TxSignature};
use super::time_range::TimeRange;
use crate::domain::amount;
use crate::domain::hex_types::Address;
use crate::domain::ids::{AccountId, Nonce, TokenId};
use crate::domain::wire::{WireError, Writer};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// A transaction that moves an NFT to an Ethereum address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WithdrawNft {
    /// Id of the owner.
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
    /// Signature of the owner.
    pub signature: TxSignature,
    /// Has no effect; kept so that the JSON round-trips.
    #[serde(default)]
    pub fast: bool,
    /// Validity period.
    #[serde(flatten)]
    pub time_range: TimeRange,
}

impl WithdrawNft {
    const TX_TYPE: u8 = 0x0a;

    /// Returns the signed form: `f5 01 ‖ account ‖ from ‖ to ‖ token ‖ fee token ‖ fee packed ‖
    /// nonce ‖ validity`.
    pub(crate) fn signed_bytes(&self) -> Result<Vec<u8>, WireError> {
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

    /// Returns the signature with the form over which it may be valid.
    pub(crate) fn signed_forms(&self) -> SignedForms {
        SignedForms::new(self.signature, None, self.signed_bytes())
    }
}
