//! The job queue: who gets which job, for how long.
//!
//! - A job is handed to one prover at a time: of all idle jobs the one with the smallest (priority, id), unless the prover prefers
//!   a type or, among jobs of one type, a block size. The holder is recorded as it is handed out.
//! - Only the holder's heartbeat renews the lease. A lease that is not renewed for the timeout ends at the next [`JobQueue::expire`].
//! - A job whose lease ended waits before it is handed out again, twice as long after each attempt; others are handed out meanwhile. Then
//!   it has its old place. Waiting jobs stand in an index of their own, so a hand-out does not step over them; the end of a wait
//!   costs one write, done by the next hand-out.
//! - A job whose attempts are used up is parked as failed until an operator requeues it.
//! - A job leaves by [`JobQueue::drop_job`] or a revert only.
//!
//! All of it is serialised by one lock, held for some index look-ups and one transaction, never for a sync. Leases are not synced: losing
//! one costs a lease. A heartbeat writes nothing but the record of a lease, at most eight times a timeout.

use std::cell::Cell;
use std::collections::BTreeSet;

use crate::domain::job::{Job, JobError, JobState, JobStatus, JobType, Lease};
use crate::store::error::StoreError;
use crate::store::kv::keys;
use crate::store::kv::keys::index;
use crate::store::kv::table::Table;
use crate::store::queue::job_data::JobData;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::jobs::{JobMoves, JobRecord, JobRow, MAX_PROVER_NAME};
use crate::store::queue::leases::{Leases, lease_now, renewal_of_earlier_run};

/// Jobs that change in one transaction.
const JOBS_A_BATCH: usize = 100;

/// What a prover would rather do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preference {
    /// `Some(false)`: single jobs first. Otherwise aggregated ones, as their priority says.
    pub prefer_aggregated: Option<bool>,
    /// Among single jobs, those of blocks with that many chunks first.
    pub block_size: Option<u32>,
}

/// A job as handed out.
#[derive(Clone, Debug)]
pub struct ClaimedJob {
    /// Job id, from 1.
    pub id: u32,
    /// What is to be proven.
    pub job_type: JobType,
    /// First block.
    pub first: u32,
    /// Last block.
    pub last: u32,
    /// The how-manieth attempt this is, from 1.
    pub attempt: u32,
    /// The protocol's `data`.
    pub data: JobData,
}

/// What a heartbeat came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeartbeatOutcome {
    /// The lease runs anew.
    Renewed,
    /// There is no such job.
    NotFound,
    /// Another prover has it.
    NotHolder {
        /// That prover.
        holder: String,
    },
    /// Nobody has it.
    NotInProgress {
        /// Where it stands.
        status: JobStatus,
    },
}

impl JobQueue {
    /// Hands the best idle job to a prover; `None` when nothing is idle, or all that is still waits. [`StoreError::InsufficientStorage`] when
    /// space is short: what a prover would be given to do belongs on the disk in the end.
    pub fn claim(&self, prover: &str, preference: Preference) -> Result<Option<ClaimedJob>, StoreError> {
        if prover.len() > MAX_PROVER_NAME {
            return Err(StoreError::TooLarge { what: "the name of the prover".into() });
        }
        self.core.check_space()?;
        self.core.ready()?;
        let mut leases = self.lock();
        self.wake(&mut leases)?;
        while let Some(row) = self.pick(preference)? {
            let data = self.data_of(&row)?;
            let mut job = self.state_of(&row, &leases);
            let mut new = row.clone();
            if data.is_some() {
                let claimed = job.claim(prover, self.lease_now());
                claimed.map_err(|_| StoreError::corrupt(format!("job {} is indexed as idle", row.id)))?;
                new.holder = Some(prover.into());
            } else {
                // Without its witness it would block the queue.
                tracing::error!(job = row.id, "the data of the job is missing, it is parked as failed");
                job.state = JobState::Failed;
            }
            self.change_jobs(&mut leases, vec![(row, new.clone(), job.clone())])?;
            if let Some(data) = data {
                let JobRow { id, job_type, first, last, .. } = new;
                let kind = match job_type {
                    JobType::Single => "single",
                    JobType::Aggregated => "aggregated",
                };
                self.core.metrics.attempts.add(kind, 1);
                return Ok(Some(ClaimedJob { id, job_type, first, last, attempt: job.attempts, data }));
            }
        }
        Ok(None)
    }

    /// A prover is still at a job.
    pub fn heartbeat(&self, prover: &str, id: u32) -> Result<HeartbeatOutcome, StoreError> {
        let outcome = self.renew(prover, id)?;
        let word = match outcome {
            HeartbeatOutcome::Renewed => "renewed",
            HeartbeatOutcome::NotFound => "not_found",
            HeartbeatOutcome::NotHolder { .. } => "not_holder",
            HeartbeatOutcome::NotInProgress { .. } => "not_in_progress",
        };
        // Outside of the lock of the queue.
        self.core.metrics.heartbeats.add(word, 1);
        Ok(outcome)
    }

