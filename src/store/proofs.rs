//! Accepted proofs. A proof and the end of its job are one transaction.

use serde::{Deserialize, Serialize};

use super::batch::Table;
use super::body::{BodyKind, BodyLabel, BodyRef};
use super::error::StoreError;
use super::jobs::{JobMoves, JobRow};
use super::{Store, keys};
use crate::domain::job::{JobState, JobType};

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
pub(super) struct ProofRow {
    pub first: u32,
    pub last: u32,
    pub job_id: u32,
    pub prover: Option<String>,
    pub stored_at_ms: u64,
    pub body: BodyRef,
}

/// Where the proofs of a type are.
pub(super) fn table(job_type: JobType) -> Table {
    match job_type {
        JobType::Single => Table::Proofs,
        JobType::Aggregated => Table::AggregatedProofs,
    }
}

/// The key of a proof.
pub(super) fn key(job_type: JobType, first: u32, last: u32) -> Vec<u8> {
    match job_type {
        JobType::Single => keys::number(first).to_vec(),
        JobType::Aggregated => keys::range(first, last).to_vec(),
    }
}

impl Store {
    /// Stores the proof of a block and ends its job; durable on return. The first proof wins, also when the lease of its prover
    /// has ended, or is not known any more: a hand-out is not synced, and half an hour of work is not to be lost with it.
    pub fn publish_single(&self, proof: NewProof<'_>) -> Result<(), PublishError> {
        self.publish(JobType::Single, proof)
    }

    /// Stores the aggregated proof of a range of blocks, as [`Store::publish_single`] does.
    pub fn publish_aggregated(&self, proof: NewProof<'_>) -> Result<(), PublishError> {
        self.publish(JobType::Aggregated, proof)
    }

    /// Everything that [`Store::publish_single`] would refuse, without storing: cheap, to be asked before the proof itself is checked.
    pub fn check_publish(
        &self,
        job_type: JobType,
        job_id: u32,
        first: u32,
        last: u32,
    ) -> Result<(), PublishError> {
        self.job_for_proof(job_type, job_id, first, last).map(|_| ())
    }

    /// The proof of a block, as the protocol's JSON.
    pub fn single_proof(&self, block: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.proof(JobType::Single, block, block)
    }

    /// The aggregated proof of exactly this range, as the protocol's JSON.
    pub fn aggregated_proof(&self, first: u32, last: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.proof(JobType::Aggregated, first, last)
    }

    /// Whether the block has a proof; cheaper than reading it.
    pub fn has_single_proof(&self, block: u32) -> Result<bool, StoreError> {
        self.db.contains(Table::Proofs, &keys::number(block))
    }

    /// Whether exactly this range has an aggregated proof; cheaper than reading it.
    pub fn has_aggregated_proof(&self, first: u32, last: u32) -> Result<bool, StoreError> {
        self.db.contains(Table::AggregatedProofs, &keys::range(first, last))
    }

    fn proof(&self, job_type: JobType, first: u32, last: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let row: Option<ProofRow> = self.db.get(table(job_type), &key(job_type, first, last))?;
        row.map(|row| self.read_body(&row.body)).transpose()
    }

    fn publish(&self, job_type: JobType, proof: NewProof<'_>) -> Result<(), PublishError> {
        let NewProof { job_id, first, last, json } = proof;
        self.job_for_proof(job_type, job_id, first, last)?;
        let kind = match job_type {
            JobType::Single => BodyKind::SingleProof,
            JobType::Aggregated => BodyKind::AggregatedProof,
        };
        // Slow, so before the lock; the job is looked at again under it.
        let body = self.prepare_body(BodyLabel::range(kind, first, last), json)?;
        self.ready()?;
        let generation = {
            let mut leases = self.lock_queue();
            let old = self.job_for_proof(job_type, job_id, first, last)?;
            let mut job = self.state_of(&old, &leases);
            job.finish().map_err(|_| PublishError::Duplicate { first, last })?;
            debug_assert_eq!(job.state, JobState::Done);
            let now = self.clock.wall_ms();
            let new = JobRow { status: job.status(), updated_at_ms: now, ..old.clone() };
            let mut moves = JobMoves::begin(&self.db)?;
            moves.change(Some(&old), Some(&new))?;
            let prover = old.holder.clone();
            let body = moves.batch.adopt(body);
            let row = ProofRow { first, last, job_id, prover, stored_at_ms: now, body };
            moves.batch.put(table(job_type), &key(job_type, first, last), &row)?;
            self.apply(moves.finish()?)?;
            leases.remove(job_id);
            self.db.generation()
        };
        Ok(self.sync_generation(generation)?)
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
        if self.db.contains(table(job_type), &key(job_type, first, last))? {
            return Err(PublishError::Duplicate { first, last });
        }
        Ok(row)
    }
}
