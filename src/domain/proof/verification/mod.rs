//! Whether a proof is true: verification against verification keys.
//!
//! | | block proof | aggregated proof |
//! | --- | --- | --- |
//! | key | [`BlockKey`], one per block size: `verification_block_26.key` for 26 chunks | [`AggregationKey`], one per number of proofs: `recursive_4.key` for four |
//! | verifier | bellman's for PLONK of width 4 with access to the next row | bellman's for the same with custom gates: the main gate and the two-bit range check |
//! | transcript | Rescue, rate 2, coordinates in halves | Keccak, two states of 256 bits |
//! | public input | the block's commitment; whether it is that of the right block is for the caller to compare | computed here: SHA-256 of the tree of block keys, the key of each block proof, their inputs and the aggregated points |
//! | besides | nothing | the aggregated points pair to one, as the contract has it |
//!
//! Keys and proofs are those that the reference's key generator and provers write; everything they need is in published crates,
//! except the transcript of block proofs, which is here.
//!
//! An aggregated proof is checked to the same extent as by the verifier contract: block proofs are not part of it, the
//! aggregation circuit vouches for them. Not checked: that a key belongs to the circuit it is named for, and that its setup was
//! an honest one. Both are the choice of whoever puts the file there. Proofs of an exit are no business of a witness server.
//!
//! Everything that comes out of bellman is behind a guard, so that an assertion in there refuses one proof and no more.

mod aggregation;
mod block;
mod keys;
mod transcript;

use std::panic::{AssertUnwindSafe, catch_unwind};

use franklin_crypto::bellman::SynthesisError;

pub use aggregation::{AggregationKey, KeyTree};
pub use block::BlockKey;
pub use keys::KeyError;

use super::ProofError;

#[cfg(any(test, feature = "testing"))]
pub use transcript::RescueTranscript;

/// Why a proof is not true, or at least not shown to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotVerified {
    /// The bytes are no proof of the circuit.
    #[error(transparent)]
    Malformed(#[from] ProofError),
    /// The equations do not hold.
    #[error("it does not satisfy the verification key")]
    False,
    /// The verifier panicked.
    #[error("the verifier could not follow it")]
    Panicked,
    /// A block proof of an aggregate names a key that is not there.
    #[error("individual_vk_idxs names the verification key {index}, and there are {keys}")]
    UnknownKey {
        /// What it names.
        index: usize,
        /// Number of keys of block circuits.
        keys: usize,
    },
    /// The aggregate is not the one of these block proofs.
    #[error("its public input is not the hash of the keys, the inputs and the aggr_limbs beside it")]
    OtherInput,
    /// The limbs are no points.
    #[error("aggr_limbs are no two finite points of the curve in limbs of 68 bits")]
    BadLimbs,
    /// A block proof of the aggregate is not true.
    #[error("the aggregated points of the block proofs do not pair to one")]
    FalseBlockProof,
}

/// The outcome of a verifier of bellman.
fn holds(verifier: impl FnOnce() -> Result<bool, SynthesisError>) -> Result<(), NotVerified> {
    // What passes the parser is not known to make it panic, but it is full of assertions.
    match catch_unwind(AssertUnwindSafe(verifier)) {
        Ok(Ok(true)) => Ok(()),
        // It returns an error where a challenge hits a root of the domain, among others: no proof either.
        Ok(Ok(false) | Err(_)) => Err(NotVerified::False),
        Err(_) => Err(NotVerified::Panicked),
    }
}

#[cfg(test)]
mod tests;
