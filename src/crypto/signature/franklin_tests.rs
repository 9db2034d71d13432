//! Comparison of the verification with the documented procedure over franklin-crypto, step by step.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::naive_signature;
use franklin_crypto::{
    alt_babyjubjub::{AltJubjubBn256, FixedGenerators},
    bellman::pairing::bn256::Bn256,
    jubjub::{JubjubParams, Unknown, edwards},
};
use proptest::prelude::*;
use std::sync::LazyLock;

type FranklinPoint = edwards::Point<Bn256, Unknown>;

static CURVE: LazyLock<AltJubjubBn256> = LazyLock::new(AltJubjubBn256::new);

fn generator() -> FranklinPoint {
    CURVE.generator(FixedGenerators::SpendingKeyGenerator).clone().into()
}

fn packed(point: &FranklinPoint) -> [u8; 32] {
    let mut bytes = [0; 32];
    point.write(&mut bytes[..]).unwrap();
    bytes
}

fn franklin_challenge(key: &FranklinPoint, r: &FranklinPoint, message: &[u8]) -> Fs {
    let mut bytes = [0; 96];
    for (part, point) in bytes.chunks_exact_mut(32).zip([key, r]) {
        part.copy_from_slice(&le_bytes(&point.into_xy().0));
    }
    bytes[64..].copy_from_slice(&rescue_hash_tx_msg(message));
    challenge(&rescue::sponge(&bits::multipack(&bits::be_bits(&bytes))))
}

/// Verifies a signature in both ways, which must agree.
fn verified(pub_key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> Option<[u8; 20]> {
    let outcome = verify(pub_key, signature, message);
    assert_eq!(outcome, naive_signature::verify(pub_key, signature, message));
    outcome
}

fn joined(r: &[u8; 32], s: &Fs) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(r);
    s.into_repr().write_le(&mut signature[32..]).unwrap();
    signature
}

/// Returns S for a secret key, a nonce and a challenge.
fn response(secret: &Fs, nonce: &Fs, challenge: &Fs) -> Fs {
    let mut s = *challenge;
    s.mul_assign(secret);
    s.add_assign(nonce);
    s
}

/// Returns a generator of the subgroup of order 8.
fn point_of_order_8() -> FranklinPoint {
    (2..)
        .filter_map(|y| FranklinPoint::get_for_y(fr::from_u64(y), false, &CURVE))
        .map(|point| point.mul(Fs::char(), &CURVE))
        .find(|point| point.double(&CURVE).double(&CURVE) != FranklinPoint::zero())
        .unwrap()
}

