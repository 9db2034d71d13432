//! Close (spec 02 §2): disabled in the protocol, kept for reading old data.

use super::{PubKeyHash, TimeRange, TxSignature, Writer};
use crate::domain::{Address, Nonce};
use serde::{Deserialize, Serialize};

/// Closes an empty account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Close {
    /// Address of the account.
    pub account: Address,
    /// Nonce of the account.
    pub nonce: Nonce,
    /// Owner's signature.
    pub signature: TxSignature,
    /// Validity; a nested object, unlike in other transactions.
    pub time_range: TimeRange,
}

impl Close {
    /// Number of the transaction type.
    pub const TX_TYPE: u8 = 0x04;

    /// Signed form, the only one: `04 ‖ address ‖ nonce ‖ validity`.
    pub fn signed_bytes(&self) -> Vec<u8> {
        Writer::new(Self::TX_TYPE)
            .address(&self.account)
            .nonce(self.nonce)
            .time_range(self.time_range)
            .finish()
    }

    /// Hash of the key that signed; `None` if the signature does not verify.
    pub fn verify_signature(&self) -> Option<PubKeyHash> {
        self.signature.verify(&self.signed_bytes())
    }
}
