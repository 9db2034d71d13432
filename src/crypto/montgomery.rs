//! Arithmetic modulo r without allocation and with late reductions, for the hash and the curve.
//!
//! An [`Element`] holds `value·2^256` modulo r, like [`Fr`], but is only kept below `2r`. This
//! avoids most final subtractions: as `4r < 2^256`, the Montgomery product of two such numbers is
//! below `2r` again.

use super::Fr;
use franklin_crypto::bellman::pairing::{
    bn256::FrRepr,
    ff::{BitIterator, Field, PrimeField},
};

/// r, least significant limb first.
pub(super) const MODULUS: [u64; 4] =
    [0x43e1_f593_f000_0001, 0x2833_e848_79b9_7091, 0xb850_45b6_8181_585d, 0x3064_4e72_e131_a029];
const TWICE_MODULUS: [u64; 4] =
    [0x87c3_eb27_e000_0002, 0x5067_d090_f372_e122, 0x70a0_8b6d_0302_b0ba, 0x60c8_9ce5_c263_4053];
/// `-1/r` modulo `2^64`.
pub(super) const NEGATIVE_INVERSE: u64 = 0xc2e1_f593_efff_ffff;

/// `(NEGATIVE_INVERSE·r + 1) / 2^64`. With the multiple of r that is -1 modulo `2^64`, the factor
/// that clears a limb is the limb itself.
const FRIENDLY: [u64; 4] =
    [0x2d3e_8053_e396_ee4d, 0xca47_8dbe_ab3c_92cd, 0xb2d8_f06f_77f5_2a93, 0x24d6_ba07_f7aa_8f04];

/// The exponent in `r - 1 = 2^28·t` with an odd t.
const TWO_ADICITY: u32 = 28;
/// `(t - 1) / 2`.
const HALF_ODD_PART: [u64; 4] =
    [0xcdcb_848a_1f0f_ac9f, 0x0c0a_c2e9_419f_4243, 0x098d_014d_c282_2db4, 0x0000_0001_8322_7397];

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
        // (2r)² / 2^256 + r is below 2r, as r is below 0.19·2^256.
        Self(reduce(product(&self.0, &other.0)))
    }

    #[inline(always)]
    pub(super) fn square(&self) -> Self {
        let [a, b, c, d] = self.0;
        // Each limb times itself and times twice the limbs above it. Twice a number below 2r fits
        // into four limbs.
        let (c2, d2) = (c << 1 | b >> 63, d << 1 | c >> 63);
        let (s0, carry) = a.carrying_mul_add(a, 0, 0);
        let (s1, carry) = a.carrying_mul_add(b << 1, 0, carry);
        let (s2, carry) = a.carrying_mul_add(c2, 0, carry);
        let (s3, s4) = a.carrying_mul_add(d2, 0, carry);
        let (s2, carry) = b.carrying_mul_add(b, s2, 0);
        let (s3, carry) = b.carrying_mul_add(c << 1, s3, carry);
        let (s4, s5) = b.carrying_mul_add(d2, s4, carry);
        let (s4, carry) = c.carrying_mul_add(c, s4, 0);
        let (s5, s6) = c.carrying_mul_add(d << 1, s5, carry);
        let (s6, s7) = d.carrying_mul_add(d, s6, 0);

        Self(reduce([s0, s1, s2, s3, s4, s5, s6, s7]))
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

    /// Returns a square root, or `None` if the element is not a square (Tonelli-Shanks algorithm).
    pub(super) fn sqrt(&self) -> Option<Self> {
        let [zero, one, root_of_unity] =
            [Fr::zero(), Fr::one(), Fr::root_of_unity()].map(|value| Self::from_fr(&value));
        if *self == zero {
            return Some(*self);
        }
        let power = BitIterator::new(HALF_ODD_PART).fold(one, |power, bit| {
            let square = power.square();
            if bit { square.mul(self) } else { square }
        });
        // Invariants: root² = self·excess; the order of the excess divides 2^bound; the order of
        // the generator is 2^bound.
        let mut root = self.mul(&power);
        let mut generator = root_of_unity;
        let mut bound = TWO_ADICITY;
        let mut excess = root.mul(&power);
        while excess != one {
            let (mut order, mut square) = (0, excess);
            while square != one {
                square = square.square();
                order += 1;
            }
            if order == bound {
                return None;
            }
            let factor = (order + 1..bound).fold(generator, |factor, _| factor.square());
            generator = factor.square();
            root = root.mul(&factor);
            excess = excess.mul(&generator);
            bound = order;
        }
        Some(root)
    }

    /// Returns `Σ values[i]·factors[i] + summand` with a single reduction. Factors and summand must
    /// be below r.
    #[inline(always)]
    pub(super) fn linear(values: &[Self; 3], factors: &[Self; 3], summand: &Self) -> Self {
        let [a, b, c] = [0, 1, 2].map(|i| product(&values[i].0, &factors[i].0));
        // 3·2r·r / 2^256 + r is below 2.2r, and with the summand below 4r.
        let sum = reduce(add(&add(&a, &b), &c));
        Self(reduce_once(add(&sum, &summand.0), &TWICE_MODULUS))
    }
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        let [a, b] = [self, other].map(|element| reduce_once(element.0, &MODULUS));
        a == b
    }
}

