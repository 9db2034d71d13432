//! Publication of proofs. A proof and the end of its job are one transaction.

use crate::domain::AttemptOutcome;
use crate::domain::job::{JobState, JobType};
use crate::store::durable::blob_label::BlobLabel;
use crate::store::error::StoreError;
use crate::store::queue::job_index::JobChanges;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::job_record::{JobRecord, JobRow};
use crate::store::queue::proof_record::{NewProof, ProofRow, blob_kind, key, table};
use crate::store::queue::sender::Sender;

/// The reason why a proof is not stored.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The job does not exist.
    #[error("there is no job {0}")]
    UnknownJob(u32),
    /// The job needs a proof of the other type.
    #[error("job {job_id} wants a {} proof", expected.name())]
    WrongType {
        /// Job id.
        job_id: u32,
        /// Type of the job.
        expected: JobType,
    },
    /// The job has other blocks.
    #[error("job {job_id} is about the blocks {first} to {last}")]
    WrongRange {
        /// Job id.
        job_id: u32,
        /// First block of the job.
        first: u32,
        /// Last block of the job.
        last: u32,
    },
    /// A proof of the same blocks is stored.
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

impl JobQueue {
    /// Stores a proof and ends its job; durable on return. Returns the finished job. The proof is
    /// credited to the prover that sent it, as far as that is known.
    ///
    /// The first proof wins, even if the lease of its prover has ended or is unknown: leases are
    /// not synced, and a proof is too expensive to be lost with its lease.
    ///
    /// # Errors
    /// With [`PublishError::Duplicate`] the other proof is durable: provers discard theirs on that
    /// answer.
    pub fn publish_from(
        &self,
        job_type: JobType,
        proof: NewProof<'_>,
        sender: &Sender,
    ) -> Result<JobRecord, PublishError> {
        self.core.ready()?;
        let generation = self.core.kv.generation();
        self.settled(generation, self.store_proof(job_type, proof, sender))
    }

    /// Like [`JobQueue::publish_from`], by an unknown sender.
    #[cfg(any(test, feature = "testing"))]
    pub fn publish(&self, job_type: JobType, proof: NewProof<'_>) -> Result<JobRecord, PublishError> {
        self.publish_from(job_type, proof, &Sender::default())
    }

    /// Checks everything that [`JobQueue::publish_from`] checks, and stores nothing. It is cheap, so
    /// that it can precede the check of the proof itself.
    pub fn check_publish(
        &self,
        job_type: JobType,
        job_id: u32,
        first: u32,
        last: u32,
    ) -> Result<(), PublishError> {
        self.core.ready()?;
        let generation = self.core.kv.generation();
        self.settled(generation, self.job_for_proof(job_type, job_id, first, last).map(|_| ()))
    }

    fn store_proof(
        &self,
        job_type: JobType,
        proof: NewProof<'_>,
        sender: &Sender,
    ) -> Result<JobRecord, PublishError> {
        let NewProof { job_id, first, last, json } = proof;
        self.core.ready()?;
        self.job_for_proof(job_type, job_id, first, last)?;
        // This is slow, so it precedes the lock; the job is checked again under the lock.
        let label = BlobLabel::range(blob_kind(job_type), first, last);
        let blob = self.core.prepare_blob(label, json)?;
        self.core.ready()?;
        let mut leases = self.lock();
        let old = self.job_for_proof(job_type, job_id, first, last)?;
        let mut job = self.state_of(&old, &leases);
        job.finish().map_err(|_| PublishError::Duplicate { first, last })?;
        debug_assert_eq!(job.state, JobState::Done);
        let now = self.core.now_ms();
        let prover = self.publisher(&leases, &old, sender)?;
        let new = JobRow { status: job.status(), updated_at_ms: now, holder: prover.clone(), ..old.clone() };
        let mut changes = JobChanges::begin(&self.core.kv)?;
        changes.replace(&old, &new, false)?;
        let held = leases.get(job_id).map(|held| &held.lease.holder);
        let accepted = AttemptOutcome::Accepted.into();
        if held.is_some() && held == prover.as_ref() {
            changes.end_attempt(job_id, &accepted, now)?;
        } else {
            // The lease moved on, and the prover published nevertheless.
            changes.end_attempt(job_id, &AttemptOutcome::Superseded.into(), now)?;
            if let Some(prover) = &prover {
                changes.end_late_attempt(job_id, prover, &accepted, now)?;
            }
        }
        if let Some(prover) = &prover {
            self.count_accepted(prover, &mut changes.batch)?;
        }
        if self.hands_back {
            self.add_to_hand_back(&mut changes.batch, job_type, first, last);
        }
        let mut batch = self.finished(changes)?;
        // From here on, only the transaction itself can fail.
        let entry = self.core.journalled(label, &blob)?;
        let blob = batch.adopt(blob);
        let row = ProofRow { first, last, job_id, prover, stored_at_ms: now, blob };
        batch.put(table(job_type), &key(job_type, first, last), &row)?;
        self.core.apply_journalled(batch, entry)?;
        leases.forget(job_id);
        let generation = self.core.kv.generation();
        drop(leases);
        self.core.sync_generation(generation)?;
        Ok(new.record())
    }

    /// Syncs before a duplicate is reported, which was found at a generation of the kv or after it.
    fn settled<T>(&self, generation: u64, outcome: Result<T, PublishError>) -> Result<T, PublishError> {
        if matches!(outcome, Err(PublishError::Duplicate { .. })) {
            self.core.sync_generation(generation)?;
        }
        outcome
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
