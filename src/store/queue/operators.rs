//! Interventions of operators in jobs and blocks: requeue, drop, retry.

use std::collections::BTreeSet;

use crate::domain::job::{JobStatus, JobType};
use crate::domain::{AggregatedAction, AttemptOutcome};
use crate::store::chain::aggregated_operations::AggregatedOperationRecord;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::keys;
use crate::store::kv::keys::{index, meta};
use crate::store::kv::table::Table;
use crate::store::queue::job_index::JobChanges;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::leases::Leases;
use crate::store::queue::new_jobs::AddOutcome;
use crate::store::queue::transitions::{JOBS_PER_BATCH, Transition, no_job};

/// Largest number of jobs that are requeued together.
const MAX_REQUEUED: usize = 10_000;

/// Jobs that are requeued together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhichJobs {
    /// These jobs; none of them may be missing or done.
    Ids(Vec<u32>),
    /// All failed jobs.
    Failed,
    /// All jobs that are not done and are about blocks of this range only.
    Blocks {
        /// First block.
        first: u32,
        /// Last block.
        last: u32,
    },
}

impl JobQueue {
    /// Makes a job claimable again with all its attempts, and ends its lease.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the job is done.
    pub fn requeue(&self, id: u32) -> Result<(), StoreError> {
        self.core.ready()?;
        let mut leases = self.lock();
        let old = self.job_row(id)?.ok_or_else(|| no_job(id))?;
        let mut job = self.state_of(&old, &leases);
        job.requeue().map_err(|_| proven(id))?;
        let mut changes = JobChanges::begin(&self.core.kv)?;
        changes.remove_refusals(id);
        let end = AttemptOutcome::Ended.into();
        let (id, state) = self.change(&mut changes, Transition { new: old.clone(), old, job, end })?;
        self.core.apply(self.finished(changes)?)?;
        leases.set(id, state, self.core.now_ms());
        leases.clear_refusals(id);
        let generation = self.core.kv.generation();
        drop(leases);
        self.core.sync_generation(generation)
    }

    /// Requeues many jobs like [`JobQueue::requeue`]: all or none, also if the process is killed
    /// meanwhile. Returns their ids.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Conflict`] if a job does not exist or is done;
    /// [`StoreError::TooLarge`] for more than 10,000 jobs.
    pub fn requeue_many(&self, which: &WhichJobs) -> Result<Vec<u32>, StoreError> {
        self.core.ready()?;
        let mut leases = self.lock();
        let ids = self.select(which)?;
        let mut marker = Batch::new();
        marker.put(Table::Meta, meta::REQUEUE, &ids)?;
        self.core.apply(marker)?;
        self.resume_requeue(&mut leases)?;
        let generation = self.core.kv.generation();
        drop(leases);
        self.core.sync_generation(generation)?;
        Ok(ids)
    }

    /// Finishes an interrupted [`JobQueue::requeue_many`].
    pub(crate) fn resume_requeue(&self, leases: &mut Leases) -> Result<(), StoreError> {
        let Some(ids) = self.core.kv.get::<Vec<u32>>(Table::Meta, meta::REQUEUE)? else { return Ok(()) };
        for some in ids.chunks(JOBS_PER_BATCH) {
            let mut changes = JobChanges::begin(&self.core.kv)?;
            let mut states = Vec::new();
            for &id in some {
                let Some(old) = self.job_row(id)? else { continue };
                let mut job = self.state_of(&old, leases);
                if job.requeue().is_ok() {
                    changes.remove_refusals(id);
                    let end = AttemptOutcome::Ended.into();
                    states.push(self.change(&mut changes, Transition { new: old.clone(), old, job, end })?);
                }
            }
            self.core.apply(self.finished(changes)?)?;
            for (id, state) in states {
                leases.set(id, state, self.core.now_ms());
                leases.clear_refusals(id);
            }
        }
        let mut marker = Batch::new();
        marker.remove(Table::Meta, meta::REQUEUE);
        self.core.apply(marker)
    }