/// Returns the field element of a number below `2^256` in Montgomery form.
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

#[inline(always)]
fn product(a: &[u64; 4], b: &[u64; 4]) -> [u64; 8] {
    let [s0, s1, s2, s3, s4] = add_multiple([0; 5], a, b[0]);
    let [s1, s2, s3, s4, s5] = add_multiple([s1, s2, s3, s4, 0], a, b[1]);
    let [s2, s3, s4, s5, s6] = add_multiple([s2, s3, s4, s5, 0], a, b[2]);
    let [s3, s4, s5, s6, s7] = add_multiple([s3, s4, s5, s6, 0], a, b[3]);
    [s0, s1, s2, s3, s4, s5, s6, s7]
}

/// Returns `t / 2^256` modulo r, below `t / 2^256 + (1 + 2^-63)·r` (Montgomery reduction).
///
/// Each of four steps adds a multiple of r that clears the lowest limb and moves the other limbs
/// down by one. The high half of t is added at the end, so that carries run through fewer limbs.
///
/// The first two steps use [`FRIENDLY`], which needs no factor to be computed. They leave less than
/// `2^64·FRIENDLY + FRIENDLY + 2^128`, five limbs. The other two add multiples below `2^64·r`,
/// which leave less than 2r and then less than `(1 + 2^-63)·r`.
#[inline(always)]
fn reduce([a, b, c, d, high @ ..]: [u64; 8]) -> [u64; 4] {
    let [a, b, c, d, e] = add_multiple([b, c, d, 0, 0], &FRIENDLY, a);
    let [a, b, c, d, e] = add_multiple([b, c, d, e, 0], &FRIENDLY, a);
    let [_, a, b, c, d] = add_multiple([a, b, c, d, e], &MODULUS, a.wrapping_mul(NEGATIVE_INVERSE));
    let [_, a, b, c, d] = add_multiple([a, b, c, d, 0], &MODULUS, a.wrapping_mul(NEGATIVE_INVERSE));
    add(&[a, b, c, d], &high)
}

/// Returns `sum + a·b`, which must be below `2^320`. The low halves of the products are added in
/// one chain of carries and the high halves in another; adding product by product takes twice as
/// many instructions.
#[inline(always)]
fn add_multiple([s0, s1, s2, s3, s4]: [u64; 5], a: &[u64; 4], b: u64) -> [u64; 5] {
    let [(l0, h0), (l1, h1), (l2, h2), (l3, h3)] = a.map(|a| a.carrying_mul(b, 0));
    let (s0, carry) = s0.carrying_add(l0, false);
    let (s1, carry) = s1.carrying_add(l1, carry);
    let (s2, carry) = s2.carrying_add(l2, carry);
    let (s3, carry) = s3.carrying_add(l3, carry);
    let s4 = s4.wrapping_add(carry.into());
    let (s1, carry) = s1.carrying_add(h0, false);
    let (s2, carry) = s2.carrying_add(h1, carry);
    let (s3, carry) = s3.carrying_add(h2, carry);
    let (s4, carry) = s4.carrying_add(h3, carry);
    debug_assert!(!carry);
    [s0, s1, s2, s3, s4]
}

/// Returns the sum, which must fit into N limbs.
#[inline(always)]
fn add<const N: usize>(a: &[u64; N], b: &[u64; N]) -> [u64; N] {
    let (mut sum, mut carry) = ([0; N], false);
    for i in 0..N {
        (sum[i], carry) = a[i].carrying_add(b[i], carry);
    }
    debug_assert!(!carry);
    sum
}

/// Returns the difference modulo `2^256`, and true if the difference is negative.
#[inline(always)]
fn sub(a: &[u64; 4], b: &[u64; 4]) -> ([u64; 4], bool) {
    let (mut difference, mut borrow) = ([0; 4], false);
    for i in 0..4 {
        (difference[i], borrow) = a[i].borrowing_sub(b[i], borrow);
    }
    (difference, borrow)
}

