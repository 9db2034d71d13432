//! The Rescue hash over [`Fr`](super::Fr) with state width 3 and rate 2
//! (docs/protocol/01-primitives.md §3).
//!
//! Nearly all the time of building a witness is spent here, so callers with several independent
//! hashes to compute should pass them together: `compress_batch`, `hash_batch`, `permute_batch`.
//! Everything runs on the current thread; the caller spreads batches over cores.
//!
//! | module | contents |
//! | --- | --- |
//! | `engine` | the engine in use: the best one of this processor, unless one is forced |
//! | `parameters` | state and constants of the permutation |
//! | `permutation` | the permutation, by the engine in use |
//! | `sponge` | the hash, alone and in batches |
//! | `franklin`, `portable`, `mulx`, `fma`, `ifma` | the engines |
//! | `chain` | the S-boxes, the inverse one by an addition chain |

#[cfg(not(target_arch = "x86_64"))]
mod absent;
mod chain;
mod engine;
#[cfg(target_arch = "x86_64")]
mod fma;
mod franklin;
#[cfg(target_arch = "x86_64")]
mod ifma;
#[cfg(target_arch = "x86_64")]
mod mulx;
mod parameters;
mod permutation;
mod portable;
mod sponge;
#[cfg(test)]
mod tests;

#[cfg(not(target_arch = "x86_64"))]
use absent::{Fma, Ifma};
#[cfg(target_arch = "x86_64")]
use {fma::Fma, ifma::Ifma};

pub use engine::{Engine, engine, is_available};
pub use engine::{EngineUnavailable, force_engine};
pub use parameters::State;
#[cfg(any(test, feature = "testing"))]
pub use permutation::{PERMUTATIONS, permute_batch_by};
pub use permutation::{permute, permute_batch};
pub use sponge::{
    absorb, compress, compress_batch, hash_batch, hash_bits, hash_elements, initial_state, sponge,
};
