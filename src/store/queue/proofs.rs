//! Accepted proofs. A proof and the end of its job are one transaction.

use serde::{Deserialize, Serialize};

use crate::domain::job::{JobState, JobType};
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blob_ref::BlobRef;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::table::Table;
use crate::store::kv::{codec, keys};
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::jobs::{JobMoves, JobRecord, JobRow, MAX_PROVER_NAME};
use crate::tree::source::Entry;

/// A proof that was checked and is to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewProof<'a> {
    /// The job it is for.
    pub job_id: u32,
    /// First block it proves.
    pub first: u32,
    /// Last block it proves; the same for a single proof.
    pub last: u32,
    /// The proof as the protocol's JSON.
    pub json: &'a [u8],
}

/// A proof with what is kept of it, to be stored in another folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptProof {
    /// First block it proves.
    pub first: u32,
    /// Last block it proves; the same for a single proof.
    pub last: u32,
    /// The prover that made it, if that is known.
    pub prover: Option<String>,
    /// When it was published, in milliseconds since 1970.
    pub stored_at_ms: u64,
    /// The proof as the protocol's JSON.
    pub json: Vec<u8>,
}

/// A stored proof without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofRecord {
    /// First block it proves.
    pub first: u32,
    /// Last block it proves; the same for a single proof.
    pub last: u32,
    /// The prover that made it, if that is known.
    pub prover: Option<String>,
    /// When it was published, in milliseconds since 1970.
    pub stored_at_ms: u64,
    /// Where its JSON is; see [`crate::store::Store::read_blob`].
    pub body: BlobRef,
}

/// Why a proof is not stored.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is no such job.
    #[error("there is no job {0}")]
    UnknownJob(u32),
    /// The job wants a proof of the other type.
    #[error("job {job_id} wants a {} proof", expected.name())]
    WrongType {
        /// The job.
        job_id: u32,
        /// What it wants.
        expected: JobType,
    },
    /// The job is about other blocks.
    #[error("job {job_id} is about the blocks {first} to {last}")]
    WrongRange {
        /// The job.
        job_id: u32,
        /// Its first block.
        first: u32,
        /// Its last block.
        last: u32,
    },
    /// A proof for the same blocks is stored.
    #[error("duplicate key: a proof of the blocks {first} to {last} is stored already")]
    Duplicate {
        /// First block.
        first: u32,
        /// Last block.
        last: u32,
    },
    /// The store failed; the proof can be published again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stored: frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProofRow {
    pub first: u32,
    pub last: u32,
    /// The job it was published for; 0 when it came from another folder.
    pub job_id: u32,
    pub prover: Option<String>,
    pub stored_at_ms: u64,
    pub body: BlobRef,
}

impl ProofRow {
    fn record(self) -> ProofRecord {
        let Self { first, last, prover, stored_at_ms, body, .. } = self;
        ProofRecord { first, last, prover, stored_at_ms, body }
    }
}

/// Where the proofs of a type are.
pub(crate) fn table(job_type: JobType) -> Table {
    match job_type {
        JobType::Single => Table::Proofs,
        JobType::Aggregated => Table::AggregatedProofs,
    }
}

fn body_kind(job_type: JobType) -> BlobKind {
    match job_type {
        JobType::Single => BlobKind::SingleProof,
        JobType::Aggregated => BlobKind::AggregatedProof,
    }
}

/// The key of a proof.
pub(crate) fn key(job_type: JobType, first: u32, last: u32) -> Vec<u8> {
    match job_type {
        JobType::Single => keys::number(first).to_vec(),
        JobType::Aggregated => keys::range(first, last).to_vec(),
    }
}

impl JobQueue {
    /// Stores a proof and ends its job; durable on return. Returns the finished job, with the time since which its prover held it.
    ///
    /// The first proof wins, also if the lease of its prover has ended or is unknown: leases are not synced, and a proof is too
    /// expensive to be lost with its lease.
    ///
    /// # Errors
    /// [`PublishError`]. With [`PublishError::Duplicate`] the other proof is durable: provers forget theirs on that answer.
    pub fn publish(&self, job_type: JobType, proof: NewProof<'_>) -> Result<JobRecord, PublishError> {
        self.settled(self.store_proof(job_type, proof))
    }

    /// Stores a proof that was published in another folder; not synced. It has no job: [`JobQueue::add_single_job`] and
    /// [`JobQueue::add_aggregated_job`] make one that is done. [`PublishError::Duplicate`] when there is one already.
    pub fn keep_proof(&self, job_type: JobType, proof: &KeptProof) -> Result<(), PublishError> {
        let KeptProof { first, last, prover, stored_at_ms, json } = proof;
        let (first, last) = (*first, *last);
        if prover.as_ref().is_some_and(|prover| prover.len() > MAX_PROVER_NAME) {
            return Err(StoreError::TooLarge { what: "the name of the prover".into() }.into());
        }
        let label = BlobLabel::range(body_kind(job_type), first, last);
        let body = self.core.prepare_blob(label, json)?;
        self.core.ready()?;
        let _queue = self.lock();
        let key = key(job_type, first, last);
        if self.core.kv.contains(table(job_type), &key)? {
            return Err(PublishError::Duplicate { first, last });
        }
        let entry = self.core.journalled(label, &body)?;
        let mut batch = Batch::new();
        let (prover, stored_at_ms) = (prover.clone(), *stored_at_ms);
        let row = ProofRow { first, last, job_id: 0, prover, stored_at_ms, body: batch.adopt(body) };
        batch.put(table(job_type), &key, &row)?;
        Ok(self.core.apply_journalled(batch, entry)?)
    }

