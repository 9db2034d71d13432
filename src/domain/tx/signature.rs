//! Signature of a transaction (spec 02 §1.2).

use super::WireError;
use crate::crypto::signature;
use crate::domain::{PackedPublicKey, PackedSignature, PubKeyHash};
use serde::{Deserialize, Serialize};

/// Public key and signature, both packed and unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TxSignature {
    /// Signer's key.
    pub pub_key: PackedPublicKey,
    /// Signature over the signed bytes.
    pub signature: PackedSignature,
}

impl Default for TxSignature {
    /// "Unsigned": the neutral point for key and `R`, zero for `S`. It verifies over any message, as the neutral
    /// point's own signature.
    fn default() -> Self {
        let mut pub_key = [0; 32];
        let mut signature = [0; 64];
        pub_key[0] = 1;
        signature[0] = 1;
        Self { pub_key: PackedPublicKey(pub_key), signature: PackedSignature(signature) }
    }
}

impl TxSignature {
    /// Hash of the key if the signature over `message` is valid.
    pub fn verify(&self, message: &[u8]) -> Option<PubKeyHash> {
        signature::verify(&self.pub_key.0, &self.signature.0, message).map(PubKeyHash)
    }

    /// Tries the old form, if there is one, then the current form. A form that cannot be built was not signed.
    pub(super) fn verify_either(
        &self,
        legacy: Option<Result<Vec<u8>, WireError>>,
        current: Result<Vec<u8>, WireError>,
    ) -> Option<(PubKeyHash, TxVersion)> {
        let verify = |message: Result<Vec<u8>, WireError>, version| {
            self.verify(&message.ok()?).map(|signer| (signer, version))
        };
        legacy
            .and_then(|message| verify(message, TxVersion::Legacy))
            .or_else(|| verify(current, TxVersion::V1))
    }
}

/// Which signed form a signature was made over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TxVersion {
    /// Two-byte tokens, no version byte.
    Legacy,
    /// Current form.
    V1,
}
