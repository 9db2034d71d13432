//! Withdraw (docs/protocol/02-types-json.md §2).

use super::signature::{SignedForms, TxSignature};
use super::time_range::TimeRange;
use crate::domain::amount;
use crate::domain::hex_types::Address;
use crate::domain::ids::{AccountId, Nonce, TokenId};
use crate::domain::wire::{WireError, Writer};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// A transaction that moves an amount to an Ethereum address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Withdraw {
    /// Id of the sender.
    pub account_id: AccountId,
    /// Address of the sender.
    pub from: Address,
    /// Ethereum address of the recipient.
    pub to: Address,
    /// Token of amount and fee.
    pub token: TokenId,
    /// Amount; it need not be packable.
    #[serde(with = "amount")]
    pub amount: BigUint,
    /// Fee, packable.
    #[serde(with = "amount")]
    pub fee: BigUint,
    /// Nonce of the sender.
    pub nonce: Nonce,
    /// Signature of the sender.
    pub signature: TxSignature,
    /// True if the sequencer should seal the block without waiting for more transactions.
    #[serde(default)]
    pub fast: bool,
    /// Validity period; absent in legacy transactions.
    #[serde(flatten)]
    pub time_range: Option<TimeRange>,
}

impl Withdraw {
    const TX_TYPE: u8 = 0x03;

    /// Returns the current signed form:
    /// `fc 01 ‖ account ‖ from ‖ to ‖ token ‖ amount 16 ‖ fee packed ‖ nonce`, followed by the
    /// validity only if the transaction has one. In Transfer and ChangePubKey this holds for the
    /// legacy form instead.
    pub(crate) fn signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        let message = Writer::versioned(Self::TX_TYPE)
            .account(self.account_id)
            .address(&self.from)
            .address(&self.to)
            .token(self.token)
            .amount(&self.amount)?
            .packed_fee(&self.fee)?
            .nonce(self.nonce);
        Ok(self.time_range.into_iter().fold(message, Writer::time_range).finish())
    }

    /// Returns the legacy signed form, which always has a validity. It is empty for a token that
    /// does not fit two bytes.
    pub(crate) fn legacy_signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        if self.token.is_nft() {
            return Ok(Vec::new());
        }
        Ok(Writer::new(Self::TX_TYPE)
            .account(self.account_id)
            .address(&self.from)
            .address(&self.to)
            .legacy_token(self.token)
            .amount(&self.amount)?
            .packed_fee(&self.fee)?
            .nonce(self.nonce)
            .time_range(self.time_range.unwrap_or_default())
            .finish())
    }

    /// Returns the signature with the forms over which it may be valid.
    pub(crate) fn signed_forms(&self) -> SignedForms {
        let legacy = (!self.token.is_nft()).then(|| self.legacy_signed_bytes());
        SignedForms::new(self.signature, legacy, self.signed_bytes())
    }
}
