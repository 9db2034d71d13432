//! The checks of a published proof before it is stored (`docs/protocol/06-server.md` §7, no. 7 and
//! 14).

use std::time::Instant;

use thiserror::Error;
use tracing::{info, warn};

use super::verification_keys::CircuitId;
use super::verifier::Verifier;
use crate::crypto::Fr;
use crate::domain::job::JobType;
use crate::domain::proof::verification::NotVerified;
use crate::domain::{
    AggregatedProof, H256, JobResultData, ProofError, ProverOutputRequest, SingleProof, public_input,
};
use crate::metrics::Metrics;
use crate::store::{
    BlockRecord, JobRecord, NewProof, PublishError, Refusal, RejectedProof, Sender, Store, StoreError,
};

/// The reason why a published proof was not stored.
#[derive(Debug, Error)]
pub enum PublishRefused {
    /// The queue refuses it: the job is unknown or has another range or type, or the proof is a
    /// duplicate; or the store failed.
    #[error(transparent)]
    Queue(#[from] PublishError),
    /// The proof is malformed.
    #[error("the proof is malformed: {0}")]
    Malformed(#[from] ProofError),
    /// A proof from elsewhere is not the JSON of one.
    #[error("it is not the JSON of a proof: {0}")]
    NotJson(String),
    /// The proof has another public input than its blocks.
    #[error("the proof's public input is not the commitment of {what}: expected {expected}, found {found}")]
    PublicInput {
        /// The block, or the block within the range.
        what: String,
        /// The expected input, as 64 hex digits.
        expected: String,
        /// The input of the proof.
        found: String,
    },
    /// The proof does not verify.
    #[error("the proof does not verify: {0}")]
    NotVerified(#[from] NotVerified),
    /// A block of the range is missing, or the store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PublishRefused {
    /// Returns true if the proof itself is invalid, so that it is stored for inspection.
    pub fn is_bad_proof(&self) -> bool {
        self.fault().is_some()
    }

    /// Returns the fault of the proof itself, as a label of the metrics.
    fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Malformed(_) | Self::NotJson(_) => Some("malformed"),
            Self::PublicInput { .. } => Some("public_input"),
            Self::NotVerified(_) => Some("not_verified"),
            Self::Queue(_) | Self::Store(_) => None,
        }
    }

    /// Returns the outcome of the publication, as a label of the metrics.
    pub fn outcome(&self) -> &'static str {
        match self {
            _ if self.is_bad_proof() => "rejected",
            Self::Queue(PublishError::Duplicate { .. }) => "duplicate",
            Self::Queue(PublishError::Store(_)) | Self::Store(_) => "failed",
            _ => "refused",
        }
    }
}

/// A well-formed proof with the public input of its blocks, not stored yet.
#[derive(Debug)]
pub struct CheckedProof {
    proof: JobResultData,
    job_id: u32,
    first: u32,
    last: u32,
    json: Vec<u8>,
    /// The circuit, if its key is known.
    circuit: Option<CircuitId>,
    sender: Sender,
}

impl CheckedProof {
    /// Runs the cheap checks: the job, the form, the public inputs. The store keeps a bounded
    /// number of invalid proofs for inspection.
    pub fn new(
        store: &Store,
        metrics: &Metrics,
        verifier: Option<&Verifier>,
        request: ProverOutputRequest,
        sender: Sender,
    ) -> Result<Self, PublishRefused> {
        let ProverOutputRequest { job_id, first_block, last_block, data: proof } = request;
        let job_id = u32::try_from(job_id).unwrap_or(0);
        let first = first_block.0;
        let last = last_block.0;
        // The cheapest check first: a proof that the queue refuses is not parsed.
        store.queue().check_publish(job_type(&proof), job_id, first, last)?;
        let json = match &proof {
            JobResultData::BlockProof(proof) => serde_json::to_vec(proof),
            JobResultData::AggregatedBlockProof(proof) => serde_json::to_vec(proof),
        }
        .unwrap_or_default();
        let mut checked = Self { proof, job_id, first, last, json, circuit: None, sender };
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

    /// Returns true if the key of the circuit is known, so that [`verify`](Self::verify) must be
    /// called.
    pub fn needs_verification(&self) -> bool {
        self.circuit.is_some()
    }

    /// Verifies the proof, if the key of its circuit is known. Takes milliseconds and no lock. An
    /// invalid proof is stored for inspection, and ends the attempt of its prover.
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

    /// Stores the proof durably and returns the finished job. The queue checks the job again, since
    /// it may have changed.
    pub fn store(&self, store: &Store, metrics: &Metrics) -> Result<JobRecord, PublishRefused> {
        let proof = NewProof { job_id: self.job_id, first: self.first, last: self.last, json: &self.json };
        let job = store.queue().publish_from(job_type(&self.proof), proof, &self.sender)?;
        if let (JobType::Single, Ok(Some(age))) = (job.job_type, store.chain().age_of_block(self.first)) {
            metrics.process_block.observe("proven", age);
        }
        Ok(job)
    }

    /// Stores an invalid proof for inspection, and ends the attempt of its prover.
    fn refuse<T>(
        &self,
        store: &Store,
        metrics: &Metrics,
        refused: PublishRefused,
    ) -> Result<T, PublishRefused> {
        if let Some(fault) = refused.fault() {
            metrics.rejected_proofs.add(fault, 1);
            let refusal = store.queue().refuse(self.job_id, &self.sender, &refused.to_string())?;
            report(&refusal);
            let Refusal { prover, .. } = refusal;
            store.queue().reject(RejectedProof {
                job_id: self.job_id,
                prover,
                reason: refused.to_string(),
                // The store sets the time.
                at_ms: 0,
                bytes: self.json.clone(),
            })?;
        }
        Err(refused)
    }
}

/// Logs the consequences of a refused proof.
fn report(Refusal { prover, ended, failed, suspended_ms }: &Refusal) {
    // The queue reports a job that has failed.
    if *ended && !failed {
        info!(?prover, "the refused proof ended the attempt, the job can be claimed again");
    }
    if *suspended_ms > 0 {
        warn!(?prover, suspended_ms, "the prover gets no job for a while after a refused proof");
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

/// Checks the form of a single proof, and that its public input is that of the stored block.
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

/// Checks the form of an aggregated proof, and that its public inputs are those of the stored
/// blocks.
pub(super) fn check_aggregated(
    store: &Store,
    first: u32,
    last: u32,
    proof: &AggregatedProof,
) -> Result<CircuitId, PublishRefused> {
    proof.validate_without_keys()?;
    // The inputs of padding proofs may follow those of the range.
    for (index, number) in (first..=last).enumerate() {
        let expected = expected_input(&block(store, number)?);
        compare(format!("block {number}"), &expected, proof.individual_vk_inputs.get(index))?;
    }
    Ok(CircuitId::of_aggregate(proof))
}
