//! Interventions of operators in jobs and blocks: requeue, drop, retry.

use crate::domain::AggregatedAction;
use crate::domain::job::{JobStatus, JobType};
use crate::store::chain::aggregated_operations::AggregatedOperationRecord;
use crate::store::error::StoreError;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::new_jobs::AddOutcome;
use crate::store::queue::transitions::{Transition, no_job};

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
        self.apply_transitions(&mut leases, vec![Transition { new: old.clone(), old, job }])?;
        let generation = self.core.kv.generation();
        drop(leases);
        self.core.sync_generation(generation)
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
    StoreError::Conflict { what: format!("the stored proof of job {id}") }
}
