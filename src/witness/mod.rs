//! From a sealed block to its witness: plan, hash, assemble (docs/protocol/04-witness.md).
//!
//! 1. [`plan`](mod@plan) executes the operations of a block on plain account state. It determines
//!    every leaf update and, chunk by chunk, which *branch* of the account tree each side shows and
//!    in which version. It computes no hash.
//! 2. The [`tree`](crate::tree) computes all versions at once.
//! 3. [`assemble`] looks up the planned paths and roots; [`json`] writes the [`ProverData`] from
//!    them.
//!
//! The computed root and commitment are compared with those of the block. A difference, like every
//! other mismatch, is a [`WitnessError`] with the block, the operation and the cause.
//!
//! | module | content |
//! | --- | --- |
//! | [`state`] | the accounts before a block, as a plan reads them |
//! | [`plan`](mod@plan) | the plan of a block; one file per operation |
//! | [`signatures`] | signature checks, and signatures as the witness shows them |
//! | [`assemble`] | the witness from a plan and a versioned tree |
//! | [`prover_data`] | the types of its JSON |
//! | [`json`] | its bytes, written chunk by chunk |
//! | [`error`] | errors of blocks without a witness |

pub(crate) mod assemble;
pub(crate) mod error;
pub(crate) mod json;
pub mod plan;
pub(crate) mod prover_data;
pub(crate) mod signatures;
pub(crate) mod state;
#[cfg(test)]
mod tests;

pub(crate) use assemble::Hashed;
pub(crate) use assemble::{Detail, hash_mixed_run};
pub use assemble::{hash, hash_run};
pub use error::{Cause, WitnessError};
pub use plan::{Plan, Planner, plan};
pub use prover_data::ProverData;
pub(crate) use signatures::{CheckedSignatures, SignatureCheck, check_signatures_of, known_outcomes};
pub use signatures::{check_signatures, checked_forms};
pub(crate) use state::{State, StateError};
