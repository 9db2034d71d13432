//! What a published proof must satisfy before it is stored (spec 06 §7, no. 7 and 14).

use thiserror::Error;

use crate::crypto::Fr;
use crate::domain::job::JobType;
use crate::domain::{
    AggregatedProof, H256, JobResultData, ProofError, ProverOutputRequest, SingleProof, public_input,
};
use crate::store::{NewProof, PublishError, RejectedProof, Store, StoreError};

/// Why a published proof was not stored.
#[derive(Debug, Error)]
pub enum PublishRefused {
    /// The queue does not take it: unknown job, other range or type, duplicate; or the store failed.
    #[error(transparent)]
    Queue(#[from] PublishError),
    /// The proof is malformed.
    #[error("the proof is malformed: {0}")]
    Malformed(#[from] ProofError),
    /// The proof is of something else.
    #[error("the proof's public input is not the commitment of {what}: expected {expected}, found {found}")]
    PublicInput {
        /// The block, or the block within the range.
        what: String,
        /// The right input, 64 hex digits.
        expected: String,
        /// The input in the proof.
        found: String,
    },
    /// A block of the range is gone.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PublishRefused {
    /// Whether the proof itself is at fault, so that it is worth keeping for inspection.
    pub fn is_bad_proof(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::PublicInput { .. })
    }
}

/// Checks a published proof and stores it; durable on return.
///
/// # Errors
/// See [`PublishRefused`]. A bad proof is kept for inspection, within the store's bound.
pub fn publish(store: &Store, request: &ProverOutputRequest) -> Result<(), PublishRefused> {
    let job_id = u32::try_from(request.job_id).unwrap_or(0);
    let (first, last) = (request.first_block.0, request.last_block.0);
    let job_type = match &request.data {
        JobResultData::BlockProof(_) => JobType::Single,
        JobResultData::AggregatedBlockProof(_) => JobType::Aggregated,
    };
    // Cheap questions first: a proof that cannot be stored is not worth parsing.
    store.check_publish(job_type, job_id, first, last)?;
    let checked = match &request.data {
        JobResultData::BlockProof(proof) => check_single(store, first, proof),
        JobResultData::AggregatedBlockProof(proof) => check_aggregated(store, first, last, proof),
    };
    let json = match &request.data {
        JobResultData::BlockProof(proof) => serde_json::to_vec(proof),
        JobResultData::AggregatedBlockProof(proof) => serde_json::to_vec(proof),
    }
    .unwrap_or_default();
    if let Err(refused) = checked {
        if refused.is_bad_proof() {
            let prover = store.job(job_id)?.and_then(|job| job.holder);
            let (reason, at_ms) = (refused.to_string(), store.now_ms());
            store.reject(RejectedProof { job_id, prover, reason, at_ms, body: json })?;
        }
        return Err(refused);
    }
    let proof = NewProof { job_id, first, last, json: &json };
    match job_type {
        JobType::Single => store.publish_single(proof)?,
        JobType::Aggregated => store.publish_aggregated(proof)?,
    }
    Ok(())
}

fn expected_input(store: &Store, block: u32) -> Result<Fr, PublishRefused> {
    let record = store.block(block)?;
    let record = record.ok_or_else(|| StoreError::NotFound { what: format!("block {block}") })?;
    Ok(public_input(&H256(record.commitment)))
}

fn compare(what: String, expected: &Fr, found: Option<&Fr>) -> Result<(), PublishRefused> {
    if found == Some(expected) {
        return Ok(());
    }
    let hex = crate::crypto::fr::to_hex;
    let found = found.map_or_else(|| "none".to_string(), hex);
    Err(PublishRefused::PublicInput { what, expected: hex(expected), found })
}

/// Checks the form of a single proof, and that it is about the stored block.
pub(super) fn check_single(store: &Store, block: u32, proof: &SingleProof) -> Result<(), PublishRefused> {
    let inputs = proof.validate()?.inputs;
    let what = format!("block {block}");
    let expected = expected_input(store, block)?;
    compare(what.clone(), &expected, inputs.first())?;
    // The circuit has one public input.
    if inputs.len() > 1 { compare(what, &expected, None) } else { Ok(()) }
}

/// Checks the form of an aggregated proof, and that it is about the stored blocks.
pub(super) fn check_aggregated(
    store: &Store,
    first: u32,
    last: u32,
    proof: &AggregatedProof,
) -> Result<(), PublishRefused> {
    proof.validate()?;
    // Behind the range's inputs may come those of the proofs it was padded with.
    for (index, block) in (first..=last).enumerate() {
        let expected = expected_input(store, block)?;
        compare(format!("block {block}"), &expected, proof.individual_vk_inputs.get(index))?;
    }
    Ok(())
}
