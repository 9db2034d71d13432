//! Queries about jobs and leases, answered from the indexes and the leases in memory.

use std::collections::BTreeSet;

use crate::domain::AggregatedAction;
use crate::domain::job::{JobStatus, JobType};
use crate::store::error::StoreError;
use crate::store::kv::codec;
use crate::store::kv::keys;
use crate::store::kv::keys::{index, meta};
use crate::store::kv::table::Table;
use crate::store::queue::job_index::JobCounts;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::job_record::{JobRecord, JobRow};
use crate::tree::source::Entry;

/// A lease as shown to operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    /// Job id.
    pub job: u32,
    /// Name of the holder.
    pub holder: String,
    /// Time of the claim in milliseconds since 1970; `None` if an earlier version of the program did
    /// not record it.
    pub since_ms: Option<u64>,
    /// Time of the claim or of the last heartbeat, in milliseconds since 1970.
    pub renewed_ms: u64,
}

/// The jobs of a listing, and their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only jobs with this status.
    pub status: Option<JobStatus>,
    /// Only jobs with a larger id.
    pub after: u32,
    /// Only jobs with a smaller id.
    pub before: Option<u32>,
    /// True for the largest id first.
    pub newest_first: bool,
}

impl JobQueue {
    /// Returns a job by its id.
    pub fn job(&self, id: u32) -> Result<Option<JobRecord>, StoreError> {
        let Some(row) = self.job_row(id)? else { return Ok(None) };
        Ok(Some(self.shown(row)))
    }

    /// Returns up to `limit` jobs with an id above `after`, by id: all, or those of a status. The
    /// second value is the `after` of the next page, if there is one.
    pub fn jobs(
        &self,
        status: Option<JobStatus>,
        after: u32,
        limit: usize,
    ) -> Result<(Vec<JobRecord>, Option<u32>), StoreError> {
        self.filtered_jobs(&JobFilter { status, after, ..JobFilter::default() }, limit)
    }

