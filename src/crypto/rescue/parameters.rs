//! The state and the constants of the permutation, which all engines share.

use crate::Fr;
use franklin_crypto::rescue::bn256::Bn256RescueParams;
use std::sync::LazyLock;

/// The state of the sponge: two cells that absorb the input and give the output, then the capacity
/// cell.
pub type State = [Fr; 3];

/// S-box layers of the permutation. Inverse and direct ones alternate; the first is inverse.
pub(super) const LAYERS: usize = 44;

/// Round constants and MDS matrix of the protocol.
pub(super) static PARAMETERS: LazyLock<Bn256RescueParams> =
    LazyLock::new(Bn256RescueParams::new_checked_2_into_1);
