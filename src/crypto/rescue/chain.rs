//! The S-boxes of the layers. The inverse one, `x^(1/5)`, is an addition chain of 301
//! multiplications, 250 of them squarings.
//!
//! Found by a randomized search over sets of powers: sixteen multiplications make a table of powers
//! of x, then the exponent is read in windows, each of which is an entry of the table.

/// The two earlier entries whose product is table entry `n + 1`; entry 0 is x itself. The exponents
/// of the entries are 1, 2, 3, 5, 10, 20, 21, 25, 31, 36, 39, 41, 45, 51, 53, 55 and 77.
const TABLE: [(usize, usize); 16] = [
    (0, 0),
    (0, 1),
    (1, 2),
    (3, 3),
    (4, 4),
    (0, 5),
    (3, 5),
    (4, 6),
    (3, 8),
    (2, 9),
    (5, 6),
    (5, 7),
    (5, 8),
    (1, 13),
    (4, 12),
    (9, 11),
];

/// The table entry of the leading bits of the exponent.
const FIRST: usize = 16;

/// Number of squarings, and the entry to multiply by after them.
const WINDOWS: [(u32, usize); 38] = [
    (3, 2),
    (7, 14),
    (5, 3),
    (5, 3),
    (9, 12),
    (10, 10),
    (3, 3),
    (7, 16),
    (7, 11),
    (9, 16),
    (6, 13),
    (7, 14),
    (6, 8),
    (10, 13),
    (2, 2),
    (8, 14),
    (7, 12),
    (6, 3),
    (6, 14),
    (8, 14),
    (5, 7),
    (3, 2),
    (6, 10),
    (7, 10),
    (8, 11),
    (5, 3),
    (9, 12),
    (11, 15),
    (4, 2),
    (5, 8),
    (7, 8),
    (6, 15),
    (5, 6),
    (4, 2),
    (9, 13),
    (8, 13),
    (7, 7),
    (7, 16),
];

/// Applies the S-box of a layer to `x`, which is `x^(1/5)` in even layers and `x^5` in odd ones.
/// Arguments and inlining are those of [`fifth_root`].
#[inline(always)]
pub(super) fn substitute<T: Copy>(
    layer: usize,
    x: &mut T,
    multiply: impl Fn(&mut T, &T),
    square: impl Fn(&mut T, u32),
) {
    if layer.is_multiple_of(2) {
        fifth_root(x, multiply, square);
    } else {
        let once = *x;
        square(x, 2);
        multiply(x, &once);
    }
}

/// Replaces `x` by `x^(1/5)`. `multiply` multiplies its first argument by the second; `square`
/// squares its first argument the given number of times. They work in place because copies of the
/// wide numbers of the vector engines took a tenth of the time.
///
/// Always inlined, so that the arithmetic of the engine is compiled with the instructions of the
/// caller.
#[inline(always)]
fn fifth_root<T: Copy>(x: &mut T, multiply: impl Fn(&mut T, &T), square: impl Fn(&mut T, u32)) {
    let mut table = [*x; TABLE.len() + 1];
    for (n, (i, j)) in TABLE.into_iter().enumerate() {
        let (known, unknown) = table.split_at_mut(n + 1);
        let next = &mut unknown[0];
        *next = known[i];
        if i == j {
            square(next, 1);
        } else {
            multiply(next, &known[j]);
        }
    }
    *x = table[FIRST];
    for (times, entry) in WINDOWS {
        square(x, times);
        multiply(x, &table[entry]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fr;
    use franklin_crypto::bellman::pairing::ff::Field;

    #[test]
    fn fifth_power_of_the_root_is_the_value() {
        for x in [0, 1, 2, 7, u128::MAX].map(fr::from_u128) {
            let mut root = x;
            fifth_root(&mut root, Field::mul_assign, |a, times| (0..times).for_each(|_| a.square()));
            assert_eq!(root.pow([5]), x);
        }
    }
}
