//! The permutation with AVX-512 IFMA: eight field elements side by side, in limbs of 52 bits.
//!
//! # Numbers
//! A [`Lanes`] holds eight numbers of five limbs each. Only the low 52 bits of a limb count: the
//! multiply-add instructions read no others, and the bits above are carried into the next limb
//! without being cleared. Numbers are `value·2^260` modulo r (Montgomery form) and kept below 4r,
//! far from the `2^260 > 84r` that the limbs can hold.
//!
//! # Bounds
//! - A column of a product or of three summed products collects at most 30 + 10 terms below `2^52`,
//!   so it fits 64 bits.
//! - [`reduce`] maps `t` to less than `t/2^260 + 2r`. For the product of two numbers below 4r that
//!   is below 2.2r; for the three products of a matrix row with constants below r it is below 2.2r
//!   too, and below 3.2r with a round constant added.
//!
//! # Layouts
//! Five to eight states fill three sets of registers, one set for each cell. Up to four states are
//! packed two to a set instead, cell `i` of state `s` in lane `3s + i`, so that a short batch does
//! not pay for empty lanes.
//!
//! # Safety
//! The unsafe code consists of two conversions between vectors and arrays, which have the same size
//! and allow any bits, and of the calls of functions that need AVX-512 IFMA. These calls take an
//! [`Ifma`], which exists only where the processor has the instructions.

use super::{
    chain,
    parameters::{self, LAYERS, State},
};
use crate::{Fr, fr, montgomery};
use franklin_crypto::bellman::pairing::ff::{Field, PrimeField};
use franklin_crypto::rescue::RescueHashParams;
use std::{
    arch::x86_64::{
        __m512i, _mm512_add_epi64, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_permutexvar_epi64,
        _mm512_set1_epi64, _mm512_setzero_si512, _mm512_srli_epi64,
    },
    array, mem,
    sync::LazyLock,
};

const LIMB_BITS: u32 = 52;
const LIMB_MASK: u64 = (1 << LIMB_BITS) - 1;
const LIMBS: usize = 5;
const LANES: usize = 8;

type Limbs = [u64; LIMBS];

const MODULUS: Limbs = split(montgomery::MODULUS);
/// `-1/r` modulo `2^52`.
const NEGATIVE_INVERSE: u64 = montgomery::NEGATIVE_INVERSE & LIMB_MASK;
/// `(NEGATIVE_INVERSE·r + 1) / 2^52`. With the multiple of r that is -1 modulo `2^52`, the factor
/// that clears a limb is the limb itself.
const FRIENDLY: Limbs = friendly();

/// Proof that this processor has the instructions.
#[derive(Clone, Copy)]
pub(super) struct Ifma(());

impl Ifma {
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma")).then_some(Self(()))
    }

    /// Applies the permutation to each state.
    pub(super) fn permute_batch(self, states: &mut [State]) {
        for states in states.chunks_mut(LANES) {
            // SAFETY: `self` exists, so the processor has AVX-512 F and IFMA.
            unsafe {
                match states.len() {
                    1 | 2 => permute_packed::<1>(states),
                    3 | 4 => permute_packed::<2>(states),
                    _ => permute_eight(states),
                }
            }
        }
    }
}

struct Parameters {
    matrix: [[Limbs; 3]; 3],
    /// Added before the first layer and after each layer.
    constants: [[Limbs; 3]; LAYERS + 1],
    /// The matrix of the packed layout: in a lane with cell i, entry d multiplies cell i + d of the
    /// same state.
    packed_matrix: [[[u64; LANES]; LIMBS]; 3],
    packed_constants: [[[u64; LANES]; LIMBS]; LAYERS + 1],
    /// 1/16, the factor from this module's Montgomery form to that of [`Fr`].
    unscale: Fr,
}

