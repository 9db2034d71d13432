//! ForcedExit (docs/protocol/02-types-json.md §2).

use super::signature::{SignedForms, TxSignature};
use super::time_range::TimeRange;
use crate::domain::amount;
use crate::domain::hex_types::Address;
use crate::domain::ids::{AccountId, Nonce, TokenId};
use crate::domain::wire::{WireError, Writer};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// A transaction that withdraws the whole balance of an account without a key, at the expense of
/// the initiator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForcedExit {
    /// Id of the account that pays the fee.
    pub initiator_account_id: AccountId,
    /// Address of the emptied account; it receives the funds on Ethereum.
    pub target: Address,
    /// Token of balance and fee.
    pub token: TokenId,
    /// Fee, packable.
    #[serde(with = "amount")]
    pub fee: BigUint,
    /// Nonce of the initiator.
    pub nonce: Nonce,
    /// Signature of the initiator.
    pub signature: TxSignature,
    /// Validity period; absent in legacy transactions.
    #[serde(flatten)]
    pub time_range: Option<TimeRange>,
}

impl ForcedExit {
    const TX_TYPE: u8 = 0x08;

    /// Returns the current signed form: `f7 01 ‖ initiator ‖ target ‖ token ‖ fee packed ‖ nonce ‖
    /// validity`.
    pub(crate) fn signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        Ok(Writer::versioned(Self::TX_TYPE)
            .account(self.initiator_account_id)
            .address(&self.target)
            .token(self.token)
            .packed_fee(&self.fee)?
            .nonce(self.nonce)
            .time_range(self.time_range.unwrap_or_default())
            .finish())
    }

    /// Returns the legacy signed form, which always has a validity. A token that does not fit two
    /// bytes loses its high half.
    pub(crate) fn legacy_signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        Ok(Writer::new(Self::TX_TYPE)
            .account(self.initiator_account_id)
            .address(&self.target)
            .legacy_token(self.token)
            .packed_fee(&self.fee)?
            .nonce(self.nonce)
            .time_range(self.time_range.unwrap_or_default())
            .finish())
    }

    /// Returns the signature with the forms over which it may be valid.
    pub(crate) fn signed_forms(&self) -> SignedForms {
        SignedForms::new(self.signature, Some(self.legacy_signed_bytes()), self.signed_bytes())
    }
}
