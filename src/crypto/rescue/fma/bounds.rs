//! Runs the multiplication on intervals of integers instead of doubles. Each operation asserts that
//! it is exact for every double in its intervals, so the test holds for all numbers within the
//! limits, also for those that no random test meets.

#![allow(clippy::unwrap_used)]

use super::product::{
    CELLS, Cells, LIMB, LIMBS, MODULUS, NEGATIVE_INVERSE, Number, START, multiply, reduce, square,
};

/// Integers from the first to the second.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Interval(i128, i128);

const LIMB_SIZE: i128 = 1 << 51;
const HALF: i128 = LIMB_SIZE / 2;
/// Up to here every integer is a double.
const EXACT: i128 = 1 << 53;
/// Limit of every limb but the top one.
const LIMIT: i128 = HALF + 1;

impl Interval {
    fn within(limit: i128) -> Self {
        Self(-limit, limit)
    }

    fn size(self) -> i128 {
        self.0.abs().max(self.1.abs())
    }

    fn times(self, other: Self) -> Self {
        let corners = [self.0 * other.0, self.0 * other.1, self.1 * other.0, self.1 * other.1];
        Self(corners.into_iter().min().unwrap(), corners.into_iter().max().unwrap())
    }

    fn shifted(self, by: i128) -> Self {
        Self(self.0 + by, self.1 + by)
    }

    fn widened(self, by: i128) -> Self {
        Self(self.0 - by, self.1 + by)
    }

    /// Returns an interval around the quotients.
    fn divided(self, by: i128) -> Self {
        Self(self.0.div_euclid(by), -(-self.1).div_euclid(by))
    }

    fn exact(self) -> Self {
        assert!(self.size() <= EXACT, "{self:?} exceeds 2^53");
        self
    }
}

impl Number for Interval {
    fn constant(value: f64) -> Self {
        assert_eq!(value.fract(), 0.0);
        Self(value as i128, value as i128)
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1).exact()
    }

    fn multiply_into(self, other: Self, high: &mut Self) -> Self {
        let product = self.exact().times(other.exact());
        let sum = Self(high.0 + product.0, high.1 + product.1);
        // Doubles below 2^104 are multiples of 2^51, doubles above of 2^52.
        let remainder = if sum.1 < 1 << 104 { HALF } else { LIMB_SIZE };
        *high = sum.widened(remainder);
        assert!(high.0 >= 1 << 103, "{high:?} falls below 2^103");
        assert!(high.1 <= 1 << 105, "{high:?} exceeds 2^105");
        Self::within(remainder.min(product.size()))
    }

    fn carry(self) -> Self {
        self.shifted(-(START as i128)).divided(LIMB_SIZE).exact()
    }

    fn quotient(self) -> Self {
        let product = self.exact().times(Self::constant(NEGATIVE_INVERSE));
        assert!(product.size() < 1 << 102, "{product:?} leaves the binade of the rounding");
        Self::within(HALF)
    }

    fn cleared(self, quotient: Self, carry: Self) -> Self {
        let product = quotient.times(Self::constant(MODULUS[0]));
        let sum = Self(product.0 + self.0, product.1 + self.1);
        // A multiple of 2^51 of this size is a double.
        assert!(sum.size() < 1 << 104);
        sum.divided(LIMB_SIZE).plus(carry)
    }

    fn split(self) -> (Self, Self) {
        (Self::within(HALF), self.exact().widened(HALF).divided(LIMB_SIZE))
    }

    fn split_sum(self, other: Self) -> (Self, Self) {
        let sum = Self(self.exact().0 + other.exact().0, self.1 + other.1);
        // Rounding the sum changes it by one at most. Before `self` is added, the difference of
        // `other` and the carry is `low - self`.
        Self::within(LIMIT + self.size()).exact();
        (Self::within(LIMIT), sum.widened(LIMIT).divided(LIMB_SIZE))
    }

    fn multiple(self) -> Self {
        let top = MODULUS[LIMBS - 1] as i128;
        self.widened(top / 2 + 1).divided(top)
    }

    fn minus_multiple(self, multiple: Self, limb: Self) -> Self {
        let product = multiple.times(limb);
        Self(self.0 - product.1, self.1 - product.0).exact()
    }
}

/// Returns limbs at their limits, with the top limb of values within `limit` times r. The lower
/// limbs are together within 0.51 units of the top limb.
fn cells(limb: i128, limit: f64) -> Cells<Interval> {
    let top = (limit * (MODULUS[LIMBS - 1] + 1.0)) as i128 + 1;
    let mut cells = [[Interval::within(limb); CELLS]; LIMBS];
    cells[LIMBS - 1] = [Interval::within(top); CELLS];
    cells
}

fn assert_limbs_are_within_the_limit(cells: &Cells<Interval>) {
    for limbs in &cells[..LIMBS - 1] {
        assert!(limbs.iter().all(|limb| limb.size() <= LIMIT), "{limbs:?}");
    }
}

#[test]
fn products_are_exact() {
    let mut product = cells(LIMIT, 0.7);
    multiply(&mut product, &cells(LIMIT, 0.7));
    assert_limbs_are_within_the_limit(&product);
}

#[test]
fn squares_are_exact() {
    let mut power = cells(LIMIT, 0.7);
    square(&mut power);
    assert_limbs_are_within_the_limit(&power);
}

#[test]
fn sums_of_products_and_a_constant_are_reduced() {
    // Three products of values within 0.69·r, and a constant within r/2.
    let mut sums = cells(3 * LIMIT + LIMIT, 3.0 * 0.69 + 0.5);
    reduce(&mut sums);
    assert_limbs_are_within_the_limit(&sums);
}

#[test]
fn products_stay_within_the_limit_of_values() {
    // r / 2^255, rounded up.
    let modulus = (MODULUS[LIMBS - 1] + 1.0) / LIMB;
    assert!(0.7 * 0.7 * modulus + 0.5 * (1.0 + 1.0 / HALF as f64) < 0.69);
}

#[test]
#[should_panic(expected = "falls below 2^103")]
fn limbs_beyond_the_limit_are_noticed() {
    multiply(&mut cells(2 * LIMIT, 0.7), &cells(LIMIT, 0.7));
}
