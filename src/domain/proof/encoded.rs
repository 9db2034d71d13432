//! Aggregated proofs as arguments of contract calls (docs/protocol/02-types-json.md §9).

use super::aggregated::AggregatedProof;
use super::codec::ProofError;
use super::point::G1Point;
use crate::crypto::{Fr, fr};
use crate::domain::u256::U256;
use serde::{Deserialize, Serialize};

/// An aggregated proof as words of 256 bits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodedAggregatedProof {
    /// Public input of the aggregation circuit; zero if the proof has none.
    pub aggregated_input: U256,
    /// Commitments and openings in the order of the contract.
    pub proof: Vec<U256>,
    /// Limbs of the aggregated points.
    pub subproof_limbs: Vec<U256>,
    /// Public inputs of the single proofs.
    pub individual_vk_inputs: Vec<U256>,
    /// Indices of the verification keys of the single proofs.
    pub individual_vk_idxs: Vec<U256>,
}

impl Default for EncodedAggregatedProof {
    fn default() -> Self {
        Self {
            aggregated_input: U256::default(),
            proof: vec![U256::default(); 34],
            subproof_limbs: vec![U256::default(); 16],
            individual_vk_inputs: vec![U256::default()],
            individual_vk_idxs: vec![U256::default()],
        }
    }
}

impl AggregatedProof {
    /// Returns the proof as the arguments of the contract call.
    pub fn encode(&self) -> Result<EncodedAggregatedProof, ProofError> {
        let parts = self.parse()?;
        let dilations: Vec<_> = parts.state_polys_openings_at_dilations.iter().map(|o| o.2).collect();
        let selectors: Vec<_> = parts.gate_selectors_openings_at_z.iter().map(|o| o.1).collect();
        let proof = [
            words_of_points(&parts.state_polys_commitments),
            words_of_points(&[parts.copy_permutation_grand_product_commitment]),
            words_of_points(&parts.quotient_poly_parts_commitments),
            words(&parts.state_polys_openings_at_z),
            words(&dilations),
            words(&selectors),
            words(&parts.copy_permutation_polys_openings_at_z),
            words(&[
                parts.copy_permutation_grand_product_opening_at_z_omega,
                parts.quotient_poly_opening_at_z,
                parts.linearization_poly_opening_at_z,
            ]),
            words_of_points(&[parts.opening_proof_at_z, parts.opening_proof_at_z_omega]),
        ];
        Ok(EncodedAggregatedProof {
            aggregated_input: words(&parts.inputs).first().copied().unwrap_or_default(),
            proof: proof.concat(),
            subproof_limbs: words(&self.aggr_limbs),
            individual_vk_inputs: words(&self.individual_vk_inputs),
            individual_vk_idxs: self.individual_vk_idxs.iter().map(|i| U256::from(*i as u64)).collect(),
        })
    }
}

/// Returns field elements as words.
fn words(elements: &[Fr]) -> Vec<U256> {
    elements.iter().map(|element| U256(fr::to_bytes(element))).collect()
}

/// Returns points as words: x and y of each.
fn words_of_points(points: &[G1Point]) -> Vec<U256> {
    points.iter().flat_map(|point| point.coordinates()).collect()
}
