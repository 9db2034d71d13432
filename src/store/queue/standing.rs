//! Where jobs stand among others: what operators ask, read from the indexes and the leases in memory, and what they have tried again.

use std::collections::BTreeSet;

use crate::domain::AggregatedAction;
use crate::domain::job::JobType;
use crate::store::chain::aggregated_operations::AggregatedOperationRecord;
use crate::store::error::StoreError;
use crate::store::kv::keys::index;
use crate::store::kv::table::Table;
use crate::store::queue::job_data::AddJob;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::jobs::JobRecord;

/// A prover's claim on a job, as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    /// The job.
    pub job: u32,
    /// The prover that has it.
    pub holder: String,
    /// When it was handed out, in milliseconds since 1970; `None` when that was in an earlier run.
    pub since_ms: Option<u64>,
    /// When it was taken or renewed last, in milliseconds since 1970.
    pub renewed_ms: u64,
}

impl JobQueue {
    /// The provers that hold jobs.
    pub fn holders(&self) -> BTreeSet<String> {
        let mut holders = BTreeSet::new();
        for (_, held) in self.lock().all() {
            if !holders.contains(&held.lease.holder) {
                holders.insert(held.lease.holder.clone());
            }
        }
        holders
    }

    /// All leases, by job. They are in memory.
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

    /// Lets a block be tried again that does not go on by itself: one that is quarantined, or whose job, or the aggregated job that covers it,
    /// was dropped. Whether it was one; durable on return.
    pub fn retry(&self, number: u32) -> Result<bool, StoreError> {
        if self.chain.free(number)? {
            return Ok(true);
        }
        let made = number > self.chain.last_verified_block()?
            && (self.add_dropped_single_job(number)? || self.add_dropped_aggregated_job(number)?);
        if made {
            self.core.sync()?;
        }
        Ok(made)
    }

    // What is behind the queue has its turn yet to come: with its job made now, those before it would be passed over.

    fn add_dropped_single_job(&self, number: u32) -> Result<bool, StoreError> {
        let queued = number <= self.last_block_in_queue(JobType::Single)?;
        if !queued || self.has_single_proof(number)? || self.tree.witness(number)?.is_none() {
            return Ok(false);
        }
        Ok(matches!(self.add_single_job(number)?, AddJob::Added(_)))
    }

    fn add_dropped_aggregated_job(&self, number: u32) -> Result<bool, StoreError> {
        let range = self.chain.aggregated_operation_covering(AggregatedAction::CreateProofBlocks, number)?;
        let Some(AggregatedOperationRecord { first, last, .. }) = range else { return Ok(false) };
        let queued = last <= self.last_block_in_queue(JobType::Aggregated)?;
        if !queued || self.has_aggregated_proof(first, last)? {
            return Ok(false);
        }
        match self.add_aggregated_job(first, last) {
            Err(StoreError::MissingProof { .. }) => Ok(false),
            added => Ok(matches!(added?, AddJob::Added(_))),
        }
    }

    /// How long a lease lives without a heartbeat, in milliseconds.
    pub fn gone_timeout_ms(&self) -> u64 {
        self.policy.gone_timeout_ms
    }

    /// The job of a type about exactly this range.
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

    /// How many idle jobs are handed out before this one, unless a prover prefers others; counted up to `limit`.
    pub fn idle_before(&self, job: &JobRecord, limit: usize) -> Result<usize, StoreError> {
        let aggregated = match job.job_type {
            JobType::Aggregated => 0,
            JobType::Single => self.idle_below(JobType::Aggregated, u32::MAX, limit)?,
        };
        let own = self.idle_below(job.job_type, job.id, limit.saturating_sub(aggregated))?;
        Ok(aggregated + own)
    }

    fn idle_below(&self, job_type: JobType, id: u32, limit: usize) -> Result<usize, StoreError> {
        let (from, to) = (index::idle(job_type, 0), index::idle(job_type, id));
        Ok(self.core.kv.range_raw(Table::JobIndex, &from, &to, limit)?.len())
    }
}
