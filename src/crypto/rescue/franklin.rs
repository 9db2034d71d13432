//! The permutation as franklin-crypto computes it.

use super::parameters::{PARAMETERS, State};
use franklin_crypto::{bellman::pairing::bn256::Bn256, rescue::rescue_mimc};

/// Applies the permutation to one state.
pub(super) fn permute(state: &mut State) {
    let permuted = rescue_mimc::<Bn256>(&PARAMETERS, state);
    state.copy_from_slice(&permuted);
}
