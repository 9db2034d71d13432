//! Proof records: the stored bytes, their keys, and a proof as it enters and leaves the store.

use serde::{Deserialize, Serialize};

use crate::domain::job::JobType;
use crate::store::durable::blob_label::BlobKind;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::kv::keys;
use crate::store::kv::table::Table;

/// A checked proof of a job.
#[derive(Clone, Copy, Debug)]
pub struct NewProof<'a> {
    /// Job id.
    pub job_id: u32,
    /// First proven block.
    pub first: u32,
    /// Last proven block; equal to `first` for a single proof.
    pub last: u32,
    /// The proof as the protocol's JSON.
    pub json: &'a [u8],
}

/// A proof from another folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedProof {
    /// First proven block.
    pub first: u32,
    /// Last proven block; equal to `first` for a single proof.
    pub last: u32,
    /// Name of the prover, if it is known.
    pub prover: Option<String>,
    /// Time of its publication in milliseconds since 1970.
    pub stored_at_ms: u64,
    /// The proof as the protocol's JSON.
    pub json: Vec<u8>,
}

/// A stored proof without its JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofRecord {
    /// First proven block.
    pub first: u32,
    /// Last proven block; equal to `first` for a single proof.
    pub last: u32,
    /// Name of the prover, if it is known.
    pub prover: Option<String>,
    /// Time of its publication in milliseconds since 1970.
    pub stored_at_ms: u64,
    /// The JSON, for [`Store::read_blob`](crate::store::Store::read_blob).
    pub blob: BlobRef,
}

/// Stored; the layout is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProofRow {
    pub first: u32,
    pub last: u32,
    /// The job that it was published for; 0 for an imported proof.
    pub job_id: u32,
    pub prover: Option<String>,
    pub stored_at_ms: u64,
    pub blob: BlobRef,
}

impl ProofRow {
    pub(crate) fn record(self) -> ProofRecord {
        let Self { first, last, prover, stored_at_ms, blob, .. } = self;
        ProofRecord { first, last, prover, stored_at_ms, blob }
    }
}

/// Returns the table of the proofs of a type.
pub(crate) fn table(job_type: JobType) -> Table {
    match job_type {
        JobType::Single => Table::Proofs,
        JobType::Aggregated => Table::AggregatedProofs,
    }
}

/// Returns the kind of the blobs of the proofs of a type.
pub(crate) fn blob_kind(job_type: JobType) -> BlobKind {
    match job_type {
        JobType::Single => BlobKind::SingleProof,
        JobType::Aggregated => BlobKind::AggregatedProof,
    }
}

/// Returns the key of a proof in its table.
pub(crate) fn key(job_type: JobType, first: u32, last: u32) -> Vec<u8> {
    match job_type {
        JobType::Single => keys::number(first).to_vec(),
        JobType::Aggregated => keys::range(first, last).to_vec(),
    }
}