static PARAMETERS: LazyLock<Parameters> = LazyLock::new(|| {
    let limbs = |row: &[Fr]| array::from_fn(|i| to_limbs(&row[i]));
    let matrix: [[Limbs; 3]; 3] = array::from_fn(|i| limbs(parameters::PARAMETERS.mds_matrix_row(i as u32)));
    let constants: [_; LAYERS + 1] =
        array::from_fn(|i| limbs(parameters::PARAMETERS.round_constants(i as u32)));
    Parameters {
        packed_matrix: array::from_fn(|d| transpose(array::from_fn(|lane| matrix[lane % 3][(lane + d) % 3]))),
        packed_constants: constants.map(|constants| transpose(array::from_fn(|lane| constants[lane % 3]))),
        matrix,
        constants,
        unscale: fr::from_u64(16).inverse().unwrap_or_default(),
    }
});

/// Eight numbers: word `l` of vector `i` is limb `i` of number `l`.
#[derive(Clone, Copy)]
struct Lanes([__m512i; LIMBS]);

/// Applies the permutation to five to eight states, one in each lane.
#[target_feature(enable = "avx512f,avx512ifma")]
fn permute_eight(states: &mut [State]) {
    let Parameters { matrix, constants, unscale, .. } = &*PARAMETERS;
    let matrix = matrix.map(|row| row.map(|limbs| splat(&limbs)));
    let numbers =
        |cell: usize| array::from_fn(|lane| states.get(lane).map_or([0; LIMBS], |s| to_limbs(&s[cell])));
    let mut cells: [Lanes; 3] = array::from_fn(|cell| {
        let loaded = load(numbers(cell));
        sum(&loaded, &splat(&constants[0][cell]))
    });
    for (layer, constants) in constants[1..].iter().enumerate() {
        substitute(layer, &mut cells);
        cells = array::from_fn(|i| linear::<3>(&cells, &matrix[i], &splat(&constants[i])));
    }
    for cell in 0..3 {
        let numbers = unload(&cells[cell]);
        for (state, number) in states.iter_mut().zip(numbers) {
            state[cell] = to_fr(number, unscale);
        }
    }
}

/// Applies the permutation to up to 2N states, two in each of N register sets.
#[target_feature(enable = "avx512f,avx512ifma")]
fn permute_packed<const N: usize>(states: &mut [State]) {
    let Parameters { packed_matrix, packed_constants, unscale, .. } = &*PARAMETERS;
    let matrix = packed_matrix.map(|entry| Lanes(entry.map(vector)));
    // A lane with cell i reads the lane with cell i + d of the same state; the last two lanes hold
    // no cell and read themselves.
    let next = |d: usize| {
        vector(array::from_fn(
            |lane| if lane < 6 { (lane / 3 * 3 + (lane + d) % 3) as u64 } else { lane as u64 },
        ))
    };
    let next = [next(1), next(2)];
    let constants = |layer: usize| Lanes(packed_constants[layer].map(vector));

    let mut sets: [Lanes; N] = array::from_fn(|set| {
        let numbers = array::from_fn(|lane| match states.get(2 * set + lane / 3) {
            Some(state) if lane < 6 => to_limbs(&state[lane % 3]),
            _ => [0; LIMBS],
        });
        sum(&load(numbers), &constants(0))
    });
    for layer in 0..LAYERS {
        substitute(layer, &mut sets);
        let constants = constants(layer + 1);
        sets = sets.map(|set| {
            let turned = |d: usize| Lanes(set.0.map(|limb| _mm512_permutexvar_epi64(next[d], limb)));
            linear::<N>(&[set, turned(0), turned(1)], &matrix, &constants)
        });
    }
    for (set, states) in sets.iter().zip(states.chunks_mut(2)) {
        let numbers = unload(set);
        for (state, numbers) in states.iter_mut().zip(numbers.chunks(3)) {
            *state = array::from_fn(|i| to_fr(numbers[i], unscale));
        }
    }
}

/// Applies the S-box of the layer to each number.
#[target_feature(enable = "avx512f,avx512ifma")]
fn substitute<const N: usize>(layer: usize, x: &mut [Lanes; N]) {
    chain::substitute(layer, x, |a, b| multiply(a, b), |a, times| square(a, times));
}

