//! The addition chain of the inverse S-box: `x^(1/5)` in 301 multiplications, 250 of them
//! squarings.
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

/// Returns `x^(1/5)`. `square` squares its argument the given number of times.
///
/// Always inlined, so that the arithmetic of the engine is compiled with the instructions of the
/// caller.
#[inline(always)]
pub(super) fn fifth_root<T: Copy>(x: T, multiply: impl Fn(&T, &T) -> T, square: impl Fn(&T, u32) -> T) -> T {
    let mut table = [x; TABLE.len() + 1];
    for (n, (i, j)) in TABLE.into_iter().enumerate() {
        table[n + 1] = if i == j { square(&table[i], 1) } else { multiply(&table[i], &table[j]) };
    }
    WINDOWS
        .into_iter()
        .fold(table[FIRST], |power, (times, entry)| multiply(&square(&power, times), &table[entry]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fr, fr};
    use franklin_crypto::bellman::pairing::ff::Field;

    #[test]
    fn fifth_power_of_the_root_is_the_value() {
        let multiply = |a: &Fr, b: &Fr| {
            let mut product = *a;
            product.mul_assign(b);
            product
        };
        for x in [0, 1, 2, 7, u128::MAX].map(fr::from_u128) {
            let root = fifth_root(x, multiply, |a, times| (0..times).fold(*a, |a, _| multiply(&a, &a)));
            assert_eq!(root.pow([5]), x);
        }
    }
}