    /// Up to `limit` proofs of a type, ascending by their last block, then their first: those after the proof of the blocks
    /// `after.0` to `after.1`, or from the first on.
    pub fn proofs(
        &self,
        job_type: JobType,
        after: Option<(u32, u32)>,
        limit: usize,
    ) -> Result<Vec<ProofRecord>, StoreError> {
        let mut from = after.map_or_else(Vec::new, |(first, last)| key(job_type, first, last));
        // The first key behind that one.
        from.push(0);
        let rows = self.core.kv.range_raw(table(job_type), &from, &[0xff; 9], limit)?;
        let read = |(_, row): Entry| {
            let row: ProofRow = codec::from_body_bytes("a proof", &row)?;
            Ok(row.record())
        };
        rows.into_iter().map(read).collect()
    }

    /// Everything that [`JobQueue::publish`] would refuse, without storing: cheap, to be asked before the proof itself is checked.
    pub fn check_publish(
        &self,
        job_type: JobType,
        job_id: u32,
        first: u32,
        last: u32,
    ) -> Result<(), PublishError> {
        self.core.ready()?;
        self.settled(self.job_for_proof(job_type, job_id, first, last).map(|_| ()))
    }

    /// Makes the stored proof durable if the outcome is that there is one.
    fn settled<T>(&self, outcome: Result<T, PublishError>) -> Result<T, PublishError> {
        if matches!(outcome, Err(PublishError::Duplicate { .. })) {
            self.core.sync()?;
        }
        outcome
    }

    /// The proof of a block, as the protocol's JSON.
    pub fn single_proof(&self, block: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.proof(JobType::Single, block, block)
    }

    /// The aggregated proof of exactly this range, as the protocol's JSON.
    pub fn aggregated_proof(&self, first: u32, last: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.proof(JobType::Aggregated, first, last)
    }

    /// A stored proof without its body.
    pub fn proof_record(
        &self,
        job_type: JobType,
        first: u32,
        last: u32,
    ) -> Result<Option<ProofRecord>, StoreError> {
        let row: Option<ProofRow> = self.core.kv.get(table(job_type), &key(job_type, first, last))?;
        Ok(row.map(ProofRow::record))
    }

    /// Whether the block has a proof; cheaper than reading it.
    pub fn has_single_proof(&self, block: u32) -> Result<bool, StoreError> {
        self.core.kv.contains(Table::Proofs, &keys::number(block))
    }

    /// Whether exactly this range has an aggregated proof; cheaper than reading it.
    pub fn has_aggregated_proof(&self, first: u32, last: u32) -> Result<bool, StoreError> {
        self.core.kv.contains(Table::AggregatedProofs, &keys::range(first, last))
    }

    fn proof(&self, job_type: JobType, first: u32, last: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let row: Option<ProofRow> = self.core.kv.get(table(job_type), &key(job_type, first, last))?;
        row.map(|row| self.core.read_blob(&row.body)).transpose()
    }

    fn store_proof(&self, job_type: JobType, proof: NewProof<'_>) -> Result<JobRecord, PublishError> {
        let NewProof { job_id, first, last, json } = proof;
        self.core.ready()?;
        self.job_for_proof(job_type, job_id, first, last)?;
        // Slow, so before the lock; the job is looked at again under it.
        let label = BlobLabel::range(body_kind(job_type), first, last);
        let body = self.core.prepare_blob(label, json)?;
        self.core.ready()?;
        let (record, generation) = {
            let mut leases = self.lock();
            let old = self.job_for_proof(job_type, job_id, first, last)?;
            let mut job = self.state_of(&old, &leases);
            job.finish().map_err(|_| PublishError::Duplicate { first, last })?;
            debug_assert_eq!(job.state, JobState::Done);
            let now = self.core.clock.wall_ms();
            let new = JobRow { status: job.status(), updated_at_ms: now, ..old.clone() };
            let mut moves = JobMoves::begin(&self.core.kv)?;
            moves.change(Some(&old), Some(&new))?;
            let prover = old.holder.clone();
            let entry = self.core.journalled(label, &body)?;
            let body = moves.batch.adopt(body);
            let row = ProofRow { first, last, job_id, prover, stored_at_ms: now, body };
            moves.batch.put(table(job_type), &key(job_type, first, last), &row)?;
            self.core.apply_journalled(moves.finish()?, entry)?;
            let mut record = new.record();
            record.leased_since_ms = leases.get(job_id).and_then(|held| held.claimed_wall_ms);
            leases.remove(job_id);
            (record, self.core.kv.generation())
        };
        self.core.sync_generation(generation)?;
        Ok(record)
    }

    fn job_for_proof(
        &self,
        job_type: JobType,
        job_id: u32,
        first: u32,
        last: u32,
    ) -> Result<JobRow, PublishError> {
        let row = self.job_row(job_id)?.ok_or(PublishError::UnknownJob(job_id))?;
        if row.job_type != job_type {
            return Err(PublishError::WrongType { job_id, expected: row.job_type });
        }
        if (row.first, row.last) != (first, last) {
            return Err(PublishError::WrongRange { job_id, first: row.first, last: row.last });
        }
        if self.core.kv.contains(table(job_type), &key(job_type, first, last))? {
            return Err(PublishError::Duplicate { first, last });
        }
        Ok(row)
    }
}
