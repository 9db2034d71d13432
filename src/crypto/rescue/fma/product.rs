//! Multiplication modulo r in floating point, over any [`Number`] that offers its few operations:
//! vectors of doubles, and the intervals with which a test checks every bound below.
//!
//! # Numbers
//! A number is five limbs of 51 bits, `Σ limb_i·2^(51·i)`. Limbs are signed integers in doubles and
//! lie within ±`2^50`; the top limb follows from the value, which stays within ±0.7·r. Numbers are
//! in Montgomery form, `value·2^255` modulo r.
//!
//! # A product of two limbs
//! The product has up to 100 bits, a double 53. [`Number::multiply_into`] splits it by two fused
//! multiply-adds: added to a large number, [`START`], it is rounded to a multiple of `2^51`; the
//! second one returns what the rounding left out, without error. So `high` collects multiples of
//! `2^51`, and `low` collects remainders that are integers. This is exact as long as
//!
//! - `high` stays above `2^103`, where doubles are `2^51` apart. A sum beyond `2^104`, where they
//!   are `2^52` apart, is exact as well, with remainders up to `2^51` instead of `2^50`;
//! - sums of remainders and carries stay within ±`2^53`.
//!
//! # A multiplication
//! The columns are computed from the lowest to the highest. Column k holds the products
//! `a_i·b_(k-i)` and, for Montgomery reduction, `q_i·r_(k-i)`. Quotient `q_k` is chosen such that
//! column k becomes a multiple of `2^51`, which is carried into the next column. If all limbs are at
//! their limits, the top limbs at 0.53·`2^50`, and with the limbs of r at
//! (0.49, 0.27, -0.50, 0.03, 0.76)·`2^50`, the sums are at most
//!
//! | column | products, `2^100` | quotients, `2^100` | carry in, `2^50` | sums of lows, `2^50` |
//! | --- | --- | --- | --- | --- |
//! | 0 | 1.00 | – | – | 1.00 |
//! | 1 | 2.00 | 0.27 | 0.75 | 3.75 |
//! | 2 | 3.00 | 0.76 | 1.38 | 7.38 |
//! | 3 | 4.00 | 0.78 | 2.13 | 5 and 5.13 |
//! | 4 | 4.07 | 1.54 | 2.64 | 6 and 6.64 |
//! | 5 | 3.07 | 1.54 | 3.05 | 4 and 7.05 |
//! | 6 | 2.07 | 1.28 | 2.30 | 3 and 5.30 |
//! | 7 | 1.07 | 0.78 | 1.67 | 5.67 |
//! | 8 | 0.29 | 0.76 | 0.92 | 2.92 |
//!
//! - The high part of a column stays above `2^103`: [`START`] leaves room for sums down to
//!   `-4.25·2^100`. Sums beyond `+3.75·2^100` pass `2^104`. That happens in the last product of
//!   columns 2, 3 and 4 at most, whose remainder counts double in the table.
//! - No sum of lows reaches 8, which is `2^53`. In columns 3 to 6 the products and the quotients,
//!   the latter with the carry, are summed apart, because together they would.
//! - A quotient needs `low·(-1/r)` below `2^102`, where `-1/r` modulo `2^51` is 0.49·`2^50`: this
//!   holds for lows below `8.1·2^50`.
//! - The result is `(a·b + q·r) / 2^255`, within `(0.7²·r/2^255 + 0.5)·r < 0.69·r`.
//!
//! The test `bounds` runs the code below on intervals, which fail if an operation is not exact for
//! some numbers in them.

use crate::montgomery;

/// Limbs of a number.
pub(super) const LIMBS: usize = 5;
pub(super) const CELLS: usize = 3;
const LIMB_BITS: u32 = 51;
/// `2^51`.
pub(super) const LIMB: f64 = (1u64 << LIMB_BITS) as f64;

/// r.
pub(super) const MODULUS: [f64; LIMBS] = balanced(montgomery::MODULUS);
/// `-1/r` modulo `2^51`, balanced.
pub(super) const NEGATIVE_INVERSE: f64 = {
    let residue = montgomery::NEGATIVE_INVERSE & ((1 << LIMB_BITS) - 1);
    if residue >> (LIMB_BITS - 1) == 1 { -(((1 << LIMB_BITS) - residue) as f64) } else { residue as f64 }
};

/// The number that the high parts of a column are added to.
pub(super) const START: f64 = (1.5 + 1.0 / 32.0) * 2.0 * LIMB * LIMB;

