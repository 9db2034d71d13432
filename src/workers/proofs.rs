//! What a published proof must satisfy before it is stored (spec 06 §7, no. 7 and 14).

use std::time::Instant;

use thiserror::Error;

use super::verification_keys::CircuitId;
use super::verifier::Verifier;
use crate::crypto::Fr;
use crate::domain::job::JobType;
use crate::domain::proof::verification::NotVerified;
use crate::domain::{
    AggregatedProof, H256, JobResultData, ProofError, ProverOutputRequest, SingleProof, public_input,
};
use crate::metrics::Metrics;
use crate::store::{BlockRecord, JobRecord, NewProof, PublishError, RejectedProof, Store, StoreError};

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
    /// The proof is not true.
    #[error("the proof does not verify: {0}")]
    NotVerified(#[from] NotVerified),
    /// A block of the range is gone.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PublishRefused {
    /// Whether the proof itself is at fault, so that it is worth keeping for inspection.
    pub fn is_bad_proof(&self) -> bool {
        self.fault().is_some()
    }

    /// What is wrong with the proof itself, in a word of the metrics.
    fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Malformed(_) => Some("malformed"),
            Self::PublicInput { .. } => Some("public_input"),
            Self::NotVerified(_) => Some("not_verified"),
            Self::Queue(_) | Self::Store(_) => None,
        }
    }

    /// What publishing it came to, in a word of the metrics.
    pub fn outcome(&self) -> &'static str {
        match self {
            _ if self.is_bad_proof() => "rejected",
            Self::Queue(PublishError::Duplicate { .. }) => "duplicate",
            Self::Queue(PublishError::Store(_)) | Self::Store(_) => "failed",
            _ => "refused",
        }
    }
}

/// A published proof of the right form about the right blocks, on its way into the store.
#[derive(Debug)]
pub struct CheckedProof {
    proof: JobResultData,
    job_id: u32,
    first: u32,
    last: u32,
    json: Vec<u8>,
    /// The circuit whose key it is to be verified against.
    circuit: Option<CircuitId>,
}

impl CheckedProof {
    /// Checks what is cheap to check: the job, the form, the public inputs. `verifier` says what is left to [`Self::verify`].
    ///
    /// # Errors
    /// See [`PublishRefused`]. A bad proof is kept for inspection, within the store's bound.
    pub fn new(
        store: &Store,
        metrics: &Metrics,
        verifier: Option<&Verifier>,
        request: ProverOutputRequest,
    ) -> Result<Self, PublishRefused> {
        let ProverOutputRequest { job_id, first_block, last_block, data: proof } = request;
        let job_id = u32::try_from(job_id).unwrap_or(0);
        let (first, last) = (first_block.0, last_block.0);
        // Cheap questions first: a proof that cannot be stored is not worth parsing.
        store.queue().check_publish(job_type(&proof), job_id, first, last)?;
        let json = match &proof {
            JobResultData::BlockProof(proof) => serde_json::to_vec(proof),
            JobResultData::AggregatedBlockProof(proof) => serde_json::to_vec(proof),
        }
        .unwrap_or_default();
        let mut checked = Self { proof, job_id, first, last, json, circuit: None };
        let circuit = match &checked.proof {
            JobResultData::BlockProof(proof) => check_single(store, first, proof),
            JobResultData::AggregatedBlockProof(proof) => {
                let indices = verifier.map_or(Ok(()), |_| proof.check_key_indices());
                let indices = indices.map_err(PublishRefused::from);
                indices.and_then(|()| check_aggregated(store, first, last, proof))
            }
        };
        let circuit = circuit.or_else(|refused| checked.refuse(store, metrics, refused))?;
        checked.circuit = verifier.and_then(|verifier| Some(circuit).filter(|id| verifier.has_key(*id)));
        Ok(checked)
    }

    /// Whether there is a key that it has to be verified against.
    pub fn is_to_be_verified(&self) -> bool {
        self.circuit.is_some()
    }

