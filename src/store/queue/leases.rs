//! The leases of this run, in memory: a heartbeat costs no write to the kv.
//!
//! Lease times are those of the monotonic clock, so that setting the wall clock neither ends nor
//! extends a lease. Records hold the wall time of the last renewal, written at most eight times a
//! timeout. The next run derives the age of its leases from that and leaves each at least an eighth
//! of the timeout: whatever the wall clock did meanwhile, and however long the server was
//! unreachable, a holder that is still working has the time for a heartbeat.
//!
//! Jobs whose lease ended and whose backoff has not are listed here as well. In the kv they have an
//! index apart from that of idle jobs (`keys::index::waiting`). The next run treats them as idle
//! jobs, so a restart shortens a backoff and does nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Clock;
use crate::domain::job::{JobState, Lease, LeasePolicy};

/// The leases of all jobs in progress, and the jobs in backoff.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leases {
    by_job: BTreeMap<u32, Held>,
    /// Renewal time and job, the oldest first.
    by_age: BTreeSet<(u64, u32)>,
    /// End of the backoff of each job in backoff.
    waiting: BTreeMap<u32, u64>,
    /// End of the backoff and job, the next first.
    by_end: BTreeSet<(u64, u32)>,
}

/// A lease with its wall times.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub lease: Lease,
    /// Wall time of the last renewal.
    pub renewed_wall_ms: u64,
    /// Wall time of the claim; `None` if it was in an earlier run.
    pub claimed_wall_ms: Option<u64>,
    /// Lease time of the last write of the record.
    recorded_at_ms: u64,
}

impl Leases {
    pub(crate) fn get(&self, job: u32) -> Option<&Held> {
        self.by_job.get(&job)
    }

    /// Adopts the new state of a job.
    pub(crate) fn set(&mut self, job: u32, state: JobState, wall_ms: u64) {
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

    pub(crate) fn insert(
        &mut self,
        job: u32,
        lease: Lease,
        renewed_wall_ms: u64,
        claimed_wall_ms: Option<u64>,
    ) {
        self.remove(job);
        self.by_age.insert((lease.renewed_at_ms, job));
        let recorded_at_ms = lease.renewed_at_ms;
        self.by_job.insert(job, Held { lease, renewed_wall_ms, claimed_wall_ms, recorded_at_ms });
    }

    /// Puts back a lease with its times.
    pub(crate) fn restore(&mut self, job: u32, held: Held) {
        self.remove(job);
        self.by_age.insert((held.lease.renewed_at_ms, job));
        self.by_job.insert(job, held);
    }

    pub(crate) fn remove(&mut self, job: u32) {
        if let Some(held) = self.by_job.remove(&job) {
            self.by_age.remove(&(held.lease.renewed_at_ms, job));
        }
        if let Some(until_ms) = self.waiting.remove(&job) {
            self.by_end.remove(&(until_ms, job));
        }
    }

    /// Returns the lease time at which the backoff of a job ends; `None` if it is not in backoff.
    pub(crate) fn waits_until(&self, job: u32) -> Option<u64> {
        self.waiting.get(&job).copied()
    }

    /// Returns the jobs whose backoff has ended.
    pub(crate) fn due(&self, now_ms: u64) -> Vec<u32> {
        self.by_end.iter().take_while(|(until_ms, _)| *until_ms <= now_ms).map(|(_, job)| *job).collect()
    }

    /// Returns the number of jobs in backoff, and of those whose lease has ended and was not
    /// removed yet.
    pub(crate) fn stale(&self, now_ms: u64, policy: LeasePolicy) -> usize {
        let ended = self.by_end.iter().take_while(|(until_ms, _)| *until_ms <= now_ms).count();
        self.gone(now_ms, policy).len() + self.by_end.len() - ended
    }

    /// Stores a renewed lease. Returns true if the record is due to be written as well.
    pub(crate) fn renew(&mut self, job: u32, lease: Lease, wall_ms: u64, policy: LeasePolicy) -> bool {
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

    /// Returns the jobs whose lease has ended, the oldest lease first.
    pub(crate) fn gone(&self, now_ms: u64, policy: LeasePolicy) -> Vec<u32> {
        let ended = self.by_age.iter().take_while(|(renewed, _)| policy.is_gone(*renewed, now_ms));
        ended.map(|(_, job)| *job).collect()
    }

    /// Returns the lease time of the oldest renewal: the lease that ends first.
    pub(crate) fn oldest_renewal(&self) -> Option<u64> {
        self.by_age.first().map(|(renewed_at_ms, _)| *renewed_at_ms)
    }

    /// Returns the jobs of a prover.
    pub(crate) fn of_holder(&self, prover: &str) -> Vec<u32> {
        let held = self.by_job.iter().filter(|(_, held)| held.lease.holder == prover);
        held.map(|(job, _)| *job).collect()
    }

    /// Returns all leases, by job.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, &Held)> + '_ {
        self.by_job.iter().map(|(job, held)| (*job, held))
    }

    pub(crate) fn jobs(&self) -> impl Iterator<Item = u32> + '_ {
        self.by_job.keys().copied()
    }
}

/// Returns the current lease time: monotonic, and large enough that a lease of an earlier run has a
/// time as well.
pub(crate) fn lease_now(clock: &dyn Clock, policy: LeasePolicy) -> u64 {
    clock.monotonic_ms().saturating_add(policy.gone_timeout_ms)
}

/// Returns the lease time of a renewal in an earlier run. If the wall clock went back meanwhile, it
/// counts as now; if it went forward, an eighth of the timeout is left at least.
pub(crate) fn renewal_of_earlier_run(clock: &dyn Clock, policy: LeasePolicy, renewed_wall_ms: u64) -> u64 {
    let oldest = policy.gone_timeout_ms - policy.gone_timeout_ms / 8;
    let age = clock.wall_ms().saturating_sub(renewed_wall_ms).min(oldest);
    lease_now(clock, policy).saturating_sub(age)
}
