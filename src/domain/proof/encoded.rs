//! Proofs as arguments of contract calls (spec 02 §9).

use crate::domain::U256;
use serde::{Deserialize, Serialize};

/// An aggregated proof flattened to words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodedAggregatedProof {
    /// Public input.
    pub aggregated_input: U256,
    /// Commitments and openings in the contract's order.
    pub proof: Vec<U256>,
    /// Limbs of the aggregated points.
    pub subproof_limbs: Vec<U256>,
    /// Public inputs of the single proofs.
    pub individual_vk_inputs: Vec<U256>,
    /// Verification keys of the single proofs, by index.
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

/// A single proof flattened to words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodedSingleProof {
    /// Public inputs.
    pub inputs: Vec<U256>,
    /// Commitments and openings in the contract's order.
    pub proof: Vec<U256>,
}

impl Default for EncodedSingleProof {
    fn default() -> Self {
        Self { inputs: vec![U256::default()], proof: vec![U256::default(); 33] }
    }
}
