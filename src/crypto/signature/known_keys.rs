//! Public keys that passed the checks that need no signature: most signers sign again.

use crate::edwards::{Affine, Point};
use crate::{Fr, fr, rescue};
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

/// Maximum number of known keys, which take about 2 MB. When it is reached, all are forgotten: to
/// evict one, an order of use would have to be kept.
const MAX_KEYS: usize = 10_000;

/// The known keys of the process.
static KNOWN: LazyLock<KnownKeys> = LazyLock::new(KnownKeys::default);

/// A key in the prime-order subgroup.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PublicKey {
    pub(super) point: Affine,
    /// The hash by which accounts refer to the key.
    pub(super) hash: [u8; 20],
}

/// Returns each packed key; `None` for one that is malformed or outside the prime-order subgroup.
pub(super) fn unpack_batch(packed: &[&[u8; 32]]) -> Vec<Option<PublicKey>> {
    KNOWN.unpack_batch(packed)
}

/// Returns the last 20 bytes, big-endian: what accounts keep of the hash of a key.
pub(super) fn last_20_bytes(hash: &Fr) -> [u8; 20] {
    let bytes = fr::to_bytes(hash);
    std::array::from_fn(|i| bytes[12 + i])
}

/// Forgets all keys.
#[cfg(any(test, feature = "testing"))]
pub(super) fn forget() {
    KNOWN.with(HashMap::clear);
}

#[derive(Default)]
struct KnownKeys(Mutex<HashMap<[u8; 32], PublicKey>>);

impl KnownKeys {
    fn unpack_batch(&self, packed: &[&[u8; 32]]) -> Vec<Option<PublicKey>> {
        let mut keys: Vec<Option<PublicKey>> =
            self.with(|known| packed.iter().map(|packed| known.get(*packed).copied()).collect());
        let new: Vec<(usize, Affine)> = (0..packed.len())
            .filter(|i| keys[*i].is_none())
            .filter_map(|i| Some((i, unpack(packed[i])?)))
            .collect();
        if new.is_empty() {
            return keys;
        }
        let hashes = rescue::hash_batch(&new.iter().map(|(_, key)| [key.x, key.y]).collect::<Vec<_>>());
        self.with(|known| {
            for ((i, point), hash) in new.into_iter().zip(&hashes) {
                let key = PublicKey { point, hash: last_20_bytes(hash) };
                keys[i] = Some(key);
                if known.len() >= MAX_KEYS {
                    known.clear();
                }
                known.insert(*packed[i], key);
            }
        });
        keys
    }

    fn with<R>(&self, action: impl FnOnce(&mut HashMap<[u8; 32], PublicKey>) -> R) -> R {
        // Each change of the map is one call, so that a panic leaves it whole.
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn unpack(packed: &[u8; 32]) -> Option<Affine> {
    Affine::unpack(packed).filter(|point| Point::from(point).is_in_subgroup())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::signature::{PrivateKey, le_bytes, pub_key_hash};
    use franklin_crypto::bellman::pairing::ff::Field;

    fn public_keys(count: u8) -> Vec<[u8; 32]> {
        (0..count).map(|seed| PrivateKey::from_seed(&[seed]).public_key()).collect()
    }

    #[test]
    fn only_keys_of_the_subgroup_are_known_and_they_are_the_same_again() {
        let keys = public_keys(40);
        let not_below_r = [0xff; 32];
        // The point (0, -1) has order 2.
        let mut minus_one = Fr::one();
        minus_one.negate();
        let outside = le_bytes(&minus_one);
        assert!(Affine::unpack(&outside).is_some());

        let packed: Vec<&[u8; 32]> = keys.iter().chain([&not_below_r, &outside]).collect();
        let known = KnownKeys::default();
        let unpacked = known.unpack_batch(&packed);
        for (key, unpacked) in keys.iter().zip(&unpacked) {
            assert_eq!(unpacked.map(|key| key.hash), pub_key_hash(key));
        }
        assert_eq!(unpacked[keys.len()..], [None, None]);
        assert_eq!(known.with(|known| known.len()), keys.len());
        assert_eq!(known.unpack_batch(&packed), unpacked);
    }

    #[test]
    fn a_known_key_is_not_unpacked_again() {
        let keys = public_keys(2);
        let known = KnownKeys::default();
        let other = known.unpack_batch(&[&keys[1]])[0];
        known.with(|known| known.insert(keys[0], other.unwrap()));
        assert_eq!(known.unpack_batch(&[&keys[0]]), [other]);
    }

    #[test]
    fn the_number_of_known_keys_is_bounded() {
        let keys = public_keys(1);
        let known = KnownKeys::default();
        let any = known.unpack_batch(&[&keys[0]])[0].unwrap();
        let number = |n: usize| std::array::from_fn(|i| n.to_le_bytes()[i % 8]);
        known.with(|known| known.extend((1..MAX_KEYS).map(|n| (number(n), any))));
        assert_eq!(known.with(|known| known.len()), MAX_KEYS);
        let new = PrivateKey::from_seed(b"new").public_key();
        known.unpack_batch(&[&new]);
        assert_eq!(known.with(|known| known.keys().copied().collect::<Vec<_>>()), [new]);
    }
}
