//! From a sealed block to its witness: plan, hash, assemble (spec 04).
//!
//! 1. [`mod@plan`](mod@plan) walks the block's operations over plain account state. It decides every leaf update and, chunk by chunk, which
//!    *branch* of the account tree each side shows and in which version. No hashing.
//! 2. The [`tree`](crate::tree) computes all versions at once.
//! 3. [`assemble`] looks up the planned paths and roots and gives the [`ProverData`]; [`json`] writes it at once.
//!
//! The root and the commitment that come out are compared with those the block claims; a difference, like anything else
//! that does not fit, is a [`WitnessError`] that names the block, the operation and the cause.
//!
//! | module | noun |
//! | --- | --- |
//! | [`mod@plan`](mod@plan) | the plan of a block; one file per operation |
//! | [`signatures`] | which bytes of a transaction were signed, and how the witness shows them |
//! | [`assemble`] | the witness, from a plan and a versioned tree |
//! | [`prover_data`] | the form of its JSON |
//! | [`json`] | its bytes, written chunk by chunk |
//! | [`error`] | why a block has no witness |

pub mod assemble;
pub mod error;
pub mod json;
pub mod plan;
pub mod prover_data;
pub mod signatures;

pub use assemble::{BlockWitness, Hashed, hash, hash_run};
pub use error::{Cause, WitnessError};
pub use plan::{Plan, Planner, State, StateError, plan};
pub use prover_data::ProverData;
pub use signatures::{SignatureCheck, check_signatures, checked_forms};

#[cfg(test)]
mod tests;
