//! Keys and signatures of layer 2: Schnorr over the twisted Edwards curve "alternative baby jubjub"
//! with a Rescue challenge, known as MuSig-Rescue with a single signer
//! (docs/protocol/01-primitives.md §8).
//!
//! A packed public key has 32 bytes. A packed signature is the packed point R (32 bytes), then S as
//! 32 bytes little-endian.

use super::{
    Fr, bits,
    edwards::{Affine, Point},
    fr, rescue,
};
use franklin_crypto::{
    alt_babyjubjub::fs::{Fs, FsRepr},
    bellman::pairing::ff::{Field, PrimeField, PrimeFieldRepr},
};
use known_keys::{PublicKey, last_20_bytes};
use sha2::{Digest, Sha256};
use std::fmt;

/// Length of the longest message that can be signed, in bytes. Shorter messages are padded with
/// zeros to this length.
pub const MAX_MESSAGE_BYTES: usize = 92;

/// A signature to check, with its key and message.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The packed public key.
    pub pub_key: &'a [u8; 32],
    /// The packed signature.
    pub signature: &'a [u8; 64],
    /// The message.
    pub message: &'a [u8],
}

/// Checks one signature as [`verify_batch`] does.
#[cfg(any(test, feature = "testing"))]
pub fn verify(pub_key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> Option<[u8; 20]> {
    verify_batch(&[Claim { pub_key, signature, message }]).pop().flatten()
}

/// Checks each signature over the Rescue hash of its message, on this thread. Returns the hash of
/// the public key ([`pub_key_hash`]) if the signature is valid. Returns `None` if it is not, if a
/// point or S is malformed, if a point is outside the prime-order subgroup, or if the message is
/// longer than 92 bytes.
///
/// All claims are hashed together, which costs less than one call for each.
pub fn verify_batch(claims: &[Claim<'_>]) -> Vec<Option<[u8; 20]>> {
    let keys = known_keys::unpack_batch(&claims.iter().map(|claim| claim.pub_key).collect::<Vec<_>>());
    let parsed: Vec<Option<Parsed>> =
        claims.iter().zip(keys).map(|(claim, key)| Parsed::of(claim, key?)).collect();
    let mut challenges = challenges(&parsed.iter().flatten().collect::<Vec<&Parsed>>()).into_iter();
    let verify = |parsed: &Option<Parsed>| {
        let (Parsed { key, r, s, .. }, challenge) = (parsed.as_ref()?, challenges.next()?);
        // R need not be in the subgroup: if the equation holds, it is the difference of two points
        // that are.
        let left = Point::from(&key.point).times(&challenge).add(&Point::from(r));
        (left == Point::generator_times(s)).then_some(key.hash)
    };
    parsed.iter().map(verify).collect()
}

/// Forgets all public keys that [`verify_batch`] has checked, as if each were new.
#[cfg(any(test, feature = "testing"))]
pub fn forget_keys() {
    known_keys::forget();
}

/// Returns true if a packed key is the neutral point. The validity of its signatures does not
/// depend on the message; under any other key, a signature is valid for one challenge only.
pub fn is_neutral(pub_key: &[u8; 32]) -> bool {
    // y = 1, and x = 0 with either parity.
    pub_key[0] == 1 && pub_key[1..31].iter().all(|byte| *byte == 0) && pub_key[31] & 0x7f == 0
}

/// A claim whose points and S are well-formed.
struct Parsed {
    key: PublicKey,
    r: Affine,
    s: Fs,
    message: Vec<Fr>,
}

impl Parsed {
    fn of(claim: &Claim<'_>, key: PublicKey) -> Option<Self> {
        if claim.message.len() > MAX_MESSAGE_BYTES {
            return None;
        }
        let (r, s) = claim.signature.split_first_chunk()?;
        let (r, s) = (Affine::unpack(r)?, fs_from_le_bytes(s)?);
        Some(Self { key, r, s, message: message_elements(claim.message) })
    }
}

/// Returns the hash by which an account refers to its public key, or `None` if the bytes are not a
/// point of the curve.
pub fn pub_key_hash(pub_key: &[u8; 32]) -> Option<[u8; 20]> {
    let key = Affine::unpack(pub_key)?;
    Some(last_20_bytes(&rescue::hash_elements(&[key.x, key.y])))
}

/// Returns the 32 bytes that are signed for a message: its Rescue hash, little-endian.
///
/// # Panics
/// If the message is longer than [`MAX_MESSAGE_BYTES`].
fn rescue_hash_tx_msg(message: &[u8]) -> [u8; 32] {
    le_bytes(&rescue::hash_elements(&message_elements(message)))
}

/// Returns the hash of two orders in the signed message of a swap: 248 bits of the Rescue hash of
/// the bytes of the orders, each byte bit-reversed.
pub fn rescue_hash_orders(orders: &[u8; 178]) -> [u8; 31] {
    let hash = le_bytes(&rescue::hash_bits(&bits::be_bits(orders)));
    std::array::from_fn(|i| hash[i].reverse_bits())
}

/// A secret scalar that signs for an account. The `Debug` form does not show it.
#[derive(Clone)]
pub struct PrivateKey(Fs);

impl PrivateKey {
    /// Returns the key with the given big-endian value, or `None` if the value is not below the
    /// group order.
    fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let mut repr = FsRepr::default();
        repr.read_be(&bytes[..]).ok()?;
        Fs::from_repr(repr).ok().map(Self)
    }

    /// Derives a key from a seed of any length: SHA-256, at least twice, until the value is below
    /// the group order.
    pub fn from_seed(seed: &[u8]) -> Self {
        let mut candidate: [u8; 32] = Sha256::digest(seed).into();
        loop {
            candidate = Sha256::digest(candidate).into();
            if let Some(key) = Self::from_bytes(&candidate) {
                return key;
            }
        }
    }

    /// Returns the packed public key.
    pub fn public_key(&self) -> [u8; 32] {
        Point::generator_times(&self.0).to_affine().pack()
    }

    /// Signs the Rescue hash of the message. The same key and message give the same signature.
    ///
    /// # Panics
    /// If the message is longer than 92 bytes.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let hash = rescue_hash_tx_msg(message);
        let nonce = self.nonce(&hash);
        let [key, r] = [self.0, nonce].map(|scalar| Point::generator_times(&scalar).to_affine());
        let mut s = challenge(&rescue::sponge(&challenge_elements(&key, &r, &hash)));
        s.mul_assign(&self.0);
        s.add_assign(&nonce);

        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r.pack());
        for (chunk, limb) in signature[32..].chunks_exact_mut(8).zip(s.into_repr().as_ref()) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        signature
    }

    /// Returns the nonce that the reference uses. The derivation resembles RFC 6979 but retries
    /// differently, which affects most signatures because most candidates exceed the group order.
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