/// The operations on limbs that a multiplication needs. Each is exact within the bounds of the
/// module, unless its documentation says that it rounds; then to nearest, ties to even.
pub(super) trait Number: Copy {
    /// Returns a constant.
    fn constant(value: f64) -> Self;

    /// Returns the sum.
    fn plus(self, other: Self) -> Self;

    /// Adds the product, rounded to a multiple of `2^51`, to `high`; returns the remainder.
    fn multiply_into(self, other: Self, high: &mut Self) -> Self;

    /// Returns `(self - START) / 2^51`, for the high part of a column.
    fn carry(self) -> Self;

    /// Returns the integer within ±`2^50` that is `self·(-1/r)` modulo `2^51`.
    fn quotient(self) -> Self;

    /// Returns `(self + quotient·r_0) / 2^51 + carry`, where r_0 is the lowest limb of r.
    fn cleared(self, quotient: Self, carry: Self) -> Self;

    /// Splits `self` into `(low, carry)` with `low + carry·2^51 = self` and low within ±`2^50`.
    fn split(self) -> (Self, Self);

    /// Splits `self + other` into `(low, carry)` with `low + carry·2^51 = self + other` and low
    /// within ±`(2^50 + 1)`. The sum itself may exceed a double.
    fn split_sum(self, other: Self) -> (Self, Self);

    /// Returns the integer nearest to `self / r_4`, where r_4 is the top limb of r.
    fn multiple(self) -> Self;

    /// Returns `self - multiple·limb`.
    fn minus_multiple(self, multiple: Self, limb: Self) -> Self;
}

/// The three cells of states: word `j` of limb `i` is limb `i` of cell `j`. The cells are
/// independent; side by side they hide the latency of the instructions.
pub(super) type Cells<N> = [[N; CELLS]; LIMBS];

/// A sum of products of limbs.
#[derive(Clone, Copy)]
struct Column<N> {
    high: N,
    low: N,
}

impl<N: Number> Column<N> {
    /// Returns a column with one product.
    #[inline(always)]
    fn of(a: N, b: N) -> Self {
        let mut high = N::constant(START);
        let low = a.multiply_into(b, &mut high);
        Self { high, low }
    }

    /// Adds a product.
    #[inline(always)]
    fn add(&mut self, a: N, b: N) {
        let low = a.multiply_into(b, &mut self.high);
        self.low = self.low.plus(low);
    }
}

/// Multiplies each cell of `a` by that of `b`. Values within ±0.7·r give values within ±0.69·r.
#[inline(always)]
pub(super) fn multiply<N: Number>(a: &mut Cells<N>, b: &Cells<N>) {
    product::<N, false>(a, b);
}

/// Squares each cell.
#[inline(always)]
pub(super) fn square<N: Number>(a: &mut Cells<N>) {
    // The second factor is not read.
    product::<N, true>(a, &[[N::constant(0.0); CELLS]; LIMBS]);
}

/// Returns the column of the products `a_i·b_(k-i)`, with `b = a` if SQUARE. A square takes each
/// product of two different limbs once, with one limb doubled.
#[inline(always)]
fn products<N: Number, const SQUARE: bool>(a: &Cells<N>, b: &Cells<N>, j: usize, k: usize) -> Column<N> {
    let least = k.saturating_sub(LIMBS - 1);
    let most = if SQUARE { k / 2 } else { k.min(LIMBS - 1) };
    let (first, second) = factors::<N, SQUARE>(a, b, j, k, least);
    let mut column = Column::of(first, second);
    for i in least + 1..=most {
        let (first, second) = factors::<N, SQUARE>(a, b, j, k, i);
        column.add(first, second);
    }
    column
}

/// Returns the factors of product `i` of column `k`.
#[inline(always)]
fn factors<N: Number, const SQUARE: bool>(
    a: &Cells<N>,
    b: &Cells<N>,
    j: usize,
    k: usize,
    i: usize,
) -> (N, N) {
    if !SQUARE {
        (a[i][j], b[k - i][j])
    } else if 2 * i == k {
        (a[i][j], a[i][j])
    } else {
        (a[i][j].plus(a[i][j]), a[k - i][j])
    }
}