    /// Returns the ids of jobs that can be requeued.
    fn select(&self, which: &WhichJobs) -> Result<Vec<u32>, StoreError> {
        let too_many = || StoreError::TooLarge { what: "the list of jobs".into() };
        let mut ids = BTreeSet::new();
        match which {
            WhichJobs::Ids(listed) => {
                for &id in listed {
                    let row = self.job_row(id)?.ok_or_else(|| no_job(id))?;
                    if row.status == JobStatus::Done {
                        return Err(proven(id));
                    }
                    ids.insert(id);
                }
            }
            WhichJobs::Failed => {
                let (from, to) =
                    (index::status(JobStatus::Failed, 0), index::after_status(JobStatus::Failed));
                let found = self.core.kv.range(Table::JobIndex, &from, &to, MAX_REQUEUED + 1)?;
                ids.extend(found.iter().filter_map(|(key, _)| keys::tail_number(key)));
            }
            WhichJobs::Blocks { first, last } => {
                for job_type in [JobType::Single, JobType::Aggregated] {
                    let from = index::ranges_after(job_type, first.saturating_sub(1));
                    let to = index::ranges_after(job_type, *last);
                    for (key, _) in self.core.kv.range(Table::JobIndex, &from, &to, MAX_REQUEUED + 1)? {
                        let Some(id) = keys::tail_number(&key) else { continue };
                        let row = self.indexed_row(id)?;
                        if row.first >= *first && row.status != JobStatus::Done {
                            ids.insert(id);
                        }
                    }
                }
            }
        }
        if ids.len() > MAX_REQUEUED { Err(too_many()) } else { Ok(ids.into_iter().collect()) }
    }

    /// Removes a job that is not done, and its lease. The updater creates it again only if its
    /// block is the next one.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the job is done.
    pub fn drop_job(&self, id: u32) -> Result<(), StoreError> {
        self.core.ready()?;
        let mut leases = self.lock();
        let row = self.job_row(id)?.ok_or_else(|| no_job(id))?;
        if row.status == JobStatus::Done {
            return Err(proven(id));
        }
        self.remove_jobs(&mut leases, vec![row])?;
        let generation = self.core.kv.generation();
        drop(leases);
        self.core.sync_generation(generation)
    }

    /// Removes the last aggregated jobs that no operation asks for, done or not, except those that end
    /// up to block `floor`; durable on return. Proofs stay: if an operation asks for one again, its job
    /// is done at once. Returns the number of removed jobs.
    ///
    /// With such a job, the updater would skip the operations of its blocks.
    pub(crate) fn remove_jobs_without_operation(&self, floor: u32) -> Result<u32, StoreError> {
        self.core.ready()?;
        let mut leases = self.lock();
        let (from, to) =
            (index::ranges_after(JobType::Aggregated, floor), index::after_ranges(JobType::Aggregated));
        let mut removed = 0_u32;
        while let [(key, _)] = &self.core.kv.range_back(Table::JobIndex, &from, &to, 1)?[..] {
            let id = keys::tail_number(key).ok_or_else(|| StoreError::corrupt("a key of the job index"))?;
            let row = self.indexed_row(id)?;
            let create = AggregatedAction::CreateProofBlocks;
            let operation = self.chain.aggregated_operation_covering(create, row.last)?;
            if operation.is_some_and(|one| (one.first, one.last) == (row.first, row.last)) {
                break;
            }
            self.remove_jobs(&mut leases, vec![row])?;
            removed = removed.saturating_add(1);
        }
        let generation = self.core.kv.generation();
        drop(leases);
        if removed > 0 {
            self.core.sync_generation(generation)?;
        }
        Ok(removed)
    }

    /// Retries a block that does not proceed without an operator: one that is quarantined, or whose
    /// job, or the aggregated job that covers it, was dropped. Returns true if the block was one of
    /// these; durable on return.
    pub fn retry(&self, number: u32) -> Result<bool, StoreError> {
        if self.chain.end_quarantine(number)? {
            return Ok(true);
        }
        let added = number > self.chain.last_verified_block()?
            && (self.add_dropped_single_job(number)? || self.add_dropped_aggregated_job(number)?);
        if added {
            self.core.sync()?;
        }
        Ok(added)
    }

    // Blocks after the last one of the queue get their jobs from the updater: with a job added
    // here, the updater would skip the blocks before it.

    fn add_dropped_single_job(&self, number: u32) -> Result<bool, StoreError> {
        let queued = number <= self.last_block_in_queue(JobType::Single)?;
        if !queued || self.has_single_proof(number)? || self.tree.witness(number)?.is_none() {
            return Ok(false);
        }
        Ok(matches!(self.add_single_job(number)?, AddOutcome::Added(_)))
    }

    fn add_dropped_aggregated_job(&self, number: u32) -> Result<bool, StoreError> {
        let action = AggregatedAction::CreateProofBlocks;
        let range = self.chain.aggregated_operation_covering(action, number)?;
        let Some(AggregatedOperationRecord { first, last, .. }) = range else { return Ok(false) };
        let queued = last <= self.last_block_in_queue(JobType::Aggregated)?;
        if !queued || self.has_aggregated_proof(first, last)? {
            return Ok(false);
        }
        match self.add_aggregated_job(first, last) {
            Err(StoreError::MissingProof { .. }) => Ok(false),
            added => Ok(matches!(added?, AddOutcome::Added(_))),
        }
    }
}

fn proven(id: u32) -> StoreError {
    StoreError::Conflict {
        what: format!("the stored proof of job {id}: the job is done, and only `revert` removes proofs"),
    }
}