/// Returns the challenges of signatures.
///
/// Each takes four permutations. They are computed in three batches, each of which holds everything
/// whose inputs are known.
fn challenges(parsed: &[&Parsed]) -> Vec<Fs> {
    use rescue::{absorb, initial_state};
    let count = parsed.len();
    // The challenge absorbs the hash of the message only in its second round.
    let points = |p: &Parsed, hash: [u8; 32]| challenge_elements(&p.key.point, &p.r, &hash);
    let messages = parsed.iter().map(|p| absorb(initial_state(p.message.len()), &p.message, 0));
    let challenges = parsed.iter().map(|p| {
        let points = points(p, [0; 32]);
        absorb(initial_state(points.len()), &points, 0)
    });
    let mut first: Vec<rescue::State> = messages.chain(challenges).collect();
    rescue::permute_batch(&mut first);

    let second = parsed.iter().zip(&first).map(|(p, state)| absorb(*state, &p.message, 1));
    let mut second: Vec<rescue::State> = second.collect();
    rescue::permute_batch(&mut second);

    let third = parsed.iter().zip(&first[count..]).zip(&second);
    let mut third: Vec<rescue::State> =
        third.map(|((p, state), [hash, ..])| absorb(*state, &points(p, le_bytes(hash)), 1)).collect();
    rescue::permute_batch(&mut third);
    third.iter().map(challenge).collect()
}

/// Packs the message, padded with zeros to 736 bits, into three elements.
fn message_elements(message: &[u8]) -> Vec<Fr> {
    assert!(message.len() <= MAX_MESSAGE_BYTES, "message of {} bytes", message.len());
    let mut padded = [0; MAX_MESSAGE_BYTES];
    padded[..message.len()].copy_from_slice(message);
    bits::multipack(&bits::be_bits(&padded))
}

/// Packs the input of the challenge (docs/protocol/01-primitives.md §8.3) into four elements.
fn challenge_elements(key: &Affine, r: &Affine, hash: &[u8; 32]) -> Vec<Fr> {
    bits::multipack(&bits::be_bits(&[le_bytes(&key.x), le_bytes(&r.x), *hash].concat()))
}

/// Returns the challenge of a sponge: the low 125 bits of each of its two output cells.
fn challenge(state: &rescue::State) -> Fs {
    let [low, high] = [state[0], state[1]].map(|cell| {
        let mut repr = FsRepr::default();
        repr.as_mut()[..2].copy_from_slice(&cell.into_repr().as_ref()[..2]);
        repr.as_mut()[1] &= (1 << 61) - 1;
        repr
    });
    let mut sum = high;
    sum.shl(125);
    sum.add_nocarry(&low);
    // 250 bits are below the group order, so this is never an error.
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

/// Returns the HMAC-SHA-256 of the parts under a key of 32 bytes.
fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let keyed = |pad: u8| {
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
        Sha256::new_with_prefix(block)
    };
    let inner = parts.iter().fold(keyed(0x36), |inner, part| inner.chain_update(part)).finalize();
    keyed(0x5c).chain_update(inner).finalize().into()
}

mod known_keys;

#[cfg(test)]
mod franklin_tests;
#[cfg(test)]
mod tests;
