//! Proofs (spec 02 §9, §10).

mod encoded;

pub use encoded::{EncodedAggregatedProof, EncodedSingleProof};
