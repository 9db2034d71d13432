//! The permutation as franklin-crypto computes it, and its parameters for the other engines.

use super::State;
use franklin_crypto::{
    bellman::pairing::bn256::Bn256,
    rescue::{bn256::Bn256RescueParams, rescue_mimc},
};
use std::sync::LazyLock;

/// Round constants and MDS matrix of the protocol.
pub(super) static PARAMETERS: LazyLock<Bn256RescueParams> =
    LazyLock::new(Bn256RescueParams::new_checked_2_into_1);

/// Applies the permutation to one state.
pub(super) fn permute(state: &mut State) {
    let permuted = rescue_mimc::<Bn256>(&PARAMETERS, state);
    state.copy_from_slice(&permuted);
}
