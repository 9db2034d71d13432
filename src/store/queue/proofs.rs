//! Queries about accepted proofs, and their import from another folder.

use crate::domain::AttemptOutcome;
use crate::domain::job::{JobStatus, JobType};
use crate::store::durable::blob_label::BlobLabel;
use crate::store::error::StoreError;
use crate::store::kv::table::Table;
use crate::store::kv::{codec, keys};
use crate::store::queue::job_index::JobChanges;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::job_record::{JobRow, MAX_PROVER_NAME};
use crate::store::queue::proof_record::{ImportedProof, ProofRecord, ProofRow, blob_kind, key, table};
use crate::store::queue::publish::PublishError;
use crate::tree::source::Entry;

impl JobQueue {
    /// Returns up to `limit` proofs of a type, ascending by their last block, then their first:
    /// those after the proof of the blocks `after.0` to `after.1`, or from the first one on.
    pub fn proofs(
        &self,
        job_type: JobType,
        after: Option<(u32, u32)>,
        limit: usize,
    ) -> Result<Vec<ProofRecord>, StoreError> {
        let mut from = after.map_or_else(Vec::new, |(first, last)| key(job_type, first, last));
        // The smallest key above that one.
        from.push(0);
        let rows = self.core.kv.range(table(job_type), &from, &[0xff; 9], limit)?;
        let read = |(_, row): Entry| {
            let row: ProofRow = codec::decode("a proof", &row)?;
            Ok(row.record())
        };
        rows.into_iter().map(read).collect()
    }

    /// Returns a stored proof without its JSON.
    pub fn proof_record(
        &self,
        job_type: JobType,
        first: u32,
        last: u32,
    ) -> Result<Option<ProofRecord>, StoreError> {
        let row: Option<ProofRow> = self.core.kv.get(table(job_type), &key(job_type, first, last))?;
        Ok(row.map(ProofRow::record))
    }

    /// Returns the proof of a block, as the protocol's JSON.
    pub fn single_proof(&self, block: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.proof(JobType::Single, block, block)
    }

    /// Returns the aggregated proof of exactly this range, as the protocol's JSON.
    pub fn aggregated_proof(&self, first: u32, last: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.proof(JobType::Aggregated, first, last)
    }

    /// Returns true if the block has a proof, without reading it.
    pub fn has_single_proof(&self, block: u32) -> Result<bool, StoreError> {
        self.core.kv.contains(Table::Proofs, &keys::number(block))
    }

    /// Returns true if exactly this range has an aggregated proof, without reading it.
    pub fn has_aggregated_proof(&self, first: u32, last: u32) -> Result<bool, StoreError> {
        self.core.kv.contains(Table::AggregatedProofs, &keys::range(first, last))
    }

    /// Stores a proof that was published elsewhere; not synced. If these blocks have a job, it is
    /// done; otherwise [`JobQueue::add_single_job`] and [`JobQueue::add_aggregated_job`] add one
    /// that is done.
    ///
    /// # Errors
    /// [`PublishError::Duplicate`] if a proof of these blocks is stored.
    pub fn import_proof(&self, job_type: JobType, proof: &ImportedProof) -> Result<(), PublishError> {
        let ImportedProof { first, last, prover, stored_at_ms, json } = proof;
        let (first, last) = (*first, *last);
        if prover.as_ref().is_some_and(|prover| prover.len() > MAX_PROVER_NAME) {
            return Err(StoreError::TooLarge { what: "the name of the prover".into() }.into());
        }
        let label = BlobLabel::range(blob_kind(job_type), first, last);
        let blob = self.core.prepare_blob(label, json)?;
        self.core.ready()?;
        let mut leases = self.lock();
        let key = key(job_type, first, last);
        if self.core.kv.contains(table(job_type), &key)? {
            return Err(PublishError::Duplicate { first, last });
        }
        let mut changes = JobChanges::begin(&self.core.kv)?;
        let job = self.job_of_range(job_type, first, last)?;
        if let Some(id) = job {
            let old = self.indexed_row(id)?;
            let new = JobRow { status: JobStatus::Done, updated_at_ms: *stored_at_ms, ..old.clone() };
            changes.replace(&old, &new, false)?;
            changes.end_attempt(id, &AttemptOutcome::Superseded.into(), self.core.now_ms())?;
        }
        let (prover, stored_at_ms) = (prover.clone(), *stored_at_ms);
        let mut batch = self.finished(changes)?;
        // From here on, only the transaction itself can fail.
        let entry = self.core.journalled(label, &blob)?;
        let blob = batch.adopt(blob);
        let row = ProofRow { first, last, job_id: 0, prover, stored_at_ms, blob };
        batch.put(table(job_type), &key, &row)?;
        self.core.apply_journalled(batch, entry)?;
        if let Some(id) = job {
            leases.forget(id);
        }
        Ok(())
    }

    fn proof(&self, job_type: JobType, first: u32, last: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let row: Option<ProofRow> = self.core.kv.get(table(job_type), &key(job_type, first, last))?;
        row.map(|row| self.core.read_blob(&row.blob)).transpose()
    }
}
