//! The permutation in plain Rust: fixed-size arithmetic, no allocation. The three cells are
//! computed side by side, so that the processor overlaps their independent multiplications.

use super::{
    chain,
    parameters::{self, LAYERS, State},
};
use crate::montgomery::Element;
use franklin_crypto::rescue::RescueHashParams;
use std::sync::LazyLock;

pub(super) type Cells = [Element; 3];

struct Parameters {
    matrix: [Cells; 3],
    /// Added before the first layer and after each layer.
    constants: [Cells; LAYERS + 1],
}

static PARAMETERS: LazyLock<Parameters> = LazyLock::new(|| {
    let cells = |row: &[_]| std::array::from_fn(|i| Element::from_fr(&row[i]));
    Parameters {
        matrix: std::array::from_fn(|i| cells(parameters::PARAMETERS.mds_matrix_row(i as u32))),
        constants: std::array::from_fn(|i| cells(parameters::PARAMETERS.round_constants(i as u32))),
    }
});

/// Applies the permutation to each state, with instructions that every processor has.
pub(super) fn permute_batch(states: &mut [State]) {
    #[inline(never)]
    fn multiply_apart(a: &mut Cells, b: &Cells) {
        multiply(a, b);
    }
    #[inline(never)]
    fn square_apart(cells: &mut Cells, times: u32) {
        square(cells, times);
    }
    for state in states {
        permute(state, multiply_apart, square_apart);
    }
}

/// Applies the permutation to one state.
///
/// Always inlined, as are [`multiply`] and [`square`], so that they are compiled with the
/// instructions of the caller. The caller decides which of them are functions of their own.
#[inline(always)]
pub(super) fn permute(
    state: &mut State,
    multiply: impl Fn(&mut Cells, &Cells),
    square: impl Fn(&mut Cells, u32),
) {
    let Parameters { matrix, constants } = &*PARAMETERS;
    let mut cells: Cells = std::array::from_fn(|i| Element::from_fr(&state[i]).add(&constants[0][i]));
    for (layer, constants) in constants[1..].iter().enumerate() {
        chain::substitute(layer, &mut cells, &multiply, &square);
        let row = |i: usize| Element::linear(&cells, &matrix[i], &constants[i]);
        cells = [row(0), row(1), row(2)];
    }
    *state = cells.map(Element::to_fr);
}

/// Multiplies each cell of `a` by that of `b`.
#[inline(always)]
pub(super) fn multiply(a: &mut Cells, b: &Cells) {
    *a = [a[0].mul(&b[0]), a[1].mul(&b[1]), a[2].mul(&b[2])];
}

/// Squares each cell `times` times.
#[inline(always)]
pub(super) fn square(cells: &mut Cells, times: u32) {
    let [mut a, mut b, mut c] = *cells;
    for _ in 0..times {
        (a, b, c) = (a.square(), b.square(), c.square());
    }
    *cells = [a, b, c];
}
