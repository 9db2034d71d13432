//! Creation of jobs.

use crate::domain::job::{JobStatus, JobType};
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blobs::PreparedBlob;
use crate::store::error::StoreError;
use crate::store::kv::keys::meta;
use crate::store::kv::table::Table;
use crate::store::queue::job_index::JobChanges;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::job_record::{JobDataRef, JobRow};
use crate::store::queue::proof_record::{ProofRow, key, table};

/// The largest number of blocks of an aggregated job. No aggregated operation is nearly as long.
const MAX_BLOCKS: u32 = 10_000;

/// The outcome of adding a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddOutcome {
    /// The job was added with this id.
    Added(u32),
    /// A job of that type and range exists with this id.
    Exists(u32),
}

impl JobQueue {
    /// Adds the job of a block whose witness is stored. If the block is proven, the job is done,
    /// and the witness may be missing. Not synced: it can be added again.
    pub fn add_single_job(&self, block: u32) -> Result<AddOutcome, StoreError> {
        let missing = |what: &str| StoreError::NotFound { what: format!("{what} {block}") };
        let chunks = self.chain.block_row(block)?.ok_or_else(|| missing("block"))?.chunks;
        if !self.has_single_proof(block)? {
            self.tree.witness_row(block)?.ok_or_else(|| missing("witness of block"))?;
        }
        self.add_job(JobType::Single, block, block, chunks, None)
    }

    /// Adds the job that aggregates the proofs of a range of blocks. If the aggregated proof is
    /// stored, the job is done. Not synced: it can be added again.
    ///
    /// # Errors
    /// [`StoreError::MissingProof`] names the first block without a proof.
    pub fn add_aggregated_job(&self, first: u32, last: u32) -> Result<AddOutcome, StoreError> {
        if let Some(id) = self.job_of_range(JobType::Aggregated, first, last)? {
            return Ok(AddOutcome::Exists(id));
        }
        if first > last || last - first >= MAX_BLOCKS {
            return Err(StoreError::TooLarge { what: format!("an aggregated job for {first} to {last}") });
        }
        let mut json = br#"{"AggregatedBlockProof":["#.to_vec();
        for block in first..=last {
            let proof = self.single_proof(block)?.ok_or(StoreError::MissingProof { block })?;
            let missing = || StoreError::NotFound { what: format!("block {block}") };
            let chunks = self.chain.block_row(block)?.ok_or_else(missing)?.chunks;
            json.extend_from_slice(if block == first { b"[" } else { b",[" });
            json.extend_from_slice(&proof);
            json.extend_from_slice(format!(",{chunks}]").as_bytes());
        }
        json.extend_from_slice(b"]}");
        let blob = self.core.prepare_blob(BlobLabel::range(BlobKind::JobData, first, last), &json)?;
        self.add_job(JobType::Aggregated, first, last, 0, Some(blob))
    }

    fn add_job(
        &self,
        job_type: JobType,
        first: u32,
        last: u32,
        chunks: u32,
        blob: Option<PreparedBlob>,
    ) -> Result<AddOutcome, StoreError> {
        self.core.ready()?;
        let _queue = self.lock();
        if let Some(id) = self.job_of_range(job_type, first, last)? {
            return Ok(AddOutcome::Exists(id));
        }
        let kv = &self.core.kv;
        let id = kv.meta_number(meta::NEXT_JOB)?.max(1);
        let mut changes = JobChanges::begin(kv)?;
        let data = match blob {
            Some(blob) => JobDataRef::Blob(changes.batch.adopt(blob)),
            None => JobDataRef::Witness,
        };
        let now = self.core.now_ms();
        let proof: Option<ProofRow> = kv.get(table(job_type), &key(job_type, first, last))?;
        let row = JobRow {
            id,
            job_type,
            // A stored proof needs no prover.
            status: if proof.is_some() { JobStatus::Done } else { JobStatus::Idle },
            first,
            last,
            chunks,
            attempts: 0,
            updated_at_ms: proof.as_ref().map_or(now, |proof| proof.stored_at_ms),
            holder: proof.and_then(|proof| proof.prover),
            created_at_ms: now,
            data,
        };
        changes.add(&row)?;
        changes.batch.put(Table::Meta, meta::NEXT_JOB, &id.saturating_add(1))?;
        self.core.apply(self.finished(changes)?)?;
        Ok(AddOutcome::Added(id))
    }
}
