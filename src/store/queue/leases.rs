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
use std::sync::{Arc, Weak};

use crate::clock::Clock;
use crate::domain::job::{JobState, Lease, LeasePolicy};
use crate::store::queue::refusal_record::RefusalRecord;
use crate::store::queue::sender::ProverConnection;

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
    /// Refused proofs of jobs that are not done, as stored.
    refusals: BTreeMap<u32, RefusalRecord>,
    /// Idle jobs whose last answer was cut, with the prover that asked.
    cut: BTreeMap<u32, String>,
    /// Number of claims in this run.
    claims: u64,
}

/// A lease with its wall times.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub lease: Lease,
    /// Wall time of the last renewal.
    pub renewed_wall_ms: u64,
    /// Wall time of the claim; `None` if an earlier version of the program did not record it.
    pub claimed_wall_ms: Option<u64>,
    /// Lease time of the last write of the record.
    recorded_at_ms: u64,
    /// Number of the claim in this run.
    pub claim: u64,
    /// True once a heartbeat arrived.
    pub heard: bool,
    /// Longest time between two renewals so far, in milliseconds.
    longest_gap_ms: u64,
    /// The connection of the last message about the job, while it is open.
    connection: Weak<ProverConnection>,
    /// Lease time at which the lease ends because a process with the name of the holder has stopped,
    /// unless a heartbeat comes before.
    stops_at_ms: Option<u64>,
}

impl Held {
    /// Returns true if another open connection than this one keeps the lease alive.
    pub(crate) fn is_kept_by_another(&self, connection: Option<&Arc<ProverConnection>>) -> bool {
        self.connection
            .upgrade()
            .is_some_and(|own| connection.is_none_or(|connection| !Arc::ptr_eq(&own, connection)))
    }

    /// Returns true if the record of the lease is to be written when it is renewed now.
    pub(crate) fn record_is_due(&self, now_ms: u64, policy: LeasePolicy) -> bool {
        now_ms.saturating_sub(self.recorded_at_ms) >= policy.gone_timeout_ms / 8
    }

    /// Returns the time in which a heartbeat must come after a process with the name of the holder
    /// has stopped.
    fn patience_ms(&self, policy: LeasePolicy) -> u64 {
        let gap = self.longest_gap_ms.saturating_mul(2);
        gap.clamp(policy.gone_timeout_ms / 8, policy.gone_timeout_ms)
    }
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
        self.claims = self.claims.saturating_add(1);
        let held = Held {
            recorded_at_ms: lease.renewed_at_ms,
            lease,
            renewed_wall_ms,
            claimed_wall_ms,
            claim: self.claims,
            heard: false,
            longest_gap_ms: 0,
            connection: Weak::new(),
            stops_at_ms: None,
        };
        self.by_job.insert(job, held);
    }

    /// Puts back a lease with its times.
    pub(crate) fn restore(&mut self, job: u32, held: Held) {
        self.remove(job);
        self.by_age.insert((held.lease.renewed_at_ms, job));
        self.by_job.insert(job, held);
    }

    pub(crate) fn remove(&mut self, job: u32) {
        self.cut.remove(&job);
        if let Some(held) = self.by_job.remove(&job) {
            self.by_age.remove(&(held.lease.renewed_at_ms, job));
        }
        if let Some(until_ms) = self.waiting.remove(&job) {
            self.by_end.remove(&(until_ms, job));
        }
    }

    /// Remembers the connection of a message about a job.
    pub(crate) fn set_connection(&mut self, job: u32, connection: Option<&Arc<ProverConnection>>) {
        if let (Some(held), Some(connection)) = (self.by_job.get_mut(&job), connection) {
            held.connection = Arc::downgrade(connection);
        }
    }

    /// Remembers that the answer with a job did not reach a prover.
    pub(crate) fn set_cut(&mut self, job: u32, prover: String) {
        self.cut.insert(job, prover);
    }

    /// Returns the prover that the last answer with an idle job did not reach.
    pub(crate) fn cut(&self, job: u32) -> Option<&String> {
        self.cut.get(&job)
    }

    /// Returns an idle job whose last answer did not reach this prover.
    pub(crate) fn cut_of(&self, prover: &str) -> Option<u32> {
        self.cut.iter().find(|(_, name)| *name == prover).map(|(job, _)| *job)
    }

    /// Forgets the cut answers to a prover.
    pub(crate) fn forget_cut(&mut self, prover: &str) {
        self.cut.retain(|_, name| name != prover);
    }

    /// Ends a lease soon, unless a heartbeat comes before.
    pub(crate) fn stop_soon(&mut self, job: u32, now_ms: u64, policy: LeasePolicy) {
        if let Some(held) = self.by_job.get_mut(&job) {
            held.stops_at_ms = Some(now_ms.saturating_add(held.patience_ms(policy)));
        }
    }

    /// Returns the jobs whose holder has stopped, as its silence or its closed connection tell.
    pub(crate) fn stopped(&self, now_ms: u64) -> Vec<u32> {
        let ends = |held: &Held| {
            held.stops_at_ms.is_some_and(|at_ms| at_ms <= now_ms || held.connection.upgrade().is_none())
        };
        self.by_job.iter().filter(|(_, held)| ends(held)).map(|(job, _)| *job).collect()
    }

    /// Returns the lease time of the next end of [`Leases::stop_soon`].
    pub(crate) fn next_stop(&self) -> Option<u64> {
        self.by_job.values().filter_map(|held| held.stops_at_ms).min()
    }

    /// Removes everything about a job that is done or dropped.
    pub(crate) fn forget(&mut self, job: u32) {
        self.remove(job);
        self.refusals.remove(&job);
    }

    /// Returns the refused proofs of a job.
    pub(crate) fn refusals(&self, job: u32) -> Option<&RefusalRecord> {
        self.refusals.get(&job)
    }

    /// Returns the number of jobs with refused proofs.
    pub(crate) fn refused_jobs(&self) -> usize {
        self.refusals.len()
    }

    pub(crate) fn set_refusals(&mut self, job: u32, refusals: RefusalRecord) {
        self.refusals.insert(job, refusals);
    }

    pub(crate) fn clear_refusals(&mut self, job: u32) {
        self.refusals.remove(&job);
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
        let due = held.record_is_due(lease.renewed_at_ms, policy);
        if due {
            held.recorded_at_ms = lease.renewed_at_ms;
        }
        held.heard = true;
        held.stops_at_ms = None;
        let gap_ms = lease.renewed_at_ms.saturating_sub(held.lease.renewed_at_ms);
        held.longest_gap_ms = held.longest_gap_ms.max(gap_ms);
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