/// Multiplies each number of `a` by that of `b`.
#[target_feature(enable = "avx512f,avx512ifma")]
fn multiply<const N: usize>(a: &mut [Lanes; N], b: &[Lanes; N]) {
    for (a, b) in a.iter_mut().zip(b) {
        let mut columns = [_mm512_setzero_si512(); 2 * LIMBS];
        add_product(&mut columns, a, b);
        *a = carry(reduce::<N>(columns));
    }
}

/// Squares each number `times` times. The loop is in this function to keep the limbs in registers.
#[target_feature(enable = "avx512f,avx512ifma")]
fn square<const N: usize>(numbers: &mut [Lanes; N], times: u32) {
    for _ in 0..times {
        for number in &mut *numbers {
            let Lanes(limbs) = *number;
            let mut columns = [_mm512_setzero_si512(); 2 * LIMBS];
            for i in 0..LIMBS {
                for j in i + 1..LIMBS {
                    multiply_add(&mut columns[i + j..], limbs[i], limbs[j]);
                }
            }
            for column in &mut columns {
                *column = _mm512_add_epi64(*column, *column);
            }
            for i in 0..LIMBS {
                multiply_add(&mut columns[2 * i..], limbs[i], limbs[i]);
            }
            *number = carry(reduce::<N>(columns));
        }
    }
}

/// Returns `Σ numbers·factors + summand` with a single reduction.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn linear<const SETS: usize>(numbers: &[Lanes; 3], factors: &[Lanes; 3], summand: &Lanes) -> Lanes {
    let mut columns = [_mm512_setzero_si512(); 2 * LIMBS];
    for (number, factor) in numbers.iter().zip(factors) {
        add_product(&mut columns, number, factor);
    }
    let Lanes(limbs) = reduce::<SETS>(columns);
    carry(Lanes(array::from_fn(|i| _mm512_add_epi64(limbs[i], summand.0[i]))))
}

/// Returns the sum of two numbers whose limbs have no bits above the low 52.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn sum(a: &Lanes, b: &Lanes) -> Lanes {
    carry(Lanes(array::from_fn(|i| _mm512_add_epi64(a.0[i], b.0[i]))))
}

#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn add_product(columns: &mut [__m512i; 2 * LIMBS], a: &Lanes, b: &Lanes) {
    for i in 0..LIMBS {
        for j in 0..LIMBS {
            multiply_add(&mut columns[i + j..], a.0[i], b.0[j]);
        }
    }
}

/// Reduces columns (Montgomery reduction). The caller carries the limbs of the result.
///
/// Each of the first four limbs is cleared by adding the limb times the multiple of r behind
/// [`FRIENDLY`], whose lowest limb is -1 and need not be multiplied. A fifth such step would exceed
/// the limbs, so the last step adds a multiple of r itself.
///
/// If a single set of numbers is in flight (`SETS` is 1), the added terms are summed separately
/// from the columns, which shortens the chain of dependent instructions. With more sets the
/// processor is busy anyway, and fewer instructions matter more.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn reduce<const SETS: usize>(columns: [__m512i; 2 * LIMBS]) -> Lanes {
    let zero = _mm512_setzero_si512();
    let (mut sums, apart) =
        if SETS == 1 { ([zero; 2 * LIMBS], columns) } else { (columns, [zero; 2 * LIMBS]) };
    let mut carry = zero;
    let last = LIMBS - 1;
    for i in 0..last {
        let limb = _mm512_add_epi64(_mm512_add_epi64(apart[i], carry), sums[i]);
        for j in 0..LIMBS {
            multiply_add(&mut sums[i + 1 + j..], limb, word(FRIENDLY[j]));
        }
        carry = shifted(limb);
    }
    let limb = _mm512_add_epi64(_mm512_add_epi64(apart[last], carry), sums[last]);
    let factor = _mm512_madd52lo_epu64(zero, limb, word(NEGATIVE_INVERSE));
    for j in 0..LIMBS {
        multiply_add(&mut sums[last + j..], factor, word(MODULUS[j]));
    }
    let mut limbs = array::from_fn(|i| _mm512_add_epi64(apart[LIMBS + i], sums[LIMBS + i]));
    // Clearing the last limb carries a one if and only if the limb was not zero.
    limbs[0] = _mm512_add_epi64(limbs[0], shifted(_mm512_add_epi64(limb, word(LIMB_MASK))));
    Lanes(limbs)
}

