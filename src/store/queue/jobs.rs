//! Job records, their indexes and counters.
//!
//! Table `job_index` holds, for every job, what [`index_keys`] says; it and the counters change in the same transaction as the
//! record, so that no question about the queue reads more than it answers.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::domain::AggregatedAction;
use crate::domain::job::{JobStatus, JobType};
use crate::store::durable::blob_ref::BlobRef;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::codec;
use crate::store::kv::handle::Kv;
use crate::store::kv::keys;
use crate::store::kv::keys::{index, meta};
use crate::store::kv::table::Table;
use crate::store::queue::job_queue::JobQueue;
use crate::tree::source::Entry;

/// The longest name of a prover in bytes: it is part of records, which are small.
pub(crate) const MAX_PROVER_NAME: usize = 256;

/// A job as shown to operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRecord {
    /// Job id, from 1.
    pub id: u32,
    /// What is to be proven.
    pub job_type: JobType,
    /// Where it stands.
    pub status: JobStatus,
    /// First block.
    pub first: u32,
    /// Last block; the same for a single job.
    pub last: u32,
    /// How often it was handed out since it was made or requeued.
    pub attempts: u32,
    /// The prover that has it, or had it last.
    pub holder: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// When its status or lease changed last, in milliseconds since 1970.
    pub updated_at_ms: u64,
    /// Of an idle job whose lease ended: in how many milliseconds it is handed out again.
    pub waits_ms: Option<u64>,
    /// Size of the block in chunks; `None` for an aggregated job.
    pub chunks: Option<u32>,
    /// Of a job in progress, and of one that [`JobQueue::publish`] has just finished: when it was claimed, in milliseconds since
    /// 1970; `None` if that was in an earlier run.
    pub leased_since_ms: Option<u64>,
    /// Of a job in progress: when its lease was taken or renewed last, in milliseconds since 1970.
    pub last_heartbeat_ms: Option<u64>,
}

impl JobRecord {
    /// Its size: chunks of the block, or the number of blocks.
    pub fn size(&self) -> u32 {
        self.chunks.unwrap_or_else(|| self.last.saturating_sub(self.first).saturating_add(1))
    }
}

/// Number of jobs by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCounts {
    /// Waiting for a prover.
    pub idle: u64,
    /// Held by a prover.
    pub in_progress: u64,
    /// Proven.
    pub done: u64,
    /// Parked.
    pub failed: u64,
}

impl JobCounts {
    pub(crate) fn of(&mut self, status: JobStatus) -> &mut u64 {
        match status {
            JobStatus::Idle => &mut self.idle,
            JobStatus::InProgress => &mut self.in_progress,
            JobStatus::Done => &mut self.done,
            JobStatus::Failed => &mut self.failed,
        }
    }
}

/// Where the data of a job is. Stored: frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum JobDataRef {
    /// In the witness of the block.
    Witness,
    /// In a body of its own.
    Body(BlobRef),
}

/// Stored: frozen, including the order of the variants of type and status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobRow {
    pub id: u32,
    pub job_type: JobType,
    pub status: JobStatus,
    pub first: u32,
    pub last: u32,
    /// Size of the block in chunks; 0 for an aggregated job.
    pub chunks: u32,
    pub attempts: u32,
    pub holder: Option<String>,
    pub created_at_ms: u64,
    pub updated_at_ms: u64,
    pub data: JobDataRef,
}

impl JobRow {
    pub fn record(self) -> JobRecord {
        JobRecord {
            id: self.id,
            job_type: self.job_type,
            status: self.status,
            first: self.first,
            last: self.last,
            attempts: self.attempts,
            holder: self.holder,
            created_at_ms: self.created_at_ms,
            updated_at_ms: self.updated_at_ms,
            waits_ms: None,
            chunks: (self.job_type == JobType::Single).then_some(self.chunks),
            leased_since_ms: None,
            last_heartbeat_ms: None,
        }
    }
}

/// The entries of `job_index` that belong to a job. One that is idle is found by the hand-outs, unless it waits.
pub(crate) fn index_keys(row: &JobRow, waits: bool) -> Vec<Vec<u8>> {
    let mut keys =
        vec![index::status(row.status, row.id), index::range(row.job_type, row.first, row.last, row.id)];
    match (row.status, waits) {
        (JobStatus::Idle, false) => {
            keys.push(index::idle(row.job_type, row.id));
            keys.push(index::idle_of_size(row.job_type, row.chunks, row.id));
        }
        (JobStatus::Idle, true) => keys.push(index::waiting(row.id)),
        _ => {}
    }
    keys
}

/// Changes of jobs that happen in one transaction, with indexes and counters.
pub(crate) struct JobMoves {
    pub batch: Batch,
    counts: JobCounts,
}

impl JobMoves {
    /// The caller holds the lock of the queue until the batch is applied.
    pub fn begin(kv: &Kv) -> Result<Self, StoreError> {
        let counts = kv.get(Table::Meta, meta::JOB_COUNTS)?.unwrap_or_default();
        Ok(Self { batch: Batch::new(), counts })
    }

