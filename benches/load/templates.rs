//! Proofs to publish.

use zksync_witness_server::testing::internals::crypto::{Fr, fr};
use zksync_witness_server::testing::internals::domain::{
    AggregatedProof, SingleProof, SingleProofParts, sample_aggregated_proof, sample_single_proof,
};

/// Sample proofs whose inputs are replaced. Making a sample proof takes longer than everything that
/// the server does with it.
pub struct Templates {
    single: SingleProofParts,
    aggregated: AggregatedProof,
}

impl Templates {
    /// Creates a sample proof of each kind.
    ///
    /// # Errors
    /// Fails if a sample proof cannot be parsed.
    pub fn new() -> anyhow::Result<Self> {
        let input = fr::from_u64(0);
        let single = sample_single_proof(&input, 1).parse()?;
        Ok(Self { single, aggregated: sample_aggregated_proof(&[], 1) })
    }

    /// Returns a proof of a block; `serial` makes it unique.
    pub fn single(&self, input: Fr, serial: u64) -> SingleProof {
        let parts = SingleProofParts {
            inputs: vec![input],
            quotient_polynomial_at_z: fr::from_u64(serial),
            ..self.single.clone()
        };
        SingleProof::from(&parts)
    }

    /// Returns a proof of a range of blocks; `serial` makes it unique.
    pub fn aggregated(&self, inputs: Vec<Fr>, serial: u64) -> AggregatedProof {
        let mut proof = self.aggregated.clone();
        proof.individual_vk_idxs = vec![0; inputs.len()];
        proof.individual_vk_inputs = inputs;
        if let Some(limb) = proof.aggr_limbs.first_mut() {
            *limb = fr::from_u64(serial);
        }
        proof
    }
}
