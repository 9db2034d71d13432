//! Transitions of jobs: the record, its indexes and the lease in memory change together.

use crate::domain::job::{Job, JobState, JobStatus, Lease};
use crate::store::error::StoreError;
use crate::store::kv::keys;
use crate::store::kv::table::Table;
use crate::store::queue::job_index::JobChanges;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::job_record::{JobDataRef, JobRow};
use crate::store::queue::leases::{Leases, lease_now, renewal_of_earlier_run};

/// Number of jobs that change in one transaction.
const JOBS_PER_BATCH: usize = 100;

pub(crate) struct Transition {
    /// The stored record.
    pub old: JobRow,
    /// The new record. Its status, attempts and time are replaced by those that follow from `job`.
    pub new: JobRow,
    /// The new state.
    pub job: Job,
}

impl JobQueue {
    pub(crate) fn job_row(&self, id: u32) -> Result<Option<JobRow>, StoreError> {
        self.core.kv.get(Table::Jobs, &keys::number(id))
    }

    /// Returns the record of a job that an index refers to.
    pub(crate) fn indexed_row(&self, id: u32) -> Result<JobRow, StoreError> {
        let missing = || StoreError::corrupt(format!("job {id} is indexed and missing"));
        self.job_row(id)?.ok_or_else(missing)
    }

    /// Returns the current time of the leases.
    pub(crate) fn lease_now(&self) -> u64 {
        lease_now(self.core.clock.as_ref(), self.policy)
    }

    /// Returns the state of a record for the state machine.
    pub(crate) fn state_of(&self, row: &JobRow, leases: &Leases) -> Job {
        let state = match row.status {
            JobStatus::Idle => match leases.waits_until(row.id) {
                Some(until_ms) => JobState::Waiting { until_ms },
                None => JobState::Idle,
            },
            JobStatus::Done => JobState::Done,
            JobStatus::Failed => JobState::Failed,
            JobStatus::InProgress => match leases.get(row.id) {
                Some(held) => JobState::InProgress(held.lease.clone()),
                None => JobState::InProgress(self.lease_of_earlier_run(row)),
            },
        };
        Job { state, attempts: row.attempts }
    }

    /// Applies `act` to jobs that are held or wait. Returns the ids of those that it changed.
    pub(crate) fn change_held(
        &self,
        leases: &mut Leases,
        ids: &[u32],
        act: impl Fn(&mut Job) -> bool,
    ) -> Result<Vec<u32>, StoreError> {
        let mut changed = Vec::new();
        for some in ids.chunks(JOBS_PER_BATCH) {
            let mut transitions = Vec::new();
            for &id in some {
                let old = self.job_row(id)?.ok_or_else(|| no_job(id))?;
                let mut job = self.state_of(&old, leases);
                if act(&mut job) {
                    changed.push(id);
                    transitions.push(Transition { new: old.clone(), old, job });
                }
            }
            self.apply_transitions(leases, transitions)?;
        }
        Ok(changed)
    }

    /// Writes the new records, then updates the leases.
    pub(crate) fn apply_transitions(
        &self,
        leases: &mut Leases,
        transitions: Vec<Transition>,
    ) -> Result<(), StoreError> {
        let mut changes = JobChanges::begin(&self.core.kv)?;
        let wall_ms = self.core.now_ms();
        let mut states = Vec::new();
        for Transition { old, mut new, job } in transitions {
            new.status = job.status();
            new.attempts = job.attempts;
            // The end of a backoff changes neither.
            if (old.status, old.attempts) != (new.status, new.attempts) {
                new.updated_at_ms = wall_ms;
            }
            let waits = matches!(job.state, JobState::Waiting { .. });
            changes.replace(&old, &new, waits)?;
            states.push((new.id, job.state));
        }
        self.core.apply(changes.finish()?)?;
        states.into_iter().for_each(|(id, state)| leases.set(id, state, wall_ms));
        Ok(())
    }

    /// Removes jobs with the blobs that they own.
    pub(crate) fn remove_jobs(&self, leases: &mut Leases, rows: Vec<JobRow>) -> Result<(), StoreError> {
        let mut changes = JobChanges::begin(&self.core.kv)?;
        for row in &rows {
            changes.remove(row);
            if let JobDataRef::Blob(blob) = &row.data {
                changes.batch.release(blob.clone());
            }
        }
        self.core.apply(changes.finish()?)?;
        rows.iter().for_each(|row| leases.remove(row.id));
        Ok(())
    }

    /// Returns the lease of a job that was claimed before the start.
    pub(crate) fn lease_of_earlier_run(&self, row: &JobRow) -> Lease {
        let clock = self.core.clock.as_ref();
        let renewed_at_ms = renewal_of_earlier_run(clock, self.policy, row.updated_at_ms);
        Lease { holder: row.holder.clone().unwrap_or_default(), renewed_at_ms }
    }
}

pub(crate) fn no_job(id: u32) -> StoreError {
    StoreError::NotFound { what: format!("job {id}") }
}
