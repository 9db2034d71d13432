//! Signature of a transaction (spec 02 §1.2).

use super::WireError;
use crate::crypto::signature::{self, Claim};
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
}

/// A signature with the forms of its transaction it may be over. A form that cannot be built was not signed.
#[derive(Debug, Clone)]
pub struct SignedForms {
    signature: TxSignature,
    legacy: Option<Vec<u8>>,
    current: Option<Vec<u8>>,
}

impl SignedForms {
    pub(super) fn new(
        signature: TxSignature,
        legacy: Option<Result<Vec<u8>, WireError>>,
        current: Result<Vec<u8>, WireError>,
    ) -> Self {
        Self { signature, legacy: legacy.and_then(Result::ok), current: current.ok() }
    }

    /// Hash of the key that signed, and the form it signed: the old one when it verifies over both. `None` if it verifies over
    /// neither.
    pub fn verify(&self) -> Option<(PubKeyHash, TxVersion)> {
        Self::verify_batch(std::slice::from_ref(self)).pop().flatten()
    }

    /// [`verify`](Self::verify) of each, on this thread; cheaper than one by one.
    pub fn verify_batch(all: &[Self]) -> Vec<Option<(PubKeyHash, TxVersion)>> {
        let mut outcomes = vec![None; all.len()];
        // The current form first: it is the likely one, and a valid signature under a key other than the neutral point cannot be
        // valid over the old form too, whose challenge is another one.
        let has_one_challenge = |forms: &Self| !signature::is_neutral(&forms.signature.pub_key.0);
        for version in [TxVersion::V1, TxVersion::Legacy] {
            let (open, claims): (Vec<usize>, Vec<Claim<'_>>) = all
                .iter()
                .enumerate()
                .filter(|(index, forms)| outcomes[*index].is_none() || !has_one_challenge(forms))
                .filter_map(|(index, forms)| Some((index, forms.claim(version)?)))
                .unzip();
            for (index, key) in open.into_iter().zip(signature::verify_batch(&claims)) {
                if let Some(key) = key {
                    outcomes[index] = Some((PubKeyHash(key), version));
                }
            }
        }
        outcomes
    }

    /// Each form with the signature over it, the old one first.
    pub fn claims(&self) -> impl Iterator<Item = (TxVersion, Claim<'_>)> {
        [TxVersion::Legacy, TxVersion::V1]
            .into_iter()
            .filter_map(|version| Some((version, self.claim(version)?)))
    }

    fn claim(&self, version: TxVersion) -> Option<Claim<'_>> {
        let message = match version {
            TxVersion::Legacy => &self.legacy,
            TxVersion::V1 => &self.current,
        };
        let TxSignature { pub_key, signature } = &self.signature;
        Some(Claim { pub_key: &pub_key.0, signature: &signature.0, message: message.as_deref()? })
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
