//! Keys and signatures of Ethereum: ECDSA over secp256k1, Keccak-256
//! (docs/protocol/01-primitives.md §9).

use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
use sha3::{Digest, Keccak256};
use std::fmt;

/// Returns the Keccak-256 hash of the concatenated parts.
pub fn keccak256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

/// Returns the hash that `personal_sign` signs for a message.
pub fn personal_message_hash(message: &[u8]) -> [u8; 32] {
    let length = message.len().to_string();
    keccak256(&[b"\x19Ethereum Signed Message:\n", length.as_bytes(), message])
}

/// Recovers the address of the signer of a hash from `r ‖ s ‖ v` with `v` as 0 or 1. Returns `None`
/// if the signature is malformed. A high `s` is accepted, as the contracts of Ethereum do.
pub fn recover(signature: &[u8; 65], hash: &[u8; 32]) -> Option<[u8; 20]> {
    let (rs, v) = signature.split_at(64);
    let mut signature = Signature::from_slice(rs).ok()?;
    let mut id = RecoveryId::from_byte(*v.first()?)?;
    if let Some(low) = signature.normalize_s() {
        signature = low;
        id = RecoveryId::new(!id.is_y_odd(), id.is_x_reduced());
    }
    Some(address(&VerifyingKey::recover_from_prehash(hash, &signature, id).ok()?))
}

/// Returns the address of a key: the last 20 bytes of the hash of its uncompressed point.
fn address(key: &VerifyingKey) -> [u8; 20] {
    let point = key.to_encoded_point(false);
    let hash = keccak256(&[&point.as_bytes()[1..]]);
    std::array::from_fn(|i| hash[12 + i])
}

/// A secret key of Ethereum. The `Debug` form does not show it.
#[derive(Clone)]
pub struct EthereumKey(SigningKey);

impl EthereumKey {
    /// Returns the key with these big-endian bytes, or `None` if the value is zero or not below the
    /// group order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        SigningKey::from_slice(bytes).ok().map(Self)
    }

    /// Returns the address of the key.
    pub fn address(&self) -> [u8; 20] {
        address(self.0.verifying_key())
    }

    /// Signs a message as `personal_sign` does; returns `r ‖ s ‖ v` with `v` as 0 or 1. The same
    /// key and message give the same signature. `None` only for a hash without a signature, which
    /// is not known to exist.
    pub fn sign_message(&self, message: &[u8]) -> Option<[u8; 65]> {
        self.sign(&personal_message_hash(message))
    }

    /// Signs a hash, as [`Self::sign_message`] does.
    pub fn sign(&self, hash: &[u8; 32]) -> Option<[u8; 65]> {
        let (signature, id) = self.0.sign_prehash_recoverable(hash).ok()?;
        let mut bytes = [id.to_byte(); 65];
        bytes[..64].copy_from_slice(&signature.to_bytes());
        Some(bytes)
    }
}

impl fmt::Debug for EthereumKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EthereumKey(…)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first account of the well-known test mnemonic, and the hash of the empty string.
    #[test]
    fn addresses_and_hashes_are_those_of_ethereum() {
        let secret = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        let key = EthereumKey::from_bytes(&hex::decode(secret).unwrap().try_into().unwrap()).unwrap();
        assert_eq!(hex::encode(key.address()), "f39fd6e51aad88f6f4ce6ab8827279cfffb92266");
        assert_eq!(
            hex::encode(keccak256(&[])),
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
        );
        assert_eq!(format!("{key:?}"), "EthereumKey(…)");
        assert!(EthereumKey::from_bytes(&[0; 32]).is_none());
        assert!(EthereumKey::from_bytes(&[0xff; 32]).is_none());
    }

    /// `n - s` with the other parity is the same signature.
    fn with_high_s(signature: &[u8; 65]) -> [u8; 65] {
        use k256::elliptic_curve::PrimeField;
        let s = k256::Scalar::from_repr(*k256::FieldBytes::from_slice(&signature[32..64])).unwrap();
        let mut high = *signature;
        high[32..64].copy_from_slice(&(-s).to_bytes());
        high[64] ^= 1;
        high
    }

    proptest! {
        #[test]
        fn the_signer_of_a_message_is_recovered(secret in 1u8.., message: Vec<u8>, other: Vec<u8>) {
            let key = EthereumKey::from_bytes(&[secret; 32]).unwrap_or_else(|| EthereumKey::from_bytes(&[1; 32]).unwrap());
            let signature = key.sign_message(&message).unwrap();
            let hash = personal_message_hash(&message);
            prop_assert_eq!(recover(&signature, &hash), Some(key.address()));
            prop_assert_eq!(recover(&with_high_s(&signature), &hash), Some(key.address()));
            if other != message {
                prop_assert_ne!(recover(&signature, &personal_message_hash(&other)), Some(key.address()));
            }
        }

        #[test]
        fn any_bytes_are_recovered_or_refused(bytes: [u8; 32], more: [u8; 32], v: u8, hash: [u8; 32]) {
            let mut signature = [v; 65];
            signature[..32].copy_from_slice(&bytes);
            signature[32..64].copy_from_slice(&more);
            recover(&signature, &hash);
        }
    }
}
