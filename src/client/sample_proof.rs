//! A prove function whose proofs are **not cryptographic**: they have the right form and the right
//! public input, and no verifier accepts them. They serve demos and tests of everything around the
//! proving.

use super::prover_protocol::{ProverJob, Work};
use crate::domain::{JobResultData, sample_aggregated_proof, sample_single_proof};

/// Returns a proof of the right form with the right public input. **Not cryptographic**.
///
/// # Errors
/// Fails if the job lacks the data that a prover needs.
pub fn sample_proof(job: &ProverJob) -> anyhow::Result<JobResultData> {
    let seed = u64::from(job.first) << 32 | u64::from(job.last);
    let inputs = job.public_inputs()?;
    Ok(match &job.work {
        Work::Block(..) => JobResultData::BlockProof(sample_single_proof(&inputs[0], seed)),
        Work::Aggregate(_) => JobResultData::AggregatedBlockProof(sample_aggregated_proof(&inputs, seed)),
    })
}
