//! Signature of a transaction (docs/protocol/02-types-json.md §1.2).

use crate::crypto::signature::{self, Claim};
use crate::domain::hex_types::{PackedPublicKey, PackedSignature, PubKeyHash};
use crate::domain::wire::WireError;
use serde::{Deserialize, Serialize};

/// A public key and a signature, both packed and unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TxSignature {
    /// Key of the signer.
    pub pub_key: PackedPublicKey,
    /// Signature over the signed bytes.
    pub signature: PackedSignature,
}

impl Default for TxSignature {
    /// Returns the signature of an unsigned transaction: the neutral point for key and `R`, zero
    /// for `S`. It is valid over any message, as the neutral point's own signature.
    fn default() -> Self {
        let mut pub_key = [0; 32];
        let mut signature = [0; 64];
        pub_key[0] = 1;
        signature[0] = 1;
        Self { pub_key: PackedPublicKey(pub_key), signature: PackedSignature(signature) }
    }
}

/// A signature with the forms of its transaction over which it may be valid. A form that cannot be
/// built was not signed.
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

    /// Verifies signatures on this thread; cheaper than one by one.
    ///
    /// Returns for each the hash of the key and the signed form: the legacy form if the signature
    /// is valid over both, `None` if it is valid over neither.
    pub fn verify_batch(all: &[Self]) -> Vec<Option<(PubKeyHash, TxVersion)>> {
        let mut outcomes = vec![None; all.len()];
        // The current form is the likely one, so it is tried first. A valid signature under a key
        // other than the neutral point cannot also be valid over the legacy form, which has another
        // challenge.
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

    /// Returns each form with the signature over it, the legacy one first; for naive verifications.
    #[cfg(any(test, feature = "testing"))]
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

/// A form over which transactions are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TxVersion {
    /// The form with two-byte tokens and no version byte.
    Legacy,
    /// The current form.
    V1,
}
