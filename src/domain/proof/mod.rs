//! Proofs: their JSON, their bytes, their form in contract calls
//! (docs/protocol/02-types-json.md §9, §10).
//!
//! [`verification`] decides whether a proof is true; the other modules only check its structure.

mod aggregated;
mod codec;
mod encoded;
mod json;
mod point;
mod sample;
mod single;
#[cfg(test)]
mod tests;
pub(crate) mod verification;

pub use aggregated::{AggregatedProof, AggregatedProofParts};
pub(crate) use codec::ProofError;
pub use encoded::EncodedAggregatedProof;
pub(crate) use point::G1Point;
pub use sample::{sample_aggregated_proof, sample_single_proof};
pub use single::{SingleProof, SingleProofParts};