/// Adds the bits of each limb above the low 52 to the next limb, without clearing them.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn carry(Lanes(mut limbs): Lanes) -> Lanes {
    for i in 1..LIMBS {
        limbs[i] = _mm512_add_epi64(limbs[i], shifted(limbs[i - 1]));
    }
    Lanes(limbs)
}

/// Adds the product of two limbs to two neighbouring columns.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn multiply_add(columns: &mut [__m512i], a: __m512i, b: __m512i) {
    columns[0] = _mm512_madd52lo_epu64(columns[0], a, b);
    columns[1] = _mm512_madd52hi_epu64(columns[1], a, b);
}

#[target_feature(enable = "avx512f")]
#[inline]
fn shifted(limb: __m512i) -> __m512i {
    _mm512_srli_epi64::<LIMB_BITS>(limb)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn word(word: u64) -> __m512i {
    _mm512_set1_epi64(word as i64)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn splat(limbs: &Limbs) -> Lanes {
    Lanes(limbs.map(|limb| word(limb)))
}

fn load(numbers: [Limbs; LANES]) -> Lanes {
    Lanes(transpose(numbers).map(vector))
}

fn unload(lanes: &Lanes) -> [Limbs; LANES] {
    let limbs = lanes.0.map(words);
    array::from_fn(|lane| limbs.map(|limb| limb[lane]))
}

fn transpose(numbers: [Limbs; LANES]) -> [[u64; LANES]; LIMBS] {
    array::from_fn(|limb| numbers.map(|number| number[limb]))
}

#[inline(always)]
fn vector(words: [u64; LANES]) -> __m512i {
    // SAFETY: both are 64 bytes of plain data.
    unsafe { mem::transmute(words) }
}

#[inline(always)]
fn words(vector: __m512i) -> [u64; LANES] {
    // SAFETY: both are 64 bytes of plain data.
    unsafe { mem::transmute(vector) }
}

/// Returns a field element in the Montgomery form of this module, `value·2^260`, below r.
fn to_limbs(value: &Fr) -> Limbs {
    let mut scaled = *value;
    for _ in 0..4 {
        scaled.double();
    }
    let mut limbs = [0; 4];
    limbs.copy_from_slice(scaled.into_raw_repr().as_ref());
    split(limbs)
}

/// Returns the field element of a number below 4r. `unscale` is [`Parameters::unscale`].
fn to_fr(limbs: Limbs, unscale: &Fr) -> Fr {
    let [a, b, c, d, e] = limbs.map(|limb| limb & LIMB_MASK);
    let mut value = montgomery::fr_from_montgomery([
        a | b << 52,
        b >> 12 | c << 40,
        c >> 24 | d << 28,
        d >> 36 | e << 16,
    ]);
    value.mul_assign(unscale);
    value
}

/// Converts limbs of 64 bits to limbs of 52 bits.
const fn split(limbs: [u64; 4]) -> Limbs {
    let [a, b, c, d] = limbs;
    [
        a & LIMB_MASK,
        (a >> 52 | b << 12) & LIMB_MASK,
        (b >> 40 | c << 24) & LIMB_MASK,
        (c >> 28 | d << 36) & LIMB_MASK,
        d >> 16,
    ]
}

const fn friendly() -> Limbs {
    let (mut limbs, mut carry, mut i) = ([0; LIMBS], 1u128, 0);
    while i < LIMBS {
        carry += NEGATIVE_INVERSE as u128 * MODULUS[i] as u128;
        // The lowest limb of the product plus one is zero and is dropped.
        if i > 0 {
            limbs[i - 1] = carry as u64 & LIMB_MASK;
        }
        carry >>= LIMB_BITS;
        i += 1;
    }
    limbs[LIMBS - 1] = carry as u64;
    limbs
}