/// Subtracts the modulus from a value that is not below it.
#[inline(always)]
fn reduce_once(value: [u64; 4], modulus: &[u64; 4]) -> [u64; 4] {
    let (difference, borrow) = sub(&value, modulus);
    if borrow { value } else { difference }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::fr;
    use franklin_crypto::bellman::pairing::ff::SqrtField;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = [u64; 4]> {
        // Limbs of all zeros or all ones provoke carries; the top limb keeps the number below 2r.
        let limb = || prop_oneof![Just(0), Just(u64::MAX), any::<u64>()];
        (limb(), limb(), limb(), 0..TWICE_MODULUS[3]).prop_map(|(a, b, c, d)| [a, b, c, d])
    }

    proptest! {
        #[test]
        fn operations_match_the_field(a in number(), b in number()) {
            let (x, y) = (Element(a), Element(b));
            let (mut sum, mut difference, mut product) = (x.to_fr(), x.to_fr(), x.to_fr());
            sum.add_assign(&y.to_fr());
            difference.sub_assign(&y.to_fr());
            product.mul_assign(&y.to_fr());
            for (mine, field) in [(x.add(&y), sum), (x.sub(&y), difference), (x.mul(&y), product)] {
                prop_assert!(sub(&mine.0, &TWICE_MODULUS).1, "not below 2r");
                prop_assert_eq!(mine.to_fr(), field);
                prop_assert!(mine == Element::from_fr(&field));
            }
            let mut square = x.to_fr();
            square.square();
            prop_assert!(sub(&x.square().0, &TWICE_MODULUS).1, "not below 2r");
            prop_assert_eq!(x.square().to_fr(), square);
            prop_assert_eq!(x == y, x.to_fr() == y.to_fr());
        }

        #[test]
        fn sums_of_products_match_the_field(
            values in [number(), number(), number()],
            factors in [number(), number(), number()],
            summand in number(),
        ) {
            // Factors and summand must be below r.
            let canonical = |limbs| Element::from_fr(&Element(limbs).to_fr());
            let (values, factors) = (values.map(Element), factors.map(canonical));
            let mut expected = Element(summand).to_fr();
            for (value, factor) in values.iter().zip(&factors) {
                let mut product = value.to_fr();
                product.mul_assign(&factor.to_fr());
                expected.add_assign(&product);
            }
            let sum = Element::linear(&values, &factors, &canonical(summand));
            prop_assert!(sub(&sum.0, &TWICE_MODULUS).1, "not below 2r");
            prop_assert_eq!(sum.to_fr(), expected);
        }

        #[test]
        fn square_roots_match_the_field(a in number()) {
            let x = Element(a);
            prop_assert_eq!(x.sqrt().is_some(), x.to_fr().sqrt().is_some());
            let square = x.square();
            prop_assert!(square.sqrt().unwrap().square() == square);
        }
    }

    /// Multiplies all pairs of numbers at the limits of the range and of each limb.
    #[test]
    fn products_of_edge_numbers_match_the_field() {
        let (below, _) = sub(&TWICE_MODULUS, &[1, 0, 0, 0]);
        let mut numbers = vec![below, MODULUS, sub(&MODULUS, &[1, 0, 0, 0]).0, add(&MODULUS, &[1, 0, 0, 0])];
        for mask in 0..16u64 {
            let limb = |i: usize| if mask >> i & 1 == 1 { u64::MAX } else { 0 };
            numbers.push([limb(0), limb(1), limb(2), limb(3).min(TWICE_MODULUS[3] - 1)]);
            numbers.push([limb(0).min(1), limb(1).min(1), limb(2).min(1), limb(3).min(1)]);
        }
        for a in &numbers {
            for b in &numbers {
                let (x, y) = (Element(*a), Element(*b));
                let mut product = x.to_fr();
                product.mul_assign(&y.to_fr());
                let mine = x.mul(&y);
                assert!(sub(&mine.0, &TWICE_MODULUS).1, "{a:?} {b:?}");
                assert_eq!(mine.to_fr(), product, "{a:?} {b:?}");
                if a == b {
                    assert_eq!(x.square().to_fr(), product, "{a:?}");
                    assert!(sub(&x.square().0, &TWICE_MODULUS).1, "{a:?}");
                }
            }
        }
    }

    #[test]
    fn the_friendly_multiple_is_minus_one_in_its_lowest_limb() {
        let [lowest, rest @ ..] = add_multiple([1, 0, 0, 0, 0], &MODULUS, NEGATIVE_INVERSE);
        assert_eq!((lowest, rest), (0, FRIENDLY));
    }

    #[test]
    fn square_roots_of_special_values() {
        let mut values: Vec<Fr> = (0..5).map(fr::from_u64).collect();
        let mut root_of_unity = Fr::root_of_unity();
        for _ in 0..=TWO_ADICITY {
            values.push(root_of_unity);
            root_of_unity.square();
        }
        for value in values {
            let root = Element::from_fr(&value).sqrt();
            assert_eq!(root.is_some(), value.sqrt().is_some());
            assert!(root.is_none_or(|root| root.square().to_fr() == value));
        }
    }
}
