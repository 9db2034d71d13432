//! Proofs made in advance, for provers that only pretend (spec 02 §10).

use super::{AggregatedProof, SingleProof};
use serde::{Deserialize, Serialize};

/// Proofs to hand in without proving anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrecomputedSampleProofs {
    /// Proofs of blocks, each with its block's size in chunks.
    pub single_proofs: Vec<(SingleProof, usize)>,
    /// An aggregated proof.
    pub aggregated_proof: AggregatedProof,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::domain::tests::round_trip;

    #[test]
    fn json_is_as_specified() {
        let zero = "00".repeat(32);
        let proofs = round_trip::<PrecomputedSampleProofs>(&format!(
            r#"{{"single_proofs":[["AQ==",26],["AAEC",78]],"aggregated_proof":{{"proof":"AAEC","individual_vk_inputs":["{zero}"],"individual_vk_idxs":[1],"aggr_limbs":["{zero}"]}}}}"#
        ));
        assert_eq!(proofs.single_proofs[0], (SingleProof(vec![1]), 26));
        assert_eq!(proofs.aggregated_proof.proof, [0, 1, 2]);
    }
}