/// Replaces `a` by the products. Each limb of the result is written after the last column that
/// reads the limb of `a`.
#[inline(always)]
fn product<N: Number, const SQUARE: bool>(a: &mut Cells<N>, b: &Cells<N>) {
    let zero = N::constant(0.0);
    let mut state = State { quotients: [[zero; CELLS]; LIMBS], carries: [zero; CELLS] };
    for j in 0..CELLS {
        let column = products::<N, SQUARE>(a, b, j, 0);
        let quotient = column.low.quotient();
        state.quotients[0][j] = quotient;
        state.carries[j] = column.low.cleared(quotient, column.high.carry());
    }
    // The number of the column is a parameter of the type, so that its loops are unrolled.
    column::<N, SQUARE, 1>(a, b, &mut state);
    column::<N, SQUARE, 2>(a, b, &mut state);
    column::<N, SQUARE, 3>(a, b, &mut state);
    column::<N, SQUARE, 4>(a, b, &mut state);
    column::<N, SQUARE, 5>(a, b, &mut state);
    column::<N, SQUARE, 6>(a, b, &mut state);
    column::<N, SQUARE, 7>(a, b, &mut state);
    column::<N, SQUARE, 8>(a, b, &mut state);
    a[LIMBS - 1] = state.carries;
}

/// The values that each column of a multiplication passes to the next.
struct State<N> {
    quotients: [[N; CELLS]; LIMBS],
    carries: [N; CELLS],
}

/// Computes column K: columns 1 to 4 determine a quotient each, the others a limb of the result.
/// In columns 3 to 6 products and quotients times r are summed apart (see the module).
#[inline(always)]
fn column<N: Number, const SQUARE: bool, const K: usize>(
    a: &mut Cells<N>,
    b: &Cells<N>,
    State { quotients, carries }: &mut State<N>,
) {
    let least = K.saturating_sub(LIMBS - 1);
    for j in 0..CELLS {
        let mut column = products::<N, SQUARE>(a, b, j, K);
        let (low, carry) = if matches!(K, 3..=6) {
            let mut reduction = Column::of(quotients[least][j], N::constant(MODULUS[K - least]));
            for i in least + 1..K.min(LIMBS) {
                reduction.add(quotients[i][j], N::constant(MODULUS[K - i]));
            }
            let (low, carry) = column.low.split_sum(reduction.low.plus(carries[j]));
            (low, column.high.carry().plus(reduction.high.carry()).plus(carry))
        } else {
            for i in least..K.min(LIMBS) {
                column.add(quotients[i][j], N::constant(MODULUS[K - i]));
            }
            let low = column.low.plus(carries[j]);
            if K < LIMBS {
                (low, column.high.carry())
            } else {
                let (low, carry) = low.split();
                (low, column.high.carry().plus(carry))
            }
        };
        if K < LIMBS {
            let quotient = low.quotient();
            quotients[K][j] = quotient;
            carries[j] = low.cleared(quotient, carry);
        } else {
            a[K - LIMBS][j] = low;
            carries[j] = carry;
        }
    }
}

/// Brings limbs within ±`4·2^50` and a value within ±3r to limbs within ±`(2^50 + 1)` and a value
/// within ±0.51·r, by subtracting the multiple of r that the top limb suggests.
#[inline(always)]
pub(super) fn reduce<N: Number>(numbers: &mut Cells<N>) {
    for j in 0..CELLS {
        let multiple = numbers[LIMBS - 1][j].multiple();
        let mut carry = N::constant(0.0);
        for (limbs, modulus) in numbers[..LIMBS - 1].iter_mut().zip(MODULUS) {
            let limb = limbs[j].minus_multiple(multiple, N::constant(modulus));
            (limbs[j], carry) = limb.plus(carry).split();
        }
        let top = numbers[LIMBS - 1][j].minus_multiple(multiple, N::constant(MODULUS[LIMBS - 1]));
        numbers[LIMBS - 1][j] = top.plus(carry);
    }
}

/// Converts limbs of 64 bits to balanced limbs of 51 bits. The top limb takes what is left.
pub(super) const fn balanced(limbs: [u64; 4]) -> [f64; LIMBS] {
    let mut balanced = [0.0; LIMBS];
    let (mut i, mut carry) = (0, 0);
    while i < LIMBS {
        let (word, bit) = (LIMB_BITS as usize * i / 64, LIMB_BITS as usize * i % 64);
        let mut limb = limbs[word] >> bit;
        if bit > 13 && word + 1 < limbs.len() {
            limb |= limbs[word + 1] << (64 - bit);
        }
        limb = (limb & ((1 << LIMB_BITS) - 1)) + carry;
        carry = 0;
        if i + 1 < LIMBS && limb >> (LIMB_BITS - 1) != 0 {
            balanced[i] = -(((1u64 << LIMB_BITS) - limb) as f64);
            carry = 1;
        } else {
            balanced[i] = limb as f64;
        }
        i += 1;
    }
    balanced
}
