//! A source of choices.

use crate::testing::dice::Dice;

/// A stream of choices, from a seed or from the bytes of a fuzzer.
pub enum Choices<'a> {
    /// Endless choices.
    Dice(Dice),
    /// One byte a choice; the first alternative after the last byte.
    Bytes(&'a [u8]),
}

impl<'a> Choices<'a> {
    /// Returns the choices of a seed.
    pub fn from_seed(seed: u64) -> Self {
        Self::Dice(Dice::new(seed))
    }

    /// Returns the choices that bytes make.
    pub fn from_bytes(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }

    /// Returns true if no bytes are left.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Bytes([]))
    }

    /// Returns one of `0..bound`, which is at most 256.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        match self {
            Self::Dice(dice) => dice.below(bound),
            Self::Bytes([]) => 0,
            Self::Bytes([byte, rest @ ..]) => {
                let chosen = usize::from(*byte) % bound;
                *self = Self::Bytes(rest);
                chosen
            }
        }
    }

    /// Returns true once in `n` times.
    pub(super) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    /// Returns one of the items.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Returns an amount, often close to a bound: of the balance, of a packed amount, of 128 bits.
    pub(super) fn amount(&mut self, balance: u128) -> u128 {
        match self.below(10) {
            0 => 0,
            1 => balance,
            2 => balance.saturating_add(1),
            3 => balance / 2,
            4 => 10u128.pow(self.below(39) as u32),
            5 => 34_359_738_367,
            6 => 34_359_738_368,
            7 => u128::MAX - self.below(2) as u128,
            _ => self.below(200) as u128,
        }
    }

    /// Returns a fee, mostly a small one.
    pub(super) fn fee(&mut self, balance: u128) -> u128 {
        match self.below(16) {
            0 => balance,
            1 => 2_048,
            2 => 2047 * 10u128.pow(31),
            3 => 2047 * 10u128.pow(31) + 1,
            4 => u128::MAX,
            _ => self.below(5) as u128,
        }
    }
}
