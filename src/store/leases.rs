//! Leases of this run, in memory: a heartbeat costs no write to the index.
//!
//! Their times are of the monotonic clock, so that a wall clock that is set neither ends nor extends a lease. Records keep the
//! wall time of the last renewal (written at most eight times a timeout); the next run takes the age of its leases from that.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Clock;
use crate::domain::job::{Lease, LeasePolicy};

/// The leases of all jobs in progress.
#[derive(Debug, Default)]
pub(super) struct Leases {
    by_job: BTreeMap<u32, Held>,
    /// Renewal time and job, oldest first.
    by_age: BTreeSet<(u64, u32)>,
}

/// A lease and what is known of its record.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub lease: Lease,
    /// Wall time of the renewal.
    pub renewed_wall_ms: u64,
    /// Lease time at which the record was written last.
    recorded_at_ms: u64,
}

impl Leases {
    pub fn get(&self, job: u32) -> Option<&Held> {
        self.by_job.get(&job)
    }

    pub fn insert(&mut self, job: u32, lease: Lease, renewed_wall_ms: u64) {
        self.remove(job);
        self.by_age.insert((lease.renewed_at_ms, job));
        let recorded_at_ms = lease.renewed_at_ms;
        self.by_job.insert(job, Held { lease, renewed_wall_ms, recorded_at_ms });
    }

    pub fn remove(&mut self, job: u32) {
        if let Some(held) = self.by_job.remove(&job) {
            self.by_age.remove(&(held.lease.renewed_at_ms, job));
        }
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

    pub fn jobs(&self) -> impl Iterator<Item = u32> + '_ {
        self.by_job.keys().copied()
    }
}

/// Now, in lease time: monotonic, and large enough that a lease of an earlier run has a time as well.
pub(super) fn lease_now(clock: &dyn Clock, policy: LeasePolicy) -> u64 {
    clock.monotonic_ms().saturating_add(policy.gone_timeout_ms)
}

/// The lease time of a renewal in an earlier run. The wall clock may have gone back meanwhile: then it counts as now.
pub(super) fn renewal_of_earlier_run(clock: &dyn Clock, policy: LeasePolicy, renewed_wall_ms: u64) -> u64 {
    let age = clock.wall_ms().saturating_sub(renewed_wall_ms).min(policy.gone_timeout_ms);
    lease_now(clock, policy).saturating_sub(age)
}
