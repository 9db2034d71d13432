//! Making jobs, and the data that goes with them. A witness is written once and handed out as it is stored.

use crate::domain::job::{JobStatus, JobType};
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::blobs::PreparedBlob;
use crate::store::error::StoreError;
use crate::store::kv::keys::meta;
use crate::store::kv::table::Table;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::jobs::{JobDataRef, JobMoves, JobRow};
use crate::store::queue::proofs;
use crate::store::queue::proofs::ProofRow;

/// No aggregated operation is nearly as long.
const MAX_BLOCKS: u32 = 10_000;

/// The protocol's `data` of a job: `prefix ‖ body ‖ suffix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobData {
    /// JSON before the body.
    pub prefix: Vec<u8>,
    /// The stored JSON.
    pub body: BlobRef,
    /// JSON after the body.
    pub suffix: Vec<u8>,
}

/// What became of a job to add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddJob {
    /// It is idle now, with this id.
    Added(u32),
    /// There is one of that type and range, with this id.
    Exists(u32),
}

impl JobQueue {
    /// Makes the job for a block whose witness is stored; one that is done, if the block is proven, whether or not there is a witness.
    /// Not synced: it can be made again.
    pub fn add_single_job(&self, block: u32) -> Result<AddJob, StoreError> {
        let missing = |what: &str| StoreError::NotFound { what: format!("{what} {block}") };
        let chunks = self.chain.block_row(block)?.ok_or_else(|| missing("block"))?.chunks;
        if !self.has_single_proof(block)? {
            self.tree.witness_row(block)?.ok_or_else(|| missing("witness of block"))?;
        }
        self.add_job(JobType::Single, block, block, chunks, None)
    }

    /// Makes the job that aggregates the proofs of a range of blocks. [`StoreError::MissingProof`] names the first block
    /// without one. With the aggregated proof stored already, the job is done. Not synced: it can be made again.
    pub fn add_aggregated_job(&self, first: u32, last: u32) -> Result<AddJob, StoreError> {
        if let Some(id) = self.job_of_range(JobType::Aggregated, first, last)? {
            return Ok(AddJob::Exists(id));
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
        let body = self.core.prepare_blob(BlobLabel::range(BlobKind::JobData, first, last), &json)?;
        self.add_job(JobType::Aggregated, first, last, 0, Some(body))
    }

    fn add_job(
        &self,
        job_type: JobType,
        first: u32,
        last: u32,
        chunks: u32,
        body: Option<PreparedBlob>,
    ) -> Result<AddJob, StoreError> {
        self.core.ready()?;
        let _queue = self.lock();
        if let Some(id) = self.job_of_range(job_type, first, last)? {
            return Ok(AddJob::Exists(id));
        }
        let id = self.core.kv.meta_number(meta::NEXT_JOB)?.max(1);
        let mut moves = JobMoves::begin(&self.core.kv)?;
        let data = match body {
            Some(body) => JobDataRef::Body(moves.batch.adopt(body)),
            None => JobDataRef::Witness,
        };
        let now = self.core.clock.wall_ms();
        let proof: Option<ProofRow> =
            self.core.kv.get(proofs::table(job_type), &proofs::key(job_type, first, last))?;
        let row = JobRow {
            id,
            job_type,
            // With its proof stored already, nobody is to prove it again.
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
        moves.change(None, Some(&row))?;
        moves.batch.put(Table::Meta, meta::NEXT_JOB, &id.saturating_add(1))?;
        self.core.apply(moves.finish()?)?;
        Ok(AddJob::Added(id))
    }

    /// The data of a job, as it would be handed out; looking does not take a lease.
    pub fn job_data(&self, id: u32) -> Result<Option<JobData>, StoreError> {
        self.job_row(id)?.map_or(Ok(None), |row| self.data_of(&row))
    }

    /// `None` when the witness is gone.
    pub(crate) fn data_of(&self, row: &JobRow) -> Result<Option<JobData>, StoreError> {
        if let JobDataRef::Body(body) = &row.data {
            return Ok(Some(JobData { prefix: Vec::new(), body: body.clone(), suffix: Vec::new() }));
        }
        Ok(self.tree.witness_row(row.first)?.map(|witness| JobData {
            prefix: br#"{"BlockProof":["#.to_vec(),
            body: witness.body,
            suffix: format!(",{}]}}", witness.operations).into_bytes(),
        }))
    }
}
