//! Transitions of jobs: the record, its indexes and the lease in memory change together.

use crate::domain::AttemptOutcome;
use crate::domain::job::{Job, JobState, JobStatus, Lease};
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::keys;
use crate::store::kv::table::Table;
use crate::store::queue::attempt_record::AttemptEnd;
use crate::store::queue::job_index::JobChanges;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::job_record::{JobDataRef, JobRow};
use crate::store::queue::leases::{Leases, lease_now, renewal_of_earlier_run};
use crate::store::queue::refusal_record::RefusalRecord;

/// Number of jobs that change in one transaction. With their attempts and provers, each takes up to
/// 3 kB.
pub(crate) const JOBS_PER_BATCH: usize = 50;

pub(crate) struct Transition {
    /// The stored record.
    pub old: JobRow,
    /// The new record. Its status, attempts and time are replaced by those that follow from `job`.
    pub new: JobRow,
    /// The new state.
    pub job: Job,
    /// The end of the attempt in progress, if the new state ends it.
    pub end: AttemptEnd,
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

    /// Applies `act` to jobs that are held or wait; attempts that it ends have this outcome. Returns
    /// the ids of the jobs that it changed.
    pub(crate) fn change_held(
        &self,
        leases: &mut Leases,
        ids: &[u32],
        outcome: AttemptOutcome,
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
                    transitions.push(Transition { new: old.clone(), old, job, end: outcome.into() });
                }
            }
            self.apply_transitions(leases, transitions)?;
        }
        Ok(changed)
    }

    /// Writes the new records with the attempts that begin and end, then updates the leases.
    pub(crate) fn apply_transitions(
        &self,
        leases: &mut Leases,
        transitions: Vec<Transition>,
    ) -> Result<(), StoreError> {
        let mut changes = JobChanges::begin(&self.core.kv)?;
        let wall_ms = self.core.now_ms();
        let mut states = Vec::new();
        for transition in transitions {
            states.push(self.change(&mut changes, transition)?);
        }
        self.core.apply(self.finished(changes)?)?;
        states.into_iter().for_each(|(id, state)| leases.set(id, state, wall_ms));
        Ok(())
    }

    /// Adds a transition to a transaction; returns the job and its new state, for the leases.
    pub(crate) fn change(
        &self,
        changes: &mut JobChanges<'_>,
        transition: Transition,
    ) -> Result<(u32, JobState), StoreError> {
        let Transition { old, mut new, job, end } = transition;
        let wall_ms = self.core.now_ms();
        new.status = job.status();
        new.attempts = job.attempts;
        // The end of a backoff changes neither.
        if (old.status, old.attempts) != (new.status, new.attempts) {
            new.updated_at_ms = wall_ms;
        }
        let waits = matches!(job.state, JobState::Waiting { .. });
        changes.replace(&old, &new, waits)?;
        if old.status == JobStatus::InProgress {
            changes.end_attempt(old.id, &end, wall_ms)?;
        }
        if let JobState::InProgress(lease) = &job.state {
            changes.begin_attempt(&new, &lease.holder, wall_ms)?;
        }
        Ok((new.id, job.state))
    }

    /// Removes jobs with the blobs that they own.
    pub(crate) fn remove_jobs(&self, leases: &mut Leases, rows: Vec<JobRow>) -> Result<(), StoreError> {
        let mut changes = JobChanges::begin(&self.core.kv)?;
        let (end, wall_ms) = (AttemptOutcome::Ended.into(), self.core.now_ms());
        for row in &rows {
            changes.remove(row);
            if row.status == JobStatus::InProgress {
                changes.end_attempt(row.id, &end, wall_ms)?;
            }
            if let JobDataRef::Blob(blob) = &row.data {
                changes.batch.release(blob.clone());
            }
        }
        self.core.apply(self.finished(changes)?)?;
        rows.iter().for_each(|row| leases.forget(row.id));
        Ok(())
    }

    /// Returns the transaction of changes, with the statistics of the provers.
    pub(crate) fn finished(&self, mut changes: JobChanges<'_>) -> Result<Batch, StoreError> {
        self.count_attempts(&changes.attempts, &mut changes.batch)?;
        changes.finish()
    }

    /// Returns the lease of a job that was claimed before the start.
    pub(crate) fn lease_of_earlier_run(&self, row: &JobRow) -> Lease {
        let clock = self.core.clock.as_ref();
        let renewed_at_ms = renewal_of_earlier_run(clock, self.policy, row.updated_at_ms);
        Lease { holder: row.holder.clone().unwrap_or_default(), renewed_at_ms }
    }
}

/// Logs that a job has used up its attempts, and what an operator can do. Called once for each such
/// job: it is not claimed again.
pub(crate) fn report_failed(row: &JobRow, refusals: Option<&RefusalRecord>) {
    let JobRow { id, first, last, attempts, .. } = *row;
    let refused = refusals.map_or(0, RefusalRecord::attempts);
    let last_prover = row.holder.as_deref();
    tracing::error!(
        job = id,
        first,
        last,
        attempts,
        refused,
        last_prover,
        "the job has used up its attempts and has failed; mend the provers, then run `jobs requeue {id}`"
    );
}

pub(crate) fn no_job(id: u32) -> StoreError {
    StoreError::NotFound { what: format!("job {id}") }
}
