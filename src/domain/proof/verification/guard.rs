//! The outcome of a verification, and the guard around bellman's verifiers.

use crate::domain::proof::codec::ProofError;
use franklin_crypto::bellman::SynthesisError;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The reason why a proof is not verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotVerified {
    /// The bytes are not a proof of the circuit.
    #[error(transparent)]
    Malformed(#[from] ProofError),
    /// The equations do not hold.
    #[error("it does not satisfy the verification key")]
    False,
    /// The verifier panicked.
    #[error("the verifier panicked")]
    Panicked,
    /// A block proof of the aggregate names a key that does not exist.
    #[error("individual_vk_idxs names the verification key {index}, but only {keys} exist")]
    UnknownKey {
        /// The named index.
        index: usize,
        /// Number of keys of block circuits.
        keys: usize,
    },
    /// The aggregate belongs to other block proofs.
    #[error("its public input is not the hash of the keys, the inputs and the aggr_limbs that accompany it")]
    OtherInput,
    /// The limbs are not points.
    #[error("aggr_limbs are not two finite points of the curve in limbs of 68 bits")]
    BadLimbs,
    /// A block proof of the aggregate is false.
    #[error("the pairing of the aggregated points of the block proofs is not one")]
    FalseBlockProof,
}

/// Runs a verifier of bellman and translates its outcome.
pub(super) fn holds(verifier: impl FnOnce() -> Result<bool, SynthesisError>) -> Result<(), NotVerified> {
    // No input that passes the parser is known to panic, but the verifiers are full of assertions.
    match catch_unwind(AssertUnwindSafe(verifier)) {
        Ok(Ok(true)) => Ok(()),
        // An error means, among others, that a challenge hits a root of the domain: the proof does
        // not hold either.
        Ok(Ok(false) | Err(_)) => Err(NotVerified::False),
        Err(_) => Err(NotVerified::Panicked),
    }
}
