//! ForcedExit (spec 02 §2).

use super::{PubKeyHash, SignedForms, TimeRange, TxSignature, TxVersion, WireError, Writer};
use crate::domain::{AccountId, Address, Nonce, TokenId, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// Withdraws the whole balance of an account without key; the initiator pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForcedExit {
    /// Who pays.
    pub initiator_account_id: AccountId,
    /// Address of the account that is emptied; receives the funds on Ethereum.
    pub target: Address,
    /// Token of balance and fee.
    pub token: TokenId,
    /// Fee, packable.
    #[serde(with = "amount")]
    pub fee: BigUint,
    /// Nonce of the initiator.
    pub nonce: Nonce,
    /// Initiator's signature.
    pub signature: TxSignature,
    /// Validity; absent in old transactions.
    #[serde(flatten)]
    pub time_range: Option<TimeRange>,
}

impl ForcedExit {
    /// Number of the transaction type.
    pub const TX_TYPE: u8 = 0x08;

    /// Current signed form: `f7 01 ‖ initiator ‖ target ‖ token ‖ fee packed ‖ nonce ‖ validity`.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        Ok(Writer::versioned(Self::TX_TYPE)
            .account(self.initiator_account_id)
            .address(&self.target)
            .token(self.token)
            .packed_fee(&self.fee)?
            .nonce(self.nonce)
            .time_range(self.time_range.unwrap_or_default())
            .finish())
    }

    /// Old signed form, always with a validity; a token that does not fit two bytes is cut off.
    pub fn legacy_signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        Ok(Writer::new(Self::TX_TYPE)
            .account(self.initiator_account_id)
            .address(&self.target)
            .legacy_token(self.token)
            .packed_fee(&self.fee)?
            .nonce(self.nonce)
            .time_range(self.time_range.unwrap_or_default())
            .finish())
    }

    /// Hash of the key that signed, and the form it signed; the old form is tried first. `None` if neither verifies.
    pub fn verify_signature(&self) -> Option<(PubKeyHash, TxVersion)> {
        self.signed_forms().verify()
    }

    /// The signature with the forms it may be over.
    pub fn signed_forms(&self) -> SignedForms {
        let legacy = Some(self.legacy_signed_bytes());
        SignedForms::new(self.signature, legacy, self.signed_bytes())
    }
}