    /// Returns up to `limit` jobs by id. The second value is the `after` of the next page, or its
    /// `before` if the newest come first; `None` on the last page.
    pub fn filtered_jobs(
        &self,
        filter: &JobFilter,
        limit: usize,
    ) -> Result<(Vec<JobRecord>, Option<u32>), StoreError> {
        let JobFilter { status, after, before, newest_first } = *filter;
        let Some(start) = after.checked_add(1) else { return Ok((Vec::new(), None)) };
        if before.is_some_and(|before| before <= start) {
            return Ok((Vec::new(), None));
        }
        let (table, from, end) = match status {
            None => (Table::Jobs, keys::number(start).to_vec(), vec![0xff; 5]),
            Some(status) => (Table::JobIndex, index::status(status, start), index::after_status(status)),
        };
        let to = match (before, status) {
            (None, _) => end,
            (Some(before), None) => keys::number(before).to_vec(),
            (Some(before), Some(status)) => index::status(status, before),
        };
        let read = limit.saturating_add(1);
        let mut entries = match newest_first {
            false => self.core.kv.range(table, &from, &to, read)?,
            true => self.core.kv.range_back(table, &from, &to, read)?,
        };
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).and_then(|(key, _)| keys::tail_number(key));
        let Some(status) = status else {
            let read = |(_, row): Entry| Ok(self.shown(codec::decode("a job", &row)?));
            return Ok((entries.into_iter().map(read).collect::<Result<_, StoreError>>()?, next));
        };
        let ids = entries.iter().filter_map(|(key, _)| keys::tail_number(key));
        // A job may have changed its status since the index was read.
        let records = ids.filter_map(|id| self.job(id).transpose());
        let of_status = records
            .filter(|record| record.as_ref().is_ok_and(|record| record.status == status) || record.is_err());
        Ok((of_status.collect::<Result<_, StoreError>>()?, next))
    }

    /// Returns the number of jobs by status.
    pub fn counts(&self) -> Result<JobCounts, StoreError> {
        Ok(self.core.kv.get(Table::Meta, meta::JOB_COUNTS)?.unwrap_or_default())
    }

    /// Returns the number of jobs that are not done.
    pub fn pending_jobs(&self) -> Result<u64, StoreError> {
        let JobCounts { idle, in_progress, failed, .. } = self.counts()?;
        Ok(idle.saturating_add(in_progress).saturating_add(failed))
    }

    /// Returns the last block of the jobs of a type. Without jobs, it is the last block of the
    /// operations of a chain that was proven elsewhere, or the one before the first block of the
    /// folder.
    pub fn last_block_in_queue(&self, job_type: JobType) -> Result<u32, StoreError> {
        let (from, to) = (index::ranges(job_type), index::after_ranges(job_type));
        let last = self.core.kv.range_back(Table::JobIndex, &from, &to, 1)?;
        match last.first().and_then(|(key, _)| index::range_last(key)) {
            Some(last) => Ok(last),
            None => {
                let elsewhere = self.chain.last_block_of(match job_type {
                    JobType::Single => AggregatedAction::CreateProofBlocks,
                    JobType::Aggregated => AggregatedAction::PublishProofBlocksOnchain,
                });
                Ok(elsewhere?.max(self.chain.base()?))
            }
        }
    }

    /// Returns the job of a type for exactly this range.
    pub fn job_about(
        &self,
        job_type: JobType,
        first: u32,
        last: u32,
    ) -> Result<Option<JobRecord>, StoreError> {
        match self.job_of_range(job_type, first, last)? {
            Some(id) => self.job(id),
            None => Ok(None),
        }
    }

    /// Returns the number of idle jobs that are claimed before this one if provers have no
    /// preferences, counted up to `limit`.
    pub fn idle_before(&self, job: &JobRecord, limit: usize) -> Result<usize, StoreError> {
        let aggregated = match job.job_type {
            JobType::Aggregated => 0,
            JobType::Single => {
                let end = index::idle(JobType::Aggregated, u32::MAX, u32::MAX);
                self.idle_below(JobType::Aggregated, &end, limit)?
            }
        };
        let own = index::idle(job.job_type, job.first, job.id);
        let own = self.idle_below(job.job_type, &own, limit.saturating_sub(aggregated))?;
        Ok(aggregated + own)
    }

    /// Returns the time since which the oldest claimable job is idle, in milliseconds since 1970;
    /// `None` if no job can be claimed.
    pub fn claimable_since_ms(&self) -> Result<Option<u64>, StoreError> {
        let (from, to) = index::all_idle();
        let first = self.core.kv.range(Table::JobIndex, &from, &to, 1)?;
        Ok(first.first().and_then(|(key, _)| index::since_ms(key)))
    }

    /// Returns the names of the provers that hold jobs.
    pub fn holders(&self) -> BTreeSet<String> {
        let mut holders = BTreeSet::new();
        for (_, held) in self.lock().all() {
            if !holders.contains(&held.lease.holder) {
                holders.insert(held.lease.holder.clone());
            }
        }
        holders
    }

    /// Returns all leases, by job. They are in memory.
    pub fn leases(&self) -> Vec<LeaseRecord> {
        let leases = self.lock();
        let shown = leases.all().map(|(job, held)| LeaseRecord {
            job,
            holder: held.lease.holder.clone(),
            since_ms: held.claimed_wall_ms,
            renewed_ms: held.renewed_wall_ms,
        });
        shown.collect()
    }

    /// Returns the id of the job of a type and range.
    pub(crate) fn job_of_range(
        &self,
        job_type: JobType,
        first: u32,
        last: u32,
    ) -> Result<Option<u32>, StoreError> {
        let from = index::range(job_type, first, last, 0);
        let to = index::range(job_type, first, last, u32::MAX);
        let found = self.core.kv.range(Table::JobIndex, &from, &to, 1)?;
        Ok(found.first().and_then(|(key, _)| keys::tail_number(key)))
    }

    /// Adds the last heartbeat, the rest of the backoff and the refused proofs, which are in memory.
    fn shown(&self, row: JobRow) -> JobRecord {
        let mut record = row.record();
        record.refusals =
            self.lock().refusals(record.id).map(|refusals| refusals.by_prover.clone()).unwrap_or_default();
        match record.status {
            JobStatus::InProgress => {
                if let Some(held) = self.lock().get(record.id) {
                    record.updated_at_ms = held.renewed_wall_ms;
                    record.last_heartbeat_ms = Some(held.renewed_wall_ms);
                    record.leased_since_ms = held.claimed_wall_ms;
                }
            }
            JobStatus::Idle => {
                let until_ms = self.lock().waits_until(record.id);
                let left = until_ms.map(|until_ms| until_ms.saturating_sub(self.lease_now()));
                record.waits_ms = left.filter(|left| *left > 0);
            }
            JobStatus::Done | JobStatus::Failed => {}
        }
        record
    }

    fn idle_below(&self, job_type: JobType, to: &[u8], limit: usize) -> Result<usize, StoreError> {
        let from = index::idle(job_type, 0, 0);
        Ok(self.core.kv.range(Table::JobIndex, &from, to, limit)?.len())
    }
}
