//! The Rescue hash of franklin-crypto, one after the other.

use std::sync::LazyLock;

use franklin_crypto::bellman::pairing::bn256::Bn256;
use franklin_crypto::rescue::{bn256::Bn256RescueParams, rescue_hash};

use crate::Fr;

static PARAMETERS: LazyLock<Bn256RescueParams> = LazyLock::new(Bn256RescueParams::new_checked_2_into_1);

/// Hashes any number of elements to one.
///
/// Not generic, so that it is compiled with the optimisations of this package.
pub fn hash(elements: &[Fr]) -> Fr {
    rescue_hash::<Bn256>(&PARAMETERS, elements)[0]
}
