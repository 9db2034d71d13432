//! Public keys that passed the checks that need no signature. Most signers sign again, and a key
//! takes a third of the time of a signature check.

use crate::edwards::{Affine, Point};
use crate::{Fr, fr, rescue};
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

/// Number of keys at which all are forgotten, about 1.5 MB. Keys are not forgotten one by one, since
/// the order in which they were used would have to be kept for that.
const MOST: usize = 10_000;

static KNOWN: LazyLock<Mutex<HashMap<[u8; 32], PublicKey>>> = LazyLock::new(Mutex::default);

/// A key in the prime-order subgroup.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PublicKey {
    pub(super) point: Affine,
    /// The hash by which accounts refer to the key.
    pub(super) hash: [u8; 20],
}

/// Returns each packed key; `None` for one that is malformed or outside the prime-order subgroup.
pub(super) fn unpack_batch(packed: &[&[u8; 32]]) -> Vec<Option<PublicKey>> {
    let mut keys: Vec<Option<PublicKey>> = {
        let known = known();
        packed.iter().map(|packed| known.get(*packed).copied()).collect()
    };
    let new: Vec<(usize, Affine)> = (0..packed.len())
        .filter(|i| keys[*i].is_none())
        .filter_map(|i| Some((i, unpack(packed[i])?)))
        .collect();
    if new.is_empty() {
        return keys;
    }
    let hashes = rescue::hash_batch(&new.iter().map(|(_, key)| [key.x, key.y]).collect::<Vec<_>>());
    let mut known = known();
    for ((i, point), hash) in new.into_iter().zip(&hashes) {
        let key = PublicKey { point, hash: last_20_bytes(hash) };
        keys[i] = Some(key);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(*packed[i], key);
    }
    keys
}

/// Returns the last 20 bytes, big-endian: what accounts keep of the hash of a key.
pub(super) fn last_20_bytes(hash: &Fr) -> [u8; 20] {
    let bytes = fr::to_bytes(hash);
    std::array::from_fn(|i| bytes[12 + i])
}

/// Forgets all keys.
#[cfg(any(test, feature = "testing"))]
pub(super) fn forget() {
    known().clear();
}

fn unpack(packed: &[u8; 32]) -> Option<Affine> {
    Affine::unpack(packed).filter(|point| Point::from(point).is_in_subgroup())
}

fn known() -> MutexGuard<'static, HashMap<[u8; 32], PublicKey>> {
    // Each change of the map is one call, so that a panic leaves it whole.
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::signature::{PrivateKey, le_bytes, pub_key_hash};
    use franklin_crypto::bellman::pairing::ff::Field;

    #[test]
    fn keys_are_the_same_when_they_are_known_and_their_number_is_bounded() {
        let keys: Vec<[u8; 32]> =
            (0..40_u8).map(|seed| PrivateKey::from_seed(&[seed]).public_key()).collect();
        let not_below_r = [0xff; 32];
        // The point (0, -1) has order 2.
        let mut minus_one = Fr::one();
        minus_one.negate();
        let outside = le_bytes(&minus_one);
        assert!(Affine::unpack(&outside).is_some());

        let packed: Vec<&[u8; 32]> = keys.iter().chain([&not_below_r, &outside]).collect();
        forget();
        let first = unpack_batch(&packed);
        for (key, unpacked) in keys.iter().zip(&first) {
            assert_eq!(unpacked.map(|key| key.hash), pub_key_hash(key));
            assert!(known().contains_key(key));
        }
        assert_eq!(first[keys.len()..], [None, None]);
        assert_eq!(unpack_batch(&packed), first);

        let any = first[0].unwrap();
        known().extend((0..MOST as u64).map(|n| (std::array::from_fn(|i| n.to_le_bytes()[i % 8]), any)));
        let new = PrivateKey::from_seed(b"new").public_key();
        unpack_batch(&[&new]);
        assert!(known().len() < MOST && known().contains_key(&new));
        forget();
    }
}
