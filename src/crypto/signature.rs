//! Keys and signatures of layer 2: Schnorr over the twisted Edwards curve "alternative baby jubjub" with a Rescue
//! challenge, known as MuSig-Rescue with a single signer (specification 01 §8).
//!
//! A packed public key is 32 bytes, a packed signature the 32 bytes of the point R, then S as 32 bytes
//! little-endian.

use super::{Fr, bits, fr, rescue};
use franklin_crypto::{
    alt_babyjubjub::{
        AltJubjubBn256, FixedGenerators,
        fs::{Fs, FsRepr},
    },
    bellman::pairing::{
        bn256::Bn256,
        ff::{Field, PrimeField, PrimeFieldRepr},
    },
    jubjub::{JubjubParams, Unknown, edwards},
};
use sha2::{Digest, Sha256};
use std::{fmt, sync::LazyLock};

type Point = edwards::Point<Bn256, Unknown>;

static CURVE: LazyLock<AltJubjubBn256> = LazyLock::new(AltJubjubBn256::new);

/// The longest message [`rescue_hash_tx_msg`] takes, in bytes; shorter ones are padded with zeros to it.
pub const MAX_MESSAGE_BYTES: usize = 92;

/// Checks a signature over [`rescue_hash_tx_msg`] of the message. Returns the hash of the public key
/// ([`pub_key_hash`]) if it is valid; none if it is not, if a point or S is malformed, a point is outside the prime
/// order subgroup, or the message is longer than [`MAX_MESSAGE_BYTES`].
pub fn verify(pub_key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> Option<[u8; 20]> {
    if message.len() > MAX_MESSAGE_BYTES {
        return None;
    }
    let (r, s) = signature.split_at(32);
    let (key, r) = (Point::read(&pub_key[..], &CURVE).ok()?, Point::read(r, &CURVE).ok()?);
    let s = fs_from_le_bytes(s)?;
    key.as_prime_order(&CURVE)?;
    r.as_prime_order(&CURVE)?;
    let c = challenge(&key, &r, &rescue_hash_tx_msg(message));
    let expected = key.mul(c, &CURVE).add(&r, &CURVE);
    (expected == generator().mul(s, &CURVE)).then(|| hash_of_point(&key))
}

/// The hash by which an account refers to its public key; none if the bytes are not a point of the curve.
pub fn pub_key_hash(pub_key: &[u8; 32]) -> Option<[u8; 20]> {
    Some(hash_of_point(&Point::read(&pub_key[..], &CURVE).ok()?))
}

/// The 32 bytes that are signed for a message: its Rescue hash, little-endian.
///
/// # Panics
/// If the message is longer than [`MAX_MESSAGE_BYTES`].
pub fn rescue_hash_tx_msg(message: &[u8]) -> [u8; 32] {
    assert!(message.len() <= MAX_MESSAGE_BYTES, "message of {} bytes", message.len());
    let mut padded = [0; MAX_MESSAGE_BYTES];
    padded[..message.len()].copy_from_slice(message);
    le_bytes(&rescue::hash_bits(&bits::be_bits(&padded)))
}

/// What a swap's signed message says of its two orders: 248 bits of the Rescue hash of their bytes, each byte
/// bit-reversed.
pub fn rescue_hash_orders(orders: &[u8; 178]) -> [u8; 31] {
    let hash = le_bytes(&rescue::hash_bits(&bits::be_bits(orders)));
    std::array::from_fn(|i| hash[i].reverse_bits())
}

/// A secret scalar; whoever holds it signs for the account. Its `Debug` form does not show it.
#[derive(Clone)]
pub struct PrivateKey(Fs);

impl PrivateKey {
    /// The key with this big-endian value; none if it is not below the group order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let mut repr = FsRepr::default();
        repr.read_be(&bytes[..]).ok()?;
        Fs::from_repr(repr).ok().map(Self)
    }

    /// A key derived from a seed of any length: SHA-256, at least twice, until the value is below the group order.
    pub fn from_seed(seed: &[u8]) -> Self {
        let mut candidate: [u8; 32] = Sha256::digest(seed).into();
        loop {
            candidate = Sha256::digest(candidate).into();
            if let Some(key) = Self::from_bytes(&candidate) {
                return key;
            }
        }
    }

    /// The packed public key.
    pub fn public_key(&self) -> [u8; 32] {
        pack(&generator().mul(self.0, &CURVE))
    }

    /// Signs [`rescue_hash_tx_msg`] of the message, deterministically.
    ///
    /// # Panics
    /// If the message is longer than [`MAX_MESSAGE_BYTES`].
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let hash = rescue_hash_tx_msg(message);
        let nonce = self.nonce(&hash);
        let (key, r) = (generator().mul(self.0, &CURVE), generator().mul(nonce, &CURVE));
        let mut s = challenge(&key, &r, &hash);
        s.mul_assign(&self.0);
        s.add_assign(&nonce);

        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&pack(&r));
        for (chunk, limb) in signature[32..].chunks_exact_mut(8).zip(s.into_repr().as_ref()) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        signature
    }

    /// The nonce of the reference. It resembles RFC 6979 but retries differently, which shows in every signature
    /// because most candidates exceed the group order.
    fn nonce(&self, hash: &[u8; 32]) -> Fs {
        let digest = Sha256::digest(hash);
        let mut secret = [0; 32];
        for (chunk, limb) in secret.rchunks_exact_mut(8).zip(self.0.into_repr().as_ref()) {
            chunk.copy_from_slice(&limb.to_be_bytes());
        }
        let (mut key, mut v) = ([0; 32], [1; 32]);
        for round in [0, 1] {
            key = hmac(&key, &[&v, &[round], &secret, &digest]);
            v = hmac(&key, &[&v]);
        }
        loop {
            if let Some(PrivateKey(nonce)) = Self::from_bytes(&hmac(&key, &[&v])) {
                return nonce;
            }
            key = hmac(&key, &[&v, &v, &[0]]);
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

fn generator() -> Point {
    CURVE.generator(FixedGenerators::SpendingKeyGenerator).clone().into()
}

fn pack(point: &Point) -> [u8; 32] {
    let (x, y) = point.into_xy();
    let mut bytes = le_bytes(&y);
    bytes[31] |= (le_bytes(&x)[0] & 1) << 7;
    bytes
}

fn hash_of_point(key: &Point) -> [u8; 20] {
    let (x, y) = key.into_xy();
    let hash = fr::to_bytes(&rescue::hash_elements(&[x, y]));
    std::array::from_fn(|i| hash[12 + i])
}

/// The challenge binding key, R and message hash (§8.3).
fn challenge(key: &Point, r: &Point, hash: &[u8; 32]) -> Fs {
    let mut bytes = [0; 96];
    bytes[..32].copy_from_slice(&le_bytes(&key.into_xy().0));
    bytes[32..64].copy_from_slice(&le_bytes(&r.into_xy().0));
    bytes[64..].copy_from_slice(hash);
    let state = rescue::sponge(&bits::multipack(&bits::be_bits(&bytes)));
    let [low, high] = [state[0], state[1]].map(|cell| {
        let mut repr = FsRepr::default();
        repr.as_mut()[..2].copy_from_slice(&cell.into_repr().as_ref()[..2]);
        repr.as_mut()[1] &= (1 << 61) - 1;
        repr
    });
    let mut sum = high;
    sum.shl(125);
    sum.add_nocarry(&low);
    // 250 bits are below the group order, so there is always a value.
    Fs::from_repr(sum).unwrap_or_else(|_| Fs::zero())
}

fn fs_from_le_bytes(bytes: &[u8]) -> Option<Fs> {
    let mut repr = FsRepr::default();
    repr.read_le(bytes).ok()?;
    Fs::from_repr(repr).ok()
}

fn le_bytes(value: &Fr) -> [u8; 32] {
    let mut bytes = fr::to_bytes(value);
    bytes.reverse();
    bytes
}

/// HMAC-SHA-256 with a key of 32 bytes.
fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let keyed = |pad: u8| {
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
        Sha256::new_with_prefix(block)
    };
    let inner = parts.iter().fold(keyed(0x36), |inner, part| inner.chain_update(part)).finalize();
    keyed(0x5c).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests;
