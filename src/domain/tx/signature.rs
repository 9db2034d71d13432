//! Signature of a transaction (spec 02 §1.2).

use crate::domain::{PackedPublicKey, PackedSignature};
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
    /// "Unsigned": the neutral point for key and `R`, zero for `S`.
    fn default() -> Self {
        let mut pub_key = [0; 32];
        let mut signature = [0; 64];
        pub_key[0] = 1;
        signature[0] = 1;
        Self { pub_key: PackedPublicKey(pub_key), signature: PackedSignature(signature) }
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
