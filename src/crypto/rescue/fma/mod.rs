//! The permutation with AVX2 and FMA (x86-64-v3: Intel since Haswell, AMD since Zen): four or eight
//! states side by side, in floating point.
//!
//! | module | contents |
//! | --- | --- |
//! | `product` | numbers, their limbs, multiplication, and the bounds that make it exact |
//! | `vector` | the instructions |
//! | `bounds` | a test that computes the bounds |
//!
//! One and two states gain nothing from vectors; the caller runs them by the portable engine.

#[cfg(test)]
mod bounds;
mod product;
mod vector;

use super::{
    chain,
    parameters::{self, LAYERS, State},
};
use crate::{Fr, fr, montgomery};
use franklin_crypto::bellman::pairing::ff::{Field, PrimeField};
use franklin_crypto::rescue::RescueHashParams;
use product::{CELLS, Cells, LIMBS, MODULUS, Number, balanced, multiply, reduce, square};
use std::{array, sync::LazyLock};
use vector::Vector;

type Limbs = [f64; LIMBS];

/// Proof that this processor has the instructions.
#[derive(Clone, Copy)]
pub(super) struct Fma(());

impl Fma {
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    /// Applies the permutation to states from the front, and returns how many: all but one or two,
    /// for which the portable engine is faster.
    pub(super) fn permute_batch(self, states: &mut [State]) -> usize {
        let mut done = 0;
        loop {
            let rest = &mut states[done..];
            let n = match rest.len() {
                0..=2 => return done,
                // A fifth state costs less alone than three empty lanes.
                n @ 3..=5 => n.min(4),
                n => n.min(8),
            };
            let batch = &mut rest[..n];
            // SAFETY: `self` exists, so the processor has AVX2 and FMA.
            unsafe {
                match n {
                    ..=4 => permute::<1>(batch),
                    _ => permute::<2>(batch),
                }
            }
            done += n;
        }
    }
}

struct Parameters {
    matrix: [[Limbs; CELLS]; CELLS],
    /// Added before the first layer and after each layer.
    constants: [[Limbs; CELLS]; LAYERS + 1],
    /// Factor from the Montgomery form of [`Fr`] to that of this engine.
    enter: Limbs,
    /// Factor back.
    leave: Limbs,
}

static PARAMETERS: LazyLock<Parameters> = LazyLock::new(|| {
    let half = fr::from_u64(2).inverse().unwrap_or_default();
    let limbs = |value: &Fr| {
        let mut halved = *value;
        halved.mul_assign(&half);
        centered(&halved)
    };
    let cells = |row: &[Fr]| array::from_fn(|i| limbs(&row[i]));
    Parameters {
        matrix: array::from_fn(|i| cells(parameters::PARAMETERS.mds_matrix_row(i as u32))),
        constants: array::from_fn(|i| cells(parameters::PARAMETERS.round_constants(i as u32))),
        enter: limbs(&half),
        leave: limbs(&fr::from_u64(2)),
    }
});

/// Applies the permutation to up to `4·K` states, one in each lane.
#[target_feature(enable = "avx2,fma")]
fn permute<const K: usize>(states: &mut [State]) {
    let Parameters { matrix, constants, enter, leave } = &*PARAMETERS;
    let mut cells = load::<K>(states);
    reduce(&mut cells);
    multiply_cells(&mut cells, &splat(&[*enter; CELLS]));
    add(&mut cells, &constants[0]);
    let matrix: [Cells<Vector<K>>; CELLS] = array::from_fn(|row| splat(&matrix[row]));
    for (layer, constants) in constants[1..].iter().enumerate() {
        substitute(layer, &mut cells);
        let mut sums = cells;
        for (row, factors) in matrix.iter().enumerate() {
            let mut products = cells;
            multiply_cells(&mut products, factors);
            for (sum, [a, b, c]) in sums.iter_mut().zip(products) {
                sum[row] = a.plus(b).plus(c);
            }
        }
        cells = sums;
        add(&mut cells, constants);
    }
    multiply_cells(&mut cells, &splat(&[*leave; CELLS]));
    for (lane, state) in states.iter_mut().enumerate() {
        *state = array::from_fn(|cell| to_fr(cells.map(|limb| limb[cell].lane(lane))));
    }
}

/// Applies the S-box of the layer to each cell.
#[target_feature(enable = "avx2,fma")]
fn substitute<const K: usize>(layer: usize, x: &mut Cells<Vector<K>>) {
    chain::substitute(layer, x, |a, b| multiply_cells(a, b), |a, times| square_cells(a, times));
}

#[target_feature(enable = "avx2,fma")]
#[inline(never)]
fn multiply_cells<const K: usize>(a: &mut Cells<Vector<K>>, b: &Cells<Vector<K>>) {
    multiply(a, b);
}

/// Squares each cell `times` times.
#[target_feature(enable = "avx2,fma")]
#[inline(never)]
fn square_cells<const K: usize>(a: &mut Cells<Vector<K>>, times: u32) {
    for _ in 0..times {
        square(a);
    }
}

/// Adds a constant to each cell and reduces the sums.
#[target_feature(enable = "avx2,fma")]
fn add<const K: usize>(cells: &mut Cells<Vector<K>>, constants: &[Limbs; CELLS]) {
    for (limbs, summands) in cells.iter_mut().zip(splat(constants)) {
        for (limb, summand) in limbs.iter_mut().zip(summands) {
            *limb = limb.plus(summand);
        }
    }
    reduce(cells);
}

/// Returns cells that are the same in every lane.
#[inline(always)]
fn splat<const K: usize>(cells: &[Limbs; CELLS]) -> Cells<Vector<K>> {
    array::from_fn(|limb| array::from_fn(|cell| Vector::constant(cells[cell][limb])))
}

/// Returns the cells in the Montgomery form of [`Fr`]; missing states are zero.
fn load<const K: usize>(states: &[State]) -> Cells<Vector<K>> {
    let limbs: [[Limbs; CELLS]; 8] = array::from_fn(|s| match states.get(s) {
        Some(state) => array::from_fn(|cell| balanced(raw(&state[cell]))),
        None => [[0.0; LIMBS]; CELLS],
    });
    array::from_fn(|limb| array::from_fn(|cell| Vector::from_lanes(|lane| limbs[lane][cell][limb])))
}

/// Returns `value·2^256` modulo r.
fn raw(value: &Fr) -> [u64; 4] {
    let mut limbs = [0; 4];
    limbs.copy_from_slice(value.into_raw_repr().as_ref());
    limbs
}

/// Returns the limbs of the number within ±r/2 that is `value·2^256` modulo r.
fn centered(value: &Fr) -> Limbs {
    let mut negated = *value;
    negated.negate();
    if negated.into_raw_repr() < value.into_raw_repr() {
        balanced(raw(&negated)).map(|limb| -limb)
    } else {
        balanced(raw(value))
    }
}

/// Returns the field element of a number within ±0.7·r in the Montgomery form of [`Fr`].
fn to_fr(limbs: Limbs) -> Fr {
    let mut carry = 0;
    let [a, b, c, d, e]: [u64; LIMBS] = array::from_fn(|i| {
        // Adding r makes the number positive.
        let limb = (limbs[i] + MODULUS[i]) as i64 + carry;
        carry = limb >> 51;
        (limb & ((1 << 51) - 1)) as u64
    });
    montgomery::fr_from_montgomery([a | b << 51, b >> 13 | c << 38, c >> 26 | d << 25, d >> 39 | e << 12])
}
