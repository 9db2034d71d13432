//! Close: disabled in the protocol, but still part of the JSON of blocks
//! (docs/protocol/02-types-json.md §2).

use super::signature::{SignedForms, TxSignature};
use super::time_range::TimeRange;
use crate::domain::hex_types::Address;
use crate::domain::ids::Nonce;
use crate::domain::wire::Writer;
use serde::{Deserialize, Serialize};

/// A transaction that closes an empty account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Close {
    /// Address of the account.
    pub account: Address,
    /// Nonce of the account.
    pub nonce: Nonce,
    /// Signature of the owner.
    pub signature: TxSignature,
    /// Validity period; a nested object, unlike in other transactions.
    pub time_range: TimeRange,
}

impl Close {
    const TX_TYPE: u8 = 0x04;

    /// Returns the signed form, which has no version: `04 ‖ account ‖ nonce ‖ validity`.
    pub(crate) fn signed_bytes(&self) -> Vec<u8> {
        Writer::new(Self::TX_TYPE)
            .address(&self.account)
            .nonce(self.nonce)
            .time_range(self.time_range)
            .finish()
    }

    /// Returns the signature with the form over which it may be valid.
    pub(crate) fn signed_forms(&self) -> SignedForms {
        SignedForms::new(self.signature, None, Ok(self.signed_bytes()))
    }
}
