//! The permutation in plain Rust: fixed-size arithmetic, no allocation, the three cells side by side so
//! that the processor overlaps their independent multiplications.

use super::{State, chain, franklin};
use crate::crypto::montgomery::Element;
use franklin_crypto::rescue::RescueHashParams;
use std::sync::LazyLock;

type Cells = [Element; 3];

/// S-box layers of the permutation, inverse and direct ones alternating.
const LAYERS: usize = 44;

struct Parameters {
    matrix: [Cells; 3],
    /// Added before the first layer and after each.
    constants: [Cells; LAYERS + 1],
}

static PARAMETERS: LazyLock<Parameters> = LazyLock::new(|| {
    let cells = |row: &[_]| std::array::from_fn(|i| Element::from_fr(&row[i]));
    Parameters {
        matrix: std::array::from_fn(|i| cells(franklin::PARAMETERS.mds_matrix_row(i as u32))),
        constants: std::array::from_fn(|i| cells(franklin::PARAMETERS.round_constants(i as u32))),
    }
});

/// Applies the permutation to one state.
pub(super) fn permute(state: &mut State) {
    let Parameters { matrix, constants } = &*PARAMETERS;
    let mut cells: Cells = std::array::from_fn(|i| Element::from_fr(&state[i]).add(&constants[0][i]));
    for (layer, constants) in constants[1..].iter().enumerate() {
        cells = if layer.is_multiple_of(2) {
            chain::fifth_root(cells, multiply, square)
        } else {
            multiply(&square(&cells, 2), &cells)
        };
        cells = std::array::from_fn(|i| Element::linear(&cells, &matrix[i], &constants[i]));
    }
    *state = cells.map(Element::to_fr);
}

fn multiply(a: &Cells, b: &Cells) -> Cells {
    [a[0].mul(&b[0]), a[1].mul(&b[1]), a[2].mul(&b[2])]
}

/// Squares each cell so many times.
fn square(cells: &Cells, times: u32) -> Cells {
    let [mut a, mut b, mut c] = *cells;
    for _ in 0..times {
        (a, b, c) = (a.square(), b.square(), c.square());
    }
    [a, b, c]
}
