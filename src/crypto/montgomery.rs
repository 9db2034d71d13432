//! Arithmetic modulo r without allocation and with late reductions, for the hash and the curve.
//!
//! An [`Element`] holds `value·2^256` modulo r, like [`Fr`], but is only kept below `2r`, which spares most
//! final subtractions: with `4r < 2^256`, the Montgomery product of two such numbers is below `2r` again.

use super::Fr;
use franklin_crypto::bellman::pairing::{bn256::FrRepr, ff::PrimeField};

/// r, least significant limb first.
pub(super) const MODULUS: [u64; 4] =
    [0x43e1_f593_f000_0001, 0x2833_e848_79b9_7091, 0xb850_45b6_8181_585d, 0x3064_4e72_e131_a029];
const TWICE_MODULUS: [u64; 4] =
    [0x87c3_eb27_e000_0002, 0x5067_d090_f372_e122, 0x70a0_8b6d_0302_b0ba, 0x60c8_9ce5_c263_4053];
/// `-1/r` modulo `2^64`.
pub(super) const NEGATIVE_INVERSE: u64 = 0xc2e1_f593_efff_ffff;

/// A field element below `2r` in Montgomery form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element([u64; 4]);

impl Element {
    pub(super) fn from_fr(value: &Fr) -> Self {
        let mut limbs = [0; 4];
        limbs.copy_from_slice(value.into_raw_repr().as_ref());
        Self(limbs)
    }

    pub(super) fn to_fr(self) -> Fr {
        fr_from_montgomery(self.0)
    }

    #[inline(always)]
    pub(super) fn mul(&self, other: &Self) -> Self {
        dot([(self, other)])
    }

    #[inline(always)]
    pub(super) fn square(&self) -> Self {
        self.mul(self)
    }

    #[inline(always)]
    pub(super) fn add(&self, other: &Self) -> Self {
        Self(reduce_once(add(&self.0, &other.0), &TWICE_MODULUS))
    }

    #[inline(always)]
    pub(super) fn sub(&self, other: &Self) -> Self {
        let (negated, _) = sub(&TWICE_MODULUS, &other.0);
        Self(reduce_once(add(&self.0, &negated), &TWICE_MODULUS))
    }

    /// `Σ self[i]·factors[i] + summand` with a single reduction; factors and summand must be below r.
    #[inline(always)]
    pub(super) fn linear(values: &[Self; 3], factors: &[Self; 3], summand: &Self) -> Self {
        let [a, b, c] = values;
        let [f, g, h] = factors;
        // Products below 2.2r, see `dot`, plus a summand below r are below 4r.
        let sum = dot([(f, a), (g, b), (h, c)]);
        Self(reduce_once(add(&sum.0, &summand.0), &TWICE_MODULUS))
    }
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        let [a, b] = [self, other].map(|element| reduce_once(element.0, &MODULUS));
        a == b
    }
}

/// The canonical element of a number below `2^256` in Montgomery form.
pub(super) fn fr_from_montgomery(mut limbs: [u64; 4]) -> Fr {
    loop {
        let (difference, borrow) = sub(&limbs, &MODULUS);
        if borrow {
            break;
        }
        limbs = difference;
    }
    // Below r, so never an error.
    Fr::from_raw_repr(FrRepr(limbs)).unwrap_or_default()
}

/// `Σ a·b / 2^256` modulo r: interleaved schoolbook multiplication and Montgomery reduction.
///
/// With n pairs, b below 2r and a below r (or below 2r in a single pair), the running number stays below
/// `(n + 1)·r` (or 3r), which fits four limbs. The result is below 2r for one pair, 2.2r for three.
#[inline(always)]
fn dot<const N: usize>(pairs: [(&Element, &Element); N]) -> Element {
    let mut sum = [0u64; 4];
    for i in 0..4 {
        let mut top = 0u64;
        for (a, b) in pairs {
            let mut carry = 0;
            for (limb, a) in sum.iter_mut().zip(a.0) {
                (*limb, carry) = a.carrying_mul_add(b.0[i], *limb, carry);
            }
            top = carry.wrapping_add(top);
        }
        let factor = sum[0].wrapping_mul(NEGATIVE_INVERSE);
        let (_, mut carry) = factor.carrying_mul_add(MODULUS[0], sum[0], 0);
        for j in 1..4 {
            (sum[j - 1], carry) = factor.carrying_mul_add(MODULUS[j], sum[j], carry);
        }
        sum[3] = carry.wrapping_add(top);
    }
    Element(sum)
}

/// The sum, which must be below `2^256`.
#[inline(always)]
fn add(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let (mut sum, mut carry) = ([0; 4], false);
    for i in 0..4 {
        (sum[i], carry) = a[i].carrying_add(b[i], carry);
    }
    debug_assert!(!carry);
    sum
}

/// The difference modulo `2^256`, and whether it is negative.
#[inline(always)]
fn sub(a: &[u64; 4], b: &[u64; 4]) -> ([u64; 4], bool) {
    let (mut difference, mut borrow) = ([0; 4], false);
    for i in 0..4 {
        (difference[i], borrow) = a[i].borrowing_sub(b[i], borrow);
    }
    (difference, borrow)
}

#[inline(always)]
fn reduce_once(value: [u64; 4], modulus: &[u64; 4]) -> [u64; 4] {
    let (difference, borrow) = sub(&value, modulus);
    if borrow { value } else { difference }
}