    /// Replaces a record; `None` is absence. The new one does not wait.
    pub fn change(&mut self, old: Option<&JobRow>, new: Option<&JobRow>) -> Result<(), StoreError> {
        self.change_to(old, new, false)
    }

    /// Replaces a record by one that waits or does not.
    pub fn change_to(
        &mut self,
        old: Option<&JobRow>,
        new: Option<&JobRow>,
        waits: bool,
    ) -> Result<(), StoreError> {
        if let Some(old) = old {
            // Whether the old one waited, its record does not say: some of these are not there.
            for key in index_keys(old, false).into_iter().chain([index::waiting(old.id)]) {
                self.batch.remove(Table::JobIndex, &key);
            }
            let count = self.counts.of(old.status);
            *count = count.saturating_sub(1);
            if new.is_none() {
                self.batch.remove(Table::Jobs, &keys::number(old.id));
            }
        }
        if let Some(new) = new {
            for key in index_keys(new, waits) {
                self.batch.put_raw(Table::JobIndex, &key, &[]);
            }
            self.counts.of(new.status).add_assign(1);
            self.batch.put(Table::Jobs, &keys::number(new.id), new)?;
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<Batch, StoreError> {
        self.batch.put(Table::Meta, meta::JOB_COUNTS, &self.counts)?;
        Ok(self.batch)
    }
}

impl JobQueue {
    /// A job by its id.
    pub fn job(&self, id: u32) -> Result<Option<JobRecord>, StoreError> {
        let Some(row) = self.job_row(id)? else { return Ok(None) };
        Ok(Some(self.shown(row)))
    }

    /// Up to `limit` jobs with an id above `after`, by id; all, or those of a status.
    pub fn jobs(
        &self,
        status: Option<JobStatus>,
        after: u32,
        limit: usize,
    ) -> Result<Vec<JobRecord>, StoreError> {
        self.job_page(status, after, limit).map(|(jobs, _)| jobs)
    }

    /// The same, and the id to go on after if there are more.
    pub fn job_page(
        &self,
        status: Option<JobStatus>,
        after: u32,
        limit: usize,
    ) -> Result<(Vec<JobRecord>, Option<u32>), StoreError> {
        let Some(start) = after.checked_add(1) else { return Ok((Vec::new(), None)) };
        let (table, from, to) = match status {
            None => (Table::Jobs, keys::number(start).to_vec(), vec![0xff; 5]),
            Some(status) => (Table::JobIndex, index::status(status, start), index::after_status(status)),
        };
        let mut entries = self.core.kv.range_raw(table, &from, &to, limit.saturating_add(1))?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).and_then(|(key, _)| keys::tail_number(key));
        let Some(status) = status else {
            let read = |(_, row): Entry| Ok(self.shown(codec::from_body_bytes("a job", &row)?));
            return Ok((entries.into_iter().map(read).collect::<Result<_, StoreError>>()?, next));
        };
        let ids = entries.iter().filter_map(|(key, _)| keys::tail_number(key));
        // A job may move on between index and record: then it is not of that status any more.
        let records = ids.filter_map(|id| self.job(id).transpose());
        let of_status = records
            .filter(|record| record.as_ref().is_ok_and(|record| record.status == status) || record.is_err());
        Ok((of_status.collect::<Result<_, StoreError>>()?, next))
    }

    /// Number of jobs by status.
    pub fn counts(&self) -> Result<JobCounts, StoreError> {
        Ok(self.core.kv.get(Table::Meta, meta::JOB_COUNTS)?.unwrap_or_default())
    }

    /// Number of jobs that are not done.
    pub fn pending_jobs(&self) -> Result<u64, StoreError> {
        let JobCounts { idle, in_progress, failed, .. } = self.counts()?;
        Ok(idle.saturating_add(in_progress).saturating_add(failed))
    }

    /// The last block of the queue for a type; without jobs, where the operations of a chain that was proven elsewhere end.
    pub fn last_block_in_queue(&self, job_type: JobType) -> Result<u32, StoreError> {
        let (from, to) = (index::ranges(job_type), index::after_ranges(job_type));
        let last = self.core.kv.range_raw_back(Table::JobIndex, &from, &to, 1)?;
        match last.first().and_then(|(key, _)| index::range_last(key)) {
            Some(last) => Ok(last),
            None => self.chain.last_block_of(match job_type {
                JobType::Single => AggregatedAction::CreateProofBlocks,
                JobType::Aggregated => AggregatedAction::PublishProofBlocksOnchain,
            }),
        }
    }

    pub(crate) fn job_row(&self, id: u32) -> Result<Option<JobRow>, StoreError> {
        self.core.kv.get(Table::Jobs, &keys::number(id))
    }

    /// The id of the job of a type and range.
    pub(crate) fn job_of_range(
        &self,
        job_type: JobType,
        first: u32,
        last: u32,
    ) -> Result<Option<u32>, StoreError> {
        let (from, to) =
            (index::range(job_type, first, last, 0), index::range(job_type, first, last, u32::MAX));
        let found = self.core.kv.range_raw(Table::JobIndex, &from, &to, 1)?;
        Ok(found.first().and_then(|(key, _)| keys::tail_number(key)))
    }
}
