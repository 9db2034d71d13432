//! Vectors of doubles as limbs: four lanes in each of K registers.
//!
//! # Safety
//! The unsafe code calls instructions of AVX and FMA. It is reached only through
//! [`Fma`](super::Fma), which exists only where the processor has them. Everything here is inlined
//! into the functions there, which are compiled with these instructions.
//!
//! # Rounding
//! The processor must round to nearest, as Rust assumes of every program; results are wrong in any
//! other mode. Flushing of subnormal numbers does no harm, for all numbers are integers.

use super::product::{LIMB, MODULUS, NEGATIVE_INVERSE, Number, START};
use std::{
    arch::x86_64::{
        __m256d, _mm256_add_pd, _mm256_fmadd_pd, _mm256_fmsub_pd, _mm256_fnmadd_pd, _mm256_set1_pd,
        _mm256_sub_pd,
    },
    array, mem,
};

/// Added and subtracted again, it rounds to integers.
const TO_INTEGERS: f64 = 1.5 * 2.0 * LIMB;
/// Added and subtracted again, it rounds to multiples of `2^51`.
const TO_LIMBS: f64 = TO_INTEGERS * LIMB;

/// Four lanes in each of K registers.
#[derive(Clone, Copy)]
pub(super) struct Vector<const K: usize>([__m256d; K]);

impl<const K: usize> Vector<K> {
    /// Returns the vector of the given lanes, four for each register.
    #[inline(always)]
    pub(super) fn from_lanes(lane: impl Fn(usize) -> f64) -> Self {
        let lanes: [[f64; 4]; K] = array::from_fn(|k| array::from_fn(|l| lane(4 * k + l)));
        // SAFETY: both are 32 bytes of plain data.
        Self(lanes.map(|lanes| unsafe { mem::transmute::<[f64; 4], __m256d>(lanes) }))
    }

    /// Returns lane `lane`.
    #[inline(always)]
    pub(super) fn lane(self, lane: usize) -> f64 {
        // SAFETY: both are 32 bytes of plain data.
        let lanes = unsafe { mem::transmute::<__m256d, [f64; 4]>(self.0[lane / 4]) };
        lanes[lane % 4]
    }

    /// Returns `a·b + c`, rounded once.
    #[inline(always)]
    fn times_plus(self, b: Self, c: Self) -> Self {
        let mut result = self;
        for k in 0..K {
            // SAFETY: see the module.
            result.0[k] = unsafe { _mm256_fmadd_pd(self.0[k], b.0[k], c.0[k]) };
        }
        result
    }

    /// Returns `a·b - c`, rounded once.
    #[inline(always)]
    fn times_minus(self, b: Self, c: Self) -> Self {
        let mut result = self;
        for k in 0..K {
            // SAFETY: see the module.
            result.0[k] = unsafe { _mm256_fmsub_pd(self.0[k], b.0[k], c.0[k]) };
        }
        result
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        let mut result = self;
        for k in 0..K {
            // SAFETY: see the module.
            result.0[k] = unsafe { _mm256_sub_pd(self.0[k], other.0[k]) };
        }
        result
    }
}

impl<const K: usize> Number for Vector<K> {
    #[inline(always)]
    fn constant(value: f64) -> Self {
        // SAFETY: see the module.
        Self([unsafe { _mm256_set1_pd(value) }; K])
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        let mut result = self;
        for k in 0..K {
            // SAFETY: see the module.
            result.0[k] = unsafe { _mm256_add_pd(self.0[k], other.0[k]) };
        }
        result
    }

    #[inline(always)]
    fn multiply_into(self, other: Self, high: &mut Self) -> Self {
        let sum = self.times_plus(other, *high);
        let rounded = high.minus(sum);
        *high = sum;
        self.times_plus(other, rounded)
    }

    #[inline(always)]
    fn carry(self) -> Self {
        self.times_plus(Self::constant(1.0 / LIMB), Self::constant(-START / LIMB))
    }

    #[inline(always)]
    fn quotient(self) -> Self {
        let inverse = Self::constant(NEGATIVE_INVERSE);
        let limbs = self.times_plus(inverse, Self::constant(TO_LIMBS)).minus(Self::constant(TO_LIMBS));
        self.times_minus(inverse, limbs)
    }

    #[inline(always)]
    fn cleared(self, quotient: Self, carry: Self) -> Self {
        quotient.times_plus(Self::constant(MODULUS[0]), self).times_plus(Self::constant(1.0 / LIMB), carry)
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        let limbs = Self::constant(TO_INTEGERS);
        let carry = self.times_plus(Self::constant(1.0 / LIMB), limbs).minus(limbs);
        (self.minus_multiple(carry, Self::constant(LIMB)), carry)
    }

    #[inline(always)]
    fn split_sum(self, other: Self) -> (Self, Self) {
        let limbs = Self::constant(TO_INTEGERS);
        let carry = self.plus(other).times_plus(Self::constant(1.0 / LIMB), limbs).minus(limbs);
        (other.minus_multiple(carry, Self::constant(LIMB)).plus(self), carry)
    }

    #[inline(always)]
    fn multiple(self) -> Self {
        let integers = Self::constant(TO_INTEGERS);
        self.times_plus(Self::constant(1.0 / MODULUS[MODULUS.len() - 1]), integers).minus(integers)
    }

    #[inline(always)]
    fn minus_multiple(self, multiple: Self, limb: Self) -> Self {
        let mut result = self;
        for k in 0..K {
            // SAFETY: see the module.
            result.0[k] = unsafe { _mm256_fnmadd_pd(multiple.0[k], limb.0[k], self.0[k]) };
        }
        result
    }
}
