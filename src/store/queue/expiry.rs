//! The end of leases and of backoffs.
//!
//! A lease that is not renewed for the timeout ends at the next [`JobQueue::expire`]. Its job waits
//! for its backoff before it can be claimed again, twice as long after each attempt; other jobs are
//! claimed meanwhile, and then the job has its old place in the queue again. When its attempts are
//! used up, it has failed until an operator requeues it.
//!
//! Jobs in backoff have an index of their own, so a claim does not step over them. The end of a
//! backoff costs one write, done by the next claim.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::domain::AttemptOutcome;
use crate::domain::job::{Job, JobState, JobStatus};
use crate::store::error::StoreError;
use crate::store::kv::codec;
use crate::store::kv::keys;
use crate::store::kv::keys::{attempts, index};
use crate::store::kv::table::Table;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::job_record::JobRow;
use crate::store::queue::leases::{Held, Leases};
use crate::store::queue::transitions::{Transition, no_job, report_failed};

impl JobQueue {
    /// Ends the leases that were not renewed in time. Returns the ids of their jobs, which are idle
    /// or failed now.
    pub fn expire(&self) -> Result<Vec<u32>, StoreError> {
        self.core.ready()?;
        let mut leases = self.lock();
        let (now, policy) = (self.lease_now(), self.policy);
        let stopped = leases.stopped(now);
        let released =
            self.change_held(&mut leases, &stopped, AttemptOutcome::Stopped, |job| match &job.state {
                JobState::InProgress(lease) => {
                    let holder = lease.holder.clone();
                    job.release(&holder)
                }
                _ => false,
            })?;
        self.core.metrics.leases_ended.add("released", released.len() as u64);
        let ids = leases.gone(now, policy);
        let outcome = AttemptOutcome::LeaseLost;
        let expired = self.change_held(&mut leases, &ids, outcome, |job| job.expire(now, policy))?;
        let rows = expired.iter().map(|&id| self.job_row(id)?.ok_or_else(|| no_job(id)));
        let rows = rows.collect::<Result<Vec<_>, StoreError>>()?;
        let failed = rows.iter().filter(|row| row.status == JobStatus::Failed);
        failed.clone().for_each(|row| report_failed(row, leases.refusals(row.id)));
        let failed = failed.count() as u64;
        let metrics = &self.core.metrics;
        metrics.leases_ended.add("parked", failed);
        metrics.leases_ended.add("waiting", (expired.len() as u64).saturating_sub(failed));
        Ok(expired)
    }

    /// Returns the time until the next lease ends if it is not renewed: zero if one is due, `None`
    /// without leases.
    pub fn next_expiry(&self) -> Option<Duration> {
        let leases = self.lock();
        let expiry = leases.oldest_renewal().map(|at_ms| at_ms.saturating_add(self.policy.gone_timeout_ms));
        let ends_at_ms = [expiry, leases.next_stop()].into_iter().flatten().min()?;
        Some(Duration::from_millis(ends_at_ms.saturating_sub(self.lease_now())))
    }

    /// Returns the number of jobs whose lease has ended and that cannot be claimed yet.
    pub fn stale_jobs(&self) -> usize {
        self.lock().stale(self.lease_now(), self.policy)
    }

    /// Returns the time without a heartbeat after which a lease ends, in milliseconds.
    pub fn gone_timeout_ms(&self) -> u64 {
        self.policy.gone_timeout_ms
    }

    /// Makes the jobs whose backoff has ended claimable.
    pub(crate) fn end_backoffs(&self, leases: &mut Leases) -> Result<(), StoreError> {
        let now = self.lease_now();
        let ids = leases.due(now);
        self.change_held(leases, &ids, AttemptOutcome::Ended, |job| job.wake(now)).map(drop)
    }

    /// Loads the stored leases. Those in memory, after a reopen, stay: they are newer than the kv,
    /// which may have lost their claims, and their holders are at work.
    pub(crate) fn load_leases(&self, leases: &mut Leases) -> Result<(), StoreError> {
        let in_memory: Vec<(u32, Held)> = leases.all().map(|(id, held)| (id, held.clone())).collect();
        self.load_provers()?;
        self.replace_old_indexes()?;
        self.load_stored_leases(leases)?;
        in_memory.into_iter().try_for_each(|(id, held)| self.keep_lease(leases, id, held))?;
        self.resume_requeue(leases)
    }

    /// Keeps a lease that was in memory, unless the job has ended or does not exist.
    fn keep_lease(&self, leases: &mut Leases, id: u32, held: Held) -> Result<(), StoreError> {
        let Some(old) = self.job_row(id)? else { return Ok(()) };
        let same_holder = old.holder.as_ref() == Some(&held.lease.holder);
        match old.status {
            JobStatus::Done | JobStatus::Failed => return Ok(()),
            JobStatus::InProgress if same_holder => {}
            // The kv lost the claim.
            JobStatus::InProgress | JobStatus::Idle => {
                let new = JobRow { holder: Some(held.lease.holder.clone()), ..old.clone() };
                let state = JobState::InProgress(held.lease.clone());
                let job = Job { state, attempts: old.attempts.saturating_add(1) };
                let end = AttemptOutcome::LeaseLost.into();
                self.apply_transitions(leases, vec![Transition { old, new, job, end }])?;
            }
        }
        leases.restore(id, held);
        Ok(())
    }

    /// Loads the leases of the last run. Jobs that were in backoff then are idle.
    fn load_stored_leases(&self, leases: &mut Leases) -> Result<(), StoreError> {
        *leases = Leases::default();
        let from = index::status(JobStatus::InProgress, 0);
        let to = index::after_status(JobStatus::InProgress);
        let ids: BTreeSet<u32> = self.indexed_ids(&from, &to)?.into_iter().collect();
        for id in ids {
            let row = self.job_row(id)?.ok_or_else(|| no_job(id))?;
            let claimed = self.attempt_in_progress(id)?.map(|attempt| attempt.begun_at_ms);
            leases.insert(id, self.lease_of_earlier_run(&row), row.updated_at_ms, claimed);
        }
        let (from, to) = attempts::all_refusals();
        for (key, row) in self.core.kv.range(Table::Attempts, &from, &to, usize::MAX)? {
            if let Some(job) = keys::tail_number(&key) {
                leases.set_refusals(job, codec::decode("refused proofs", &row)?);
            }
        }
        let waiting = self.indexed_ids(&index::waiting(0), &index::after_waiting())?;
        self.change_held(leases, &waiting, AttemptOutcome::Ended, |_| true).map(drop)
    }

    fn indexed_ids(&self, from: &[u8], to: &[u8]) -> Result<Vec<u32>, StoreError> {
        let entries = self.core.kv.range(Table::JobIndex, from, to, usize::MAX)?;
        Ok(entries.iter().filter_map(|(key, _)| keys::tail_number(key)).collect())
    }
}
