//! Verification of proofs against verification keys.
//!
//! | | block proof | aggregated proof |
//! | --- | --- | --- |
//! | key | [`BlockKey`], one per block size | [`AggregationKey`], one per number of proofs |
//! | file | `verification_block_26.key` for 26 chunks | `recursive_4.key` for four proofs |
//! | verifier | bellman's, PLONK of width 4 with the next row | the same with custom gates |
//! | transcript | Rescue, rate 2, coordinates in halves | Keccak, two states of 256 bits |
//! | public input | the block's commitment | SHA-256, see below |
//! | further checks | none | the pairing of the aggregated points equals one, as in the contract |
//!
//! The caller checks that the commitment of a block proof belongs to the right block. The public
//! input of an aggregated proof is checked here: it is the SHA-256 of the tree of block keys, the
//! key of each block proof, their inputs and the aggregated points. Its custom gates are the main
//! gate and the two-bit range check.
//!
//! Keys and proofs have the formats of the reference's key generator and provers. Published crates
//! provide everything they need except for the transcript of block proofs, which is implemented
//! here.
//!
//! An aggregated proof is checked to the same extent as by the verifier contract: it does not
//! contain the block proofs, the aggregation circuit vouches for them. This module does not check
//! that a key belongs to the circuit in its file name, nor that its setup was honest; both are the
//! responsibility of the operator who provides the file. Exit proofs are out of scope.
//!
//! Calls into bellman are guarded: a failed assertion there refuses one proof and has no other
//! effect.

mod aggregation;
mod block;
mod guard;
mod keys;
#[cfg(test)]
mod tests;
mod transcript;

pub(crate) use aggregation::{AggregationKey, KeyTree};
pub(crate) use block::BlockKey;
pub(crate) use guard::NotVerified;
pub(crate) use keys::KeyError;
#[cfg(any(test, feature = "testing"))]
pub(crate) use transcript::RescueTranscript;
