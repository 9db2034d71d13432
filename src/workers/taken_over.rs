//! Proofs that another server published: they pass the same checks as those of provers here, and
//! their blocks need no job.

use super::proofs::{self, PublishRefused};
use super::verification_keys::CircuitId;
use super::verifier::Verifier;
use crate::domain::job::JobType;
use crate::domain::{AggregatedProof, SingleProof};
use crate::store::{ImportedProof, PublishError, Store, StoreError};

/// The outcome of taking over a proof of another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TakenOver {
    /// It is stored.
    Stored,
    /// A proof of these blocks was stored before.
    Present,
    /// It is not a proof of these blocks, for this reason.
    Invalid(String),
}

/// Checks and stores a proof of the blocks `first` to `last`; not synced. A job of these blocks is
/// done.
pub(super) fn take_over(
    store: &Store,
    verifier: Option<&Verifier>,
    job_type: JobType,
    (first, last): (u32, u32),
    json: &[u8],
    now_ms: u64,
) -> Result<TakenOver, StoreError> {
    let checked = match job_type {
        JobType::Single => single(store, verifier, first, json),
        JobType::Aggregated => aggregated(store, verifier, first, last, json),
    };
    let stored_at_ms = now_ms;
    let stored = checked.and_then(|json| {
        let proof = ImportedProof { first, last, prover: None, stored_at_ms, json };
        Ok(store.queue().import_proof(job_type, &proof)?)
    });
    match stored {
        Ok(()) => Ok(TakenOver::Stored),
        Err(PublishRefused::Queue(PublishError::Duplicate { .. })) => Ok(TakenOver::Present),
        Err(PublishRefused::Store(error) | PublishRefused::Queue(PublishError::Store(error))) => Err(error),
        Err(refused) => Ok(TakenOver::Invalid(refused.to_string())),
    }
}

/// Returns the canonical form of a valid proof of a block.
fn single(
    store: &Store,
    verifier: Option<&Verifier>,
    block: u32,
    json: &[u8],
) -> Result<Vec<u8>, PublishRefused> {
    let proof: SingleProof = parse(json)?;
    let circuit = proofs::check_single(store, block, &proof)?;
    if let (Some(verifier), CircuitId::Block { chunks }) = (verifier, circuit) {
        verifier.verify_block(chunks, &proof)?;
    }
    Ok(serde_json::to_vec(&proof).unwrap_or_default())
}

/// Returns the canonical form of a valid proof of a range of blocks.
fn aggregated(
    store: &Store,
    verifier: Option<&Verifier>,
    first: u32,
    last: u32,
    json: &[u8],
) -> Result<Vec<u8>, PublishRefused> {
    let proof: AggregatedProof = parse(json)?;
    proofs::check_aggregated(store, first, last, &proof)?;
    if let Some(verifier) = verifier {
        proof.check_key_indices()?;
        verifier.verify_aggregate(&proof)?;
    }
    Ok(serde_json::to_vec(&proof).unwrap_or_default())
}

fn parse<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, PublishRefused> {
    serde_json::from_slice(json).map_err(|error| PublishRefused::NotJson(error.to_string()))
}