    /// Verifies it, if it is to be verified: some milliseconds of computing, without any lock.
    ///
    /// # Errors
    /// [`PublishRefused::NotVerified`]; the proof is kept for inspection, and its job stays as it is.
    pub fn verify(
        &self,
        store: &Store,
        metrics: &Metrics,
        verifier: &Verifier,
    ) -> Result<(), PublishRefused> {
        let start = Instant::now();
        let verified = match (self.circuit, &self.proof) {
            (Some(CircuitId::Block { chunks }), JobResultData::BlockProof(proof)) => {
                verifier.verify_block(chunks, proof)
            }
            (Some(_), JobResultData::AggregatedBlockProof(proof)) => verifier.verify_aggregate(proof),
            _ => return Ok(()),
        };
        let kind = match self.proof {
            JobResultData::BlockProof(_) => "block",
            JobResultData::AggregatedBlockProof(_) => "aggregate",
        };
        metrics.verification_seconds.observe(kind, start.elapsed());
        verified.or_else(|reason| self.refuse(store, metrics, reason.into()))
    }

    /// Stores it; durable on return. Returns the finished job, as [`JobQueue::publish`](crate::store::JobQueue::publish).
    ///
    /// # Errors
    /// [`PublishRefused::Queue`]: what was true of the job at the check may have changed.
    pub fn store(&self, store: &Store, metrics: &Metrics) -> Result<JobRecord, PublishRefused> {
        let proof = NewProof { job_id: self.job_id, first: self.first, last: self.last, json: &self.json };
        let job = store.queue().publish(job_type(&self.proof), proof)?;
        if let (JobType::Single, Ok(Some(age))) = (job.job_type, store.chain().age_of_block(self.first)) {
            metrics.process_block.observe("proven", age);
        }
        Ok(job)
    }

    /// Keeps a bad proof for inspection.
    fn refuse<T>(
        &self,
        store: &Store,
        metrics: &Metrics,
        refused: PublishRefused,
    ) -> Result<T, PublishRefused> {
        if let Some(fault) = refused.fault() {
            metrics.rejected_proofs.add(fault, 1);
            let prover = store.queue().job(self.job_id)?.and_then(|job| job.holder);
            store.queue().reject(RejectedProof {
                job_id: self.job_id,
                prover,
                reason: refused.to_string(),
                at_ms: 0,
                body: self.json.clone(),
            })?;
        }
        Err(refused)
    }
}

fn job_type(proof: &JobResultData) -> JobType {
    match proof {
        JobResultData::BlockProof(_) => JobType::Single,
        JobResultData::AggregatedBlockProof(_) => JobType::Aggregated,
    }
}

fn block(store: &Store, number: u32) -> Result<BlockRecord, PublishRefused> {
    let record = store.chain().block(number)?;
    Ok(record.ok_or_else(|| StoreError::NotFound { what: format!("block {number}") })?)
}

fn expected_input(block: &BlockRecord) -> Fr {
    public_input(&H256(block.commitment))
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
pub(super) fn check_single(
    store: &Store,
    number: u32,
    proof: &SingleProof,
) -> Result<CircuitId, PublishRefused> {
    let inputs = proof.validate()?.inputs;
    let block = block(store, number)?;
    compare(format!("block {number}"), &expected_input(&block), inputs.first())?;
    Ok(CircuitId::Block { chunks: block.chunks })
}

/// Checks the form of an aggregated proof, and that it is about the stored blocks.
pub(super) fn check_aggregated(
    store: &Store,
    first: u32,
    last: u32,
    proof: &AggregatedProof,
) -> Result<CircuitId, PublishRefused> {
    proof.validate_without_keys()?;
    // Behind the range's inputs may come those of the proofs it was padded with.
    for (index, number) in (first..=last).enumerate() {
        let expected = expected_input(&block(store, number)?);
        compare(format!("block {number}"), &expected, proof.individual_vk_inputs.get(index))?;
    }
    Ok(CircuitId::of_aggregate(proof))
}