    fn renew(&self, prover: &str, id: u32) -> Result<HeartbeatOutcome, StoreError> {
        let mut leases = self.lock();
        let Some(held) = leases.get(id) else {
            return Ok(match self.job_row(id)? {
                Some(row) => HeartbeatOutcome::NotInProgress { status: row.status },
                None => HeartbeatOutcome::NotFound,
            });
        };
        let mut job = Job { state: JobState::InProgress(held.lease.clone()), attempts: 0 };
        match job.heartbeat(prover, self.lease_now()) {
            Ok(()) => {}
            Err(JobError::NotHolder { holder }) => return Ok(HeartbeatOutcome::NotHolder { holder }),
            Err(JobError::WrongStatus { status }) => return Ok(HeartbeatOutcome::NotInProgress { status }),
        }
        let JobState::InProgress(lease) = job.state else { return Ok(HeartbeatOutcome::Renewed) };
        let wall_ms = self.core.clock.wall_ms();
        if leases.renew(id, lease, wall_ms, self.policy)
            && let Err(error) = self.record_renewal(id, wall_ms)
        {
            // The lease itself is renewed; only the next run would not know.
            tracing::warn!(job = id, %error, "cannot record a heartbeat");
        }
        Ok(HeartbeatOutcome::Renewed)
    }

    /// A prover stops: its jobs become idle. Returns their ids.
    pub fn release(&self, prover: &str) -> Result<Vec<u32>, StoreError> {
        self.core.ready()?;
        let mut leases = self.lock();
        let ids = leases.of_holder(prover);
        let released = self.change_held(&mut leases, &ids, |job| job.release(prover))?;
        self.core.metrics.leases_ended.add("released", released.len() as u64);
        Ok(released)
    }

    /// Ends the leases that were not renewed in time. Returns the ids of their jobs, which are idle or failed now.
    pub fn expire(&self) -> Result<Vec<u32>, StoreError> {
        self.core.ready()?;
        let mut leases = self.lock();
        let (now, policy) = (self.lease_now(), self.policy);
        let ids = leases.gone(now, policy, usize::MAX);
        let parked = Cell::new(0);
        let expired = self.change_held(&mut leases, &ids, |job| {
            let ended = job.expire(now, policy);
            parked.set(parked.get() + u64::from(ended && job.status() == JobStatus::Failed));
            ended
        })?;
        self.core.metrics.leases_ended.add("parked", parked.get());
        self.core.metrics.leases_ended.add("waiting", (expired.len() as u64).saturating_sub(parked.get()));
        Ok(expired)
    }

    /// Number of jobs whose prover fell silent, and which no other prover may have yet.
    pub fn stale_jobs(&self) -> usize {
        self.lock().stale(self.lease_now(), self.policy)
    }

    /// Puts jobs whose wait is over among the idle ones.
    fn wake(&self, leases: &mut Leases) -> Result<(), StoreError> {
        let now = self.lease_now();
        let ids = leases.due(now);
        self.change_held(leases, &ids, |job| job.wake(now)).map(drop)
    }

    /// An operator gives a job another chance, whoever holds it. A job that is done is [`StoreError::Conflict`].
    pub fn requeue(&self, id: u32) -> Result<(), StoreError> {
        self.core.ready()?;
        let mut leases = self.lock();
        let row = self.job_row(id)?.ok_or_else(|| no_job(id))?;
        let mut job = self.state_of(&row, &leases);
        job.requeue().map_err(|_| StoreError::Conflict { what: format!("the stored proof of job {id}") })?;
        self.change_jobs(&mut leases, vec![(row.clone(), row, job)])?;
        let generation = self.core.kv.generation();
        drop(leases);
        self.core.sync_generation(generation)
    }

    /// Removes a job that is not done, whoever holds it. The updater makes it again only if its block is the next one. A job
    /// that is done is [`StoreError::Conflict`].
    pub fn drop_job(&self, id: u32) -> Result<(), StoreError> {
        self.core.ready()?;
        let mut leases = self.lock();
        let row = self.job_row(id)?.ok_or_else(|| no_job(id))?;
        if row.status == JobStatus::Done {
            return Err(StoreError::Conflict { what: format!("the stored proof of job {id}") });
        }
        self.remove_jobs(&mut leases, vec![row])?;
        let generation = self.core.kv.generation();
        drop(leases);
        self.core.sync_generation(generation)
    }

    pub(crate) fn remove_jobs(&self, leases: &mut Leases, rows: Vec<JobRow>) -> Result<(), StoreError> {
        let mut moves = JobMoves::begin(&self.core.kv)?;
        for row in &rows {
            moves.change(Some(row), None)?;
            if let crate::store::queue::jobs::JobDataRef::Body(body) = &row.data {
                moves.batch.release(body.clone());
            }
        }
        self.core.apply(moves.finish()?)?;
        rows.iter().for_each(|row| leases.remove(row.id));
        Ok(())
    }

