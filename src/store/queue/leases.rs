//! Leases of this run, in memory: a heartbeat costs no write to the index.
//!
//! Their times are of the monotonic clock, so that a wall clock that is set neither ends nor extends a lease. Records keep the
//! wall time of the last renewal (written at most eight times a timeout); the next run takes the age of its leases from that,
//! and lets each live for an eighth of the timeout at least: whatever the wall clock did meanwhile, and however long nobody
//! could be heard, a holder that is still at work has the time to say so.
//!
//! Jobs that wait after a lease of theirs ended are kept here as well. In the index they are out of the way of those that are idle
//! (`keys::index::waiting`); the next run takes them for idle, so that a restart costs a wait and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Clock;
use crate::domain::job::{JobState, Lease, LeasePolicy};

/// The leases of all jobs in progress.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    by_job: BTreeMap<u32, Held>,
    /// Renewal time and job, oldest first.
    by_age: BTreeSet<(u64, u32)>,
    /// The end of the wait of each waiting job.
    waiting: BTreeMap<u32, u64>,
    /// End of the wait and job, the next first.
    by_end: BTreeSet<(u64, u32)>,
}

/// A lease and what is known of its record.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub lease: Lease,
    /// Wall time of the renewal.
    pub renewed_wall_ms: u64,
    /// Wall time of the hand-out; `None` when that was in an earlier run.
    pub claimed_wall_ms: Option<u64>,
    /// Lease time at which the record was written last.
    recorded_at_ms: u64,
}

impl Leases {
    pub fn get(&self, job: u32) -> Option<&Held> {
        self.by_job.get(&job)
    }

    /// Takes over the state of a job.
    pub fn set(&mut self, job: u32, state: JobState, wall_ms: u64) {
        self.remove(job);
        match state {
            JobState::InProgress(lease) => self.insert(job, lease, wall_ms, Some(wall_ms)),
            JobState::Waiting { until_ms } => {
                self.waiting.insert(job, until_ms);
                self.by_end.insert((until_ms, job));
            }
            JobState::Idle | JobState::Done | JobState::Failed => {}
        }
    }

    pub fn insert(&mut self, job: u32, lease: Lease, renewed_wall_ms: u64, claimed_wall_ms: Option<u64>) {
        self.remove(job);
        self.by_age.insert((lease.renewed_at_ms, job));
        let recorded_at_ms = lease.renewed_at_ms;
        self.by_job.insert(job, Held { lease, renewed_wall_ms, claimed_wall_ms, recorded_at_ms });
    }

    pub fn remove(&mut self, job: u32) {
        if let Some(held) = self.by_job.remove(&job) {
            self.by_age.remove(&(held.lease.renewed_at_ms, job));
        }
        if let Some(until_ms) = self.waiting.remove(&job) {
            self.by_end.remove(&(until_ms, job));
        }
    }

    /// The lease time at which a job ceases to wait; `None` when it does not wait.
    pub fn waits_until(&self, job: u32) -> Option<u64> {
        self.waiting.get(&job).copied()
    }

    /// The jobs whose wait is over.
    pub fn due(&self, now_ms: u64) -> Vec<u32> {
        self.by_end.iter().take_while(|(until_ms, _)| *until_ms <= now_ms).map(|(_, job)| *job).collect()
    }

    /// Number of jobs whose lease has ended and that wait, or have not been freed yet.
    pub fn stale(&self, now_ms: u64, policy: LeasePolicy) -> usize {
        let gone = self.by_age.iter().take_while(|(renewed, _)| policy.is_gone(*renewed, now_ms)).count();
        let ended = self.by_end.iter().take_while(|(until_ms, _)| *until_ms <= now_ms).count();
        gone + self.by_end.len() - ended
    }

    /// Stores a renewed lease. Returns whether the record is due to be written as well.
    pub fn renew(&mut self, job: u32, lease: Lease, wall_ms: u64, policy: LeasePolicy) -> bool {
        let Some(held) = self.by_job.get_mut(&job) else { return false };
        self.by_age.remove(&(held.lease.renewed_at_ms, job));
        self.by_age.insert((lease.renewed_at_ms, job));
        let due = lease.renewed_at_ms.saturating_sub(held.recorded_at_ms) >= policy.gone_timeout_ms / 8;
        if due {
            held.recorded_at_ms = lease.renewed_at_ms;
        }
        held.lease = lease;
        held.renewed_wall_ms = wall_ms;
        due
    }

    /// Up to `limit` jobs whose lease has ended.
    pub fn gone(&self, now_ms: u64, policy: LeasePolicy, limit: usize) -> Vec<u32> {
        let old = self.by_age.iter().take_while(|(renewed, _)| policy.is_gone(*renewed, now_ms));
        old.take(limit).map(|(_, job)| *job).collect()
    }

    /// The jobs of a prover.
    pub fn of_holder(&self, prover: &str) -> Vec<u32> {
        let held = self.by_job.iter().filter(|(_, held)| held.lease.holder == prover);
        held.map(|(job, _)| *job).collect()
    }

    /// All leases, by job.
    pub fn all(&self) -> impl Iterator<Item = (u32, &Held)> + '_ {
        self.by_job.iter().map(|(job, held)| (*job, held))
    }

    pub fn jobs(&self) -> impl Iterator<Item = u32> + '_ {
        self.by_job.keys().copied()
    }
}

/// Now, in lease time: monotonic, and large enough that a lease of an earlier run has a time as well.
pub(crate) fn lease_now(clock: &dyn Clock, policy: LeasePolicy) -> u64 {
    clock.monotonic_ms().saturating_add(policy.gone_timeout_ms)
}

/// The lease time of a renewal in an earlier run. The wall clock may have gone back meanwhile: then it counts as now. Or
/// forward: an eighth of the timeout is left in any case.
pub(crate) fn renewal_of_earlier_run(clock: &dyn Clock, policy: LeasePolicy, renewed_wall_ms: u64) -> u64 {
    let oldest = policy.gone_timeout_ms - policy.gone_timeout_ms / 8;
    let age = clock.wall_ms().saturating_sub(renewed_wall_ms).min(oldest);
    lease_now(clock, policy).saturating_sub(age)
}
