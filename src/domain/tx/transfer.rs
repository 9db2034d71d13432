//! Transfer (spec 02 §2).

use super::{PubKeyHash, SignedForms, TimeRange, TxSignature, TxVersion, WireError, Writer};
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

impl Transfer {
    /// Number of the transaction type.
    pub const TX_TYPE: u8 = 0x05;

    /// Current signed form: `fa 01 ‖ account ‖ from ‖ to ‖ token ‖ amount packed ‖ fee packed ‖ nonce ‖ validity`.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        Ok(Writer::versioned(Self::TX_TYPE)
            .account(self.account_id)
            .address(&self.from)
            .address(&self.to)
            .token(self.token)
            .packed_amount(&self.amount)?
            .packed_fee(&self.fee)?
            .nonce(self.nonce)
            .time_range(self.time_range.unwrap_or_default())
            .finish())
    }

    /// Old signed form, with the validity only if there is one; empty if the token does not fit two bytes.
    pub fn legacy_signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        if self.token.is_nft() {
            return Ok(Vec::new());
        }
        let message = Writer::new(Self::TX_TYPE)
            .account(self.account_id)
            .address(&self.from)
            .address(&self.to)
            .legacy_token(self.token)
            .packed_amount(&self.amount)?
            .packed_fee(&self.fee)?
            .nonce(self.nonce);
        Ok(self.time_range.into_iter().fold(message, Writer::time_range).finish())
    }

    /// Hash of the key that signed, and the form it signed; the old form is tried first. `None` if neither verifies.
    pub fn verify_signature(&self) -> Option<(PubKeyHash, TxVersion)> {
        self.signed_forms().verify()
    }

    /// The signature with the forms it may be over.
    pub fn signed_forms(&self) -> SignedForms {
        let legacy = (!self.token.is_nft()).then(|| self.legacy_signed_bytes());
        SignedForms::new(self.signature, legacy, self.signed_bytes())
    }
}
