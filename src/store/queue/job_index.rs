//! Changes of job records together with their indexes and counters.
//!
//! Table `job_index` holds the keys of [`index_keys`] for every job. They and the counters change
//! in the same transaction as the record, so that no query reads more entries than it returns.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::domain::job::JobStatus;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::handle::Kv;
use crate::store::kv::keys;
use crate::store::kv::keys::{attempts, index, meta};
use crate::store::kv::table::Table;
use crate::store::queue::attempt_log::AttemptLog;
use crate::store::queue::attempt_record::AttemptEnd;
use crate::store::queue::job_record::JobRow;

/// Number of jobs by status. Stored; the layout is frozen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCounts {
    /// Jobs that no prover holds.
    pub idle: u64,
    /// Jobs that a prover holds.
    pub in_progress: u64,
    /// Proven jobs.
    pub done: u64,
    /// Jobs that used up their attempts.
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

/// Returns the keys of `job_index` that belong to a job. Claims find an idle job unless it waits
/// for the end of its backoff.
pub(crate) fn index_keys(row: &JobRow, waits: bool) -> Vec<Vec<u8>> {
    let mut keys =
        vec![index::status(row.status, row.id), index::range(row.job_type, row.first, row.last, row.id)];
    match (row.status, waits) {
        (JobStatus::Idle, false) => {
            keys.push(index::idle(row.job_type, row.first, row.id));
            keys.push(index::idle_of_size(row.job_type, row.chunks, row.first, row.id));
            keys.push(index::idle_since(row.updated_at_ms, row.id));
        }
        (JobStatus::Idle, true) => keys.push(index::waiting(row.id)),
        _ => {}
    }
    keys
}

/// Changes of jobs that happen in one transaction, with indexes, counters and attempts.
pub(crate) struct JobChanges<'a> {
    kv: &'a Kv,
    pub batch: Batch,
    counts: JobCounts,
    pub attempts: AttemptLog,
}

impl<'a> JobChanges<'a> {
    /// Begins with the stored counters. The caller holds the lock of the queue until the batch is
    /// applied.
    pub(crate) fn begin(kv: &'a Kv) -> Result<Self, StoreError> {
        let counts = kv.get(Table::Meta, meta::JOB_COUNTS)?.unwrap_or_default();
        Ok(Self { kv, batch: Batch::new(), counts, attempts: AttemptLog::default() })
    }

    /// Adds a job that does not wait.
    pub(crate) fn add(&mut self, new: &JobRow) -> Result<(), StoreError> {
        self.put(new, false)
    }

    /// Replaces a record by one that waits for the end of its backoff, or does not.
    pub(crate) fn replace(&mut self, old: &JobRow, new: &JobRow, waits: bool) -> Result<(), StoreError> {
        self.take_out(old);
        if new.status == JobStatus::Done {
            self.remove_refusals(new.id);
        }
        self.put(new, waits)
    }

    /// Removes the refused proofs of a job.
    pub(crate) fn remove_refusals(&mut self, job: u32) {
        self.batch.remove(Table::Attempts, &attempts::refusals(job));
    }

    pub(crate) fn remove(&mut self, old: &JobRow) {
        self.take_out(old);
        self.batch.remove(Table::Jobs, &keys::number(old.id));
        self.remove_refusals(old.id);
    }

    /// Begins an attempt of a prover.
    pub(crate) fn begin_attempt(
        &mut self,
        job: &JobRow,
        prover: &str,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        self.attempts.begin(&mut self.batch, job, prover, now_ms)
    }

    /// Ends the attempt in progress of a job, if it has one.
    pub(crate) fn end_attempt(&mut self, job: u32, end: &AttemptEnd, now_ms: u64) -> Result<(), StoreError> {
        self.attempts.end(self.kv, &mut self.batch, job, end, now_ms)
    }

    /// Ends the last attempt of a prover at a job, which has lost its lease before.
    pub(crate) fn end_late_attempt(
        &mut self,
        job: u32,
        prover: &str,
        end: &AttemptEnd,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        self.attempts.end_late(self.kv, &mut self.batch, (job, prover), end, now_ms)
    }

    pub(crate) fn finish(mut self) -> Result<Batch, StoreError> {
        self.attempts.finish(&mut self.batch)?;
        self.batch.put(Table::Meta, meta::JOB_COUNTS, &self.counts)?;
        Ok(self.batch)
    }

    fn put(&mut self, new: &JobRow, waits: bool) -> Result<(), StoreError> {
        for key in index_keys(new, waits) {
            self.batch.put_raw(Table::JobIndex, &key, &[]);
        }
        self.counts.of(new.status).add_assign(1);
        self.batch.put(Table::Jobs, &keys::number(new.id), new)
    }

    fn take_out(&mut self, old: &JobRow) {
        // A record does not contain whether the job waits, so the keys of both cases are removed.
        for key in index_keys(old, false).into_iter().chain([index::waiting(old.id)]) {
            self.batch.remove(Table::JobIndex, &key);
        }
        let count = self.counts.of(old.status);
        *count = count.saturating_sub(1);
    }
}
