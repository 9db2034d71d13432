//! A prove function whose proofs are **not cryptographic**: they have the right form and the right
//! public input, and no verifier accepts them. They serve demos and tests of everything around the
//! proving.

use anyhow::Context;
use serde::Deserialize;

use super::prover_protocol::{Job, Work};
use crate::{
    crypto::{Fr, fr},
    domain::{JobResultData, sample_aggregated_proof, sample_single_proof},
};

/// Returns a proof of the right form with the right public input. **Not cryptographic**.
///
/// # Errors
/// Fails if the job lacks the data that a prover needs.
pub fn sample_proof(job: &Job) -> anyhow::Result<JobResultData> {
    #[derive(Deserialize)]
    struct PublicPart {
        #[serde(with = "fr::serde_fr")]
        public_data_commitment: Fr,
    }
    let seed = u64::from(job.first) << 32 | u64::from(job.last);
    match &job.work {
        Work::Block(witness, _) => {
            let public: PublicPart = serde_json::from_str(witness.get()).context("the witness")?;
            Ok(JobResultData::BlockProof(sample_single_proof(&public.public_data_commitment, seed)))
        }
        Work::Aggregate(proofs) => {
            let inputs: Result<Vec<Fr>, _> = proofs
                .iter()
                .map(|(proof, _)| {
                    let inputs = proof.public_inputs()?;
                    inputs.first().copied().context("a proof has no public input")
                })
                .collect();
            Ok(JobResultData::AggregatedBlockProof(sample_aggregated_proof(&inputs?, seed)))
        }
    }
}