/// Adds a modulus to a little-endian number, which gives an encoding that is not canonical.
fn plus(bytes: &[u8], modulus: &[u64]) -> Vec<u8> {
    let modulus = modulus.iter().flat_map(|limb| limb.to_le_bytes());
    let mut carry = 0;
    bytes
        .iter()
        .zip(modulus)
        .map(|(a, b)| {
            let sum = u16::from(*a) + u16::from(b) + carry;
            carry = sum >> 8;
            sum as u8
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn valid_signatures_verify_and_damaged_ones_do_not(
        seed: u64,
        message in prop::collection::vec(any::<u8>(), 0..=92),
        bit in 0usize..768,
    ) {
        let secret = PrivateKey::from_seed(&seed.to_le_bytes());
        let (mut key, mut signature) = (secret.public_key(), secret.sign(&message));
        prop_assert!(verified(&key, &signature, &message).is_some());
        prop_assert_eq!(Affine::unpack(&key).unwrap().pack(), key);
        if bit < 256 {
            key[bit / 8] ^= 1 << (bit % 8);
        } else {
            signature[bit / 8 - 32] ^= 1 << (bit % 8);
        }
        prop_assert_eq!(verified(&key, &signature, &message), None);
    }

    #[test]
    fn random_bytes_do_not_verify(mut key: [u8; 32], mut r: [u8; 32], s: [u64; 4]) {
        // Without the sign these are below r, so that about every fourth case has two points.
        key[31] &= 0x8f;
        r[31] &= 0x8f;
        let [a, b, c, d] = s;
        let s = Fs::from_repr(FsRepr([a, b, c, d >> 6])).unwrap();
        prop_assert_eq!(verified(&key, &joined(&r, &s), b"message"), None);
        let hashable = pub_key_hash(&key).is_some();
        prop_assert_eq!(hashable, FranklinPoint::read(&key[..], &CURVE).is_ok());
        if let Some(point) = Affine::unpack(&key) {
            let order = FranklinPoint::read(&key[..], &CURVE).unwrap().mul(Fs::char(), &CURVE);
            prop_assert_eq!(Point::from(&point).is_in_subgroup(), order == FranklinPoint::zero());
        }
    }

    #[test]
    fn neutral_points_are_handled_as_by_the_reference(seed: u64) {
        let secret = PrivateKey::from_seed(&seed.to_le_bytes()).0;
        let neutral = FranklinPoint::zero();
        let point = generator().mul(secret, &CURVE);
        let (one, zero) = (packed(&neutral), Fs::zero());
        // Signing for the neutral key needs no secret.
        prop_assert!(verified(&one, &joined(&packed(&point), &secret), b"message").is_some());
        prop_assert!(verified(&one, &joined(&one, &zero), b"message").is_some());
        prop_assert!(verified(&one, &joined(&one, &secret), b"message").is_none());
        let s = response(&secret, &zero, &franklin_challenge(&point, &neutral, b"message"));
        prop_assert!(verified(&packed(&point), &joined(&one, &s), b"message").is_some());
        // Its x is 0 and cannot be odd, but the reference accepts the sign bit.
        let mut signed = one;
        signed[31] |= 0x80;
        prop_assert!(verified(&signed, &joined(&signed, &zero), b"message").is_some());
        // The point of order two.
        let mut minus_one = Fr::one();
        minus_one.negate();
        let minus_one = le_bytes(&minus_one);
        prop_assert!(verified(&minus_one, &joined(&one, &zero), b"message").is_none());
        prop_assert!(verified(&one, &joined(&minus_one, &zero), b"message").is_none());
    }

    #[test]
    fn encodings_that_are_not_canonical_are_rejected(seed: u64) {
        let secret = PrivateKey::from_seed(&seed.to_le_bytes());
        let (key, signature) = (secret.public_key(), secret.sign(b"message"));
        let mut greater = signature;
        greater[32..].copy_from_slice(&plus(&signature[32..], Fs::char().as_ref()));
        prop_assert_eq!(verified(&key, &greater, b"message"), None);
        greater = signature;
        greater[32..].copy_from_slice(&plus(&[0; 32], Fs::char().as_ref()));
        prop_assert_eq!(verified(&key, &greater, b"message"), None);
        // y + r still fits into 255 bits.
        let mut greater_key = key;
        let sign = greater_key[31] & 0x80;
        greater_key[31] ^= sign;
        greater_key = plus(&greater_key, Fr::char().as_ref()).try_into().unwrap();
        greater_key[31] |= sign;
        prop_assert_eq!(verified(&greater_key, &signature, b"message"), None);
        prop_assert_eq!(pub_key_hash(&greater_key), None);
    }
}

#[test]
fn points_outside_the_subgroup_are_rejected_even_if_the_equation_holds() {
    let torsion = point_of_order_8();
    let mut parts = vec![FranklinPoint::zero()];
    for i in 0..7 {
        parts.push(parts[i].add(&torsion, &CURVE));
    }
    let mut equation_held = 0;
    for seed in 0..4u8 {
        let [secret, nonce] = [b'k', b'n'].map(|tag| PrivateKey::from_seed(&[seed, tag]).0);
        for of_key in &parts {
            for of_r in &parts {
                let key = generator().mul(secret, &CURVE).add(of_key, &CURVE);
                let r = generator().mul(nonce, &CURVE).add(of_r, &CURVE);
                let c = franklin_challenge(&key, &r, b"message");
                let s = response(&secret, &nonce, &c);
                let outcome = verified(&packed(&key), &joined(&packed(&r), &s), b"message");
                let honest = *of_key == FranklinPoint::zero() && *of_r == FranklinPoint::zero();
                assert_eq!(outcome.is_some(), honest);
                let holds = key.mul(c, &CURVE).add(&r, &CURVE) == generator().mul(s, &CURVE);
                equation_held += usize::from(holds && !honest);
            }
        }
    }
    assert!(equation_held > 10);
}

#[test]
fn keys_off_the_curve_have_no_hash() {
    let off_curve = (2..100).filter(|y| pub_key_hash(&le_bytes(&fr::from_u64(*y))).is_none()).count();
    assert!((30..70).contains(&off_curve));
}

#[test]
fn multiples_of_the_generator_match_franklin_crypto() {
    for scalar in [0, 1, 2, 15, 16, 17, u64::MAX].map(|n| Fs::from_repr(FsRepr::from(n)).unwrap()) {
        let mut negated = scalar;
        negated.negate();
        for scalar in [scalar, negated] {
            let expected = packed(&generator().mul(scalar, &CURVE));
            assert_eq!(Point::generator_times(&scalar).to_affine().pack(), expected);
            let one = Point::generator_times(&Fs::one());
            assert!(one.is_in_subgroup());
            assert_eq!(one.times(&scalar).to_affine().pack(), expected);
        }
    }
}