    /// The best idle job.
    fn pick(&self, preference: Preference) -> Result<Option<JobRow>, StoreError> {
        let order = match preference.prefer_aggregated {
            Some(false) => [JobType::Single, JobType::Aggregated],
            _ => [JobType::Aggregated, JobType::Single],
        };
        for job_type in order {
            let sized = preference.block_size.map(|chunks| {
                let bound = |id| index::idle_of_size(job_type, chunks, id);
                (bound(0), bound(u32::MAX))
            });
            let any = (index::idle(job_type, 0), index::idle(job_type, u32::MAX));
            for (from, to) in sized.into_iter().chain([any]) {
                let found = self.core.kv.range_raw(Table::JobIndex, &from, &to, 1)?;
                if let Some(id) = found.first().and_then(|(key, _)| keys::tail_number(key)) {
                    let missing = || StoreError::corrupt(format!("job {id} is indexed and missing"));
                    return self.job_row(id)?.ok_or_else(missing).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// Lets the state machine act on jobs that are held or wait; returns the ids of those that changed.
    fn change_held(
        &self,
        leases: &mut Leases,
        ids: &[u32],
        act: impl Fn(&mut Job) -> bool,
    ) -> Result<Vec<u32>, StoreError> {
        let mut changed = Vec::new();
        for some in ids.chunks(JOBS_A_BATCH) {
            let mut moves = Vec::new();
            for &id in some {
                let row = self.job_row(id)?.ok_or_else(|| no_job(id))?;
                let mut job = self.state_of(&row, leases);
                if act(&mut job) {
                    changed.push(id);
                    moves.push((row.clone(), row, job));
                }
            }
            self.change_jobs(leases, moves)?;
        }
        Ok(changed)
    }

    /// Writes jobs in their new state, then takes the leases over. Each is: the record, the record as changed otherwise, the state.
    fn change_jobs(&self, leases: &mut Leases, jobs: Vec<(JobRow, JobRow, Job)>) -> Result<(), StoreError> {
        let mut moves = JobMoves::begin(&self.core.kv)?;
        let wall_ms = self.core.clock.wall_ms();
        let mut states = Vec::new();
        for (old, mut new, job) in jobs {
            new.status = job.status();
            new.attempts = job.attempts;
            // The end of a wait changes neither.
            if (old.status, old.attempts) != (new.status, new.attempts) {
                new.updated_at_ms = wall_ms;
            }
            let waits = matches!(job.state, JobState::Waiting { .. });
            moves.change_to(Some(&old), Some(&new), waits)?;
            states.push((new.id, job.state));
        }
        self.core.apply(moves.finish()?)?;
        states.into_iter().for_each(|(id, state)| leases.set(id, state, wall_ms));
        Ok(())
    }

    /// The job of a record for the state machine.
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

    /// A record as shown: with the last heartbeat and the wait, which are in memory only.
    pub(crate) fn shown(&self, row: JobRow) -> JobRecord {
        let mut record = row.record();
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

    fn record_renewal(&self, id: u32, wall_ms: u64) -> Result<(), StoreError> {
        let Some(mut row) = self.job_row(id)? else { return Ok(()) };
        row.updated_at_ms = wall_ms;
        let mut batch = crate::store::kv::batch::Batch::new();
        batch.put(Table::Jobs, &keys::number(id), &row)?;
        self.core.apply(batch)
    }

    /// Takes up the leases of the last run; what waited then is idle.
    pub(crate) fn load_leases(&self, leases: &mut Leases) -> Result<(), StoreError> {
        *leases = Leases::default();
        let (from, to) =
            (index::status(JobStatus::InProgress, 0), index::after_status(JobStatus::InProgress));
        let entries = self.core.kv.range_raw(Table::JobIndex, &from, &to, usize::MAX)?;
        let ids: BTreeSet<u32> = entries.iter().filter_map(|(key, _)| keys::tail_number(key)).collect();
        for id in ids {
            let row = self.job_row(id)?.ok_or_else(|| no_job(id))?;
            leases.insert(id, self.lease_of_earlier_run(&row), row.updated_at_ms, None);
        }
        let waited = self.core.kv.range_raw(
            Table::JobIndex,
            &index::waiting(0),
            &index::after_waiting(),
            usize::MAX,
        )?;
        let waited: Vec<u32> = waited.iter().filter_map(|(key, _)| keys::tail_number(key)).collect();
        self.change_held(leases, &waited, |_| true).map(drop)
    }

    fn lease_of_earlier_run(&self, row: &JobRow) -> Lease {
        let renewed_at_ms = renewal_of_earlier_run(self.core.clock.as_ref(), self.policy, row.updated_at_ms);
        Lease { holder: row.holder.clone().unwrap_or_default(), renewed_at_ms }
    }

    fn lease_now(&self) -> u64 {
        lease_now(self.core.clock.as_ref(), self.policy)
    }
}

fn no_job(id: u32) -> StoreError {
    StoreError::NotFound { what: format!("job {id}") }
}
