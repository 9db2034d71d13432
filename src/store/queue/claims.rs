//! Claims and releases of jobs by provers.
//!
//! - One prover at a time holds a job. A claim takes the idle job with the smallest (priority, first
//!   block), unless the prover prefers a type or, among jobs of one type, a block size. The holder
//!   is recorded with the claim. A job that returns to the queue is in its old place: aggregation
//!   waits for the oldest block.
//! - Only [`heartbeats`](super::heartbeats) of the holder renew its lease;
//!   [`expiry`](super::expiry) ends it otherwise.
//!
//! All of it is serialised by the lock of the queue, which is held for some index look-ups and one
//! transaction, never during a sync. Leases are not synced: losing one costs a lease.

use std::sync::Arc;

use crate::domain::AttemptOutcome;
use crate::domain::job::{Job, JobState, JobType};
use crate::store::durable::blob_reader::BlobReader;
use crate::store::error::StoreError;
use crate::store::kv::keys;
use crate::store::kv::keys::index;
use crate::store::kv::table::Table;
use crate::store::queue::job_data::JobData;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::job_record::{JobRow, MAX_PROVER_NAME};
use crate::store::queue::leases::Leases;
use crate::store::queue::sender::ProverConnection;
use crate::store::queue::suspension::Withheld;
use crate::store::queue::transitions::Transition;

/// Time before a job whose data could not be read is claimed again, in milliseconds.
const UNREAD_DELAY_MS: u64 = 5_000;

/// Number of jobs with unreadable data after which a claim fails.
const MAX_UNREAD: u32 = 4;

/// Largest number of idle jobs that a claim reads at a time.
const PICKED_AT_A_TIME: usize = 16;

/// The jobs that a prover prefers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preference {
    /// `Some(false)`: single jobs first; otherwise aggregated ones, as their priority demands.
    pub prefer_aggregated: Option<bool>,
    /// Among single jobs, those of blocks with this number of chunks first.
    pub block_size: Option<u32>,
}

/// A claimed job.
#[derive(Clone, Debug)]
pub struct ClaimedJob {
    /// Job id, from 1.
    pub id: u32,
    /// Single or aggregated proof.
    pub job_type: JobType,
    /// First block.
    pub first: u32,
    /// Last block; equal to `first` for a single job.
    pub last: u32,
    /// 1-based attempt number.
    pub attempt: u32,
    /// The protocol's `data`.
    pub data: JobData,
    /// Number of the claim in this run, for [`JobQueue::undelivered`].
    pub claim: u64,
}

impl JobQueue {
    /// Gives a prover the lease on the best idle job and opens its data; returns `None` if no job
    /// can be claimed.
    ///
    /// A job whose data cannot be read keeps its attempts and waits, so that it neither fails for
    /// that reason nor blocks the queue; the next job is claimed instead.
    ///
    /// Fails with [`StoreError::InsufficientStorage`] if less than the floor is free, because the
    /// proof will need space.
    pub(crate) fn claim_open(
        &self,
        prover: &str,
        preference: Preference,
        connection: Option<&Arc<ProverConnection>>,
    ) -> Result<Option<(ClaimedJob, BlobReader)>, StoreError> {
        let mut unread = 0;
        while let Some((before, job)) = self.lease_next(prover, preference, connection)? {
            // This reads the whole file, so it follows the lock.
            match self.core.open_blob(&job.data.blob) {
                Ok(data) => {
                    let kind = match job.job_type {
                        JobType::Single => "single",
                        JobType::Aggregated => "aggregated",
                    };
                    self.core.metrics.attempts.add(kind, 1);
                    return Ok(Some((job, data)));
                }
                Err(error) => {
                    tracing::error!(job = job.id, %error, "the data of the job cannot be read; the job waits");
                    self.take_back(before, prover)?;
                    unread += 1;
                    if unread == MAX_UNREAD {
                        return Err(error);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Like [`JobQueue::claim_open`], without the data.
    #[cfg(any(test, feature = "testing"))]
    pub fn claim(&self, prover: &str, preference: Preference) -> Result<Option<ClaimedJob>, StoreError> {
        Ok(self.claim_open(prover, preference, None)?.map(|(job, _)| job))
    }

    /// Gives a prover the lease on the best idle job; returns the job with its record before.
    fn lease_next(
        &self,
        prover: &str,
        preference: Preference,
        connection: Option<&Arc<ProverConnection>>,
    ) -> Result<Option<(JobRow, ClaimedJob)>, StoreError> {
        if prover.len() > MAX_PROVER_NAME {
            return Err(StoreError::TooLarge { what: "the name of the prover".into() });
        }
        self.core.check_space()?;
        self.core.ready()?;
        let mut leases = self.lock();
        self.end_backoffs(&mut leases)?;
        if let Some(withheld) = self.withheld(prover, &leases)? {
            if self.claimable_since_ms()?.is_some() {
                tracing::debug!(?prover, reason = withheld.label(), "the prover gets no job");
                self.core.metrics.claims_withheld.add(withheld.label(), 1);
            }
            return Ok(None);
        }
        while let Some(old) = self.pick(prover, preference, &leases)? {
            let id = old.id;
            let data = self.data_of(&old)?;
            let mut job = self.state_of(&old, &leases);
            let mut new = old.clone();
            if data.is_some() {
                let claimed = job.claim(prover, self.lease_now());
                claimed.map_err(|_| StoreError::corrupt(format!("job {id} is indexed as idle")))?;
                new.holder = Some(prover.into());
            } else {
                // A job without its witness would block the queue.
                tracing::error!(job = id, "the data of the job is missing; the job has failed");
                job.state = JobState::Failed;
            }
            let JobRow { job_type, first, last, .. } = old;
            let attempt = job.attempts;
            let before = old.clone();
            let end = AttemptOutcome::Ended.into();
            self.apply_transitions(&mut leases, vec![Transition { old, new, job, end }])?;
            if let Some(data) = data {
                leases.set_connection(id, connection);
                let claim = leases.get(id).map_or(0, |held| held.claim);
                return Ok(Some((before, ClaimedJob { id, job_type, first, last, attempt, data, claim })));
            }
        }
        Ok(None)
    }

    /// Takes back the lease on a job that its prover never got. The job waits with the attempts and
    /// the last holder that it had before.
    fn take_back(&self, before: JobRow, prover: &str) -> Result<(), StoreError> {
        self.core.ready()?;
        let mut leases = self.lock();
        let Some(old) = self.job_row(before.id)? else { return Ok(()) };
        let held = leases.get(old.id).is_some_and(|held| held.lease.holder == prover);
        if !held || old.attempts != before.attempts.saturating_add(1) {
            // An operator has intervened meanwhile.
            return Ok(());
        }
        let until_ms = self.lease_now().saturating_add(UNREAD_DELAY_MS);
        let job = Job { state: JobState::Waiting { until_ms }, attempts: before.attempts };
        let new = JobRow { holder: before.holder, ..old.clone() };
        let end = AttemptOutcome::NotDelivered.into();
        self.apply_transitions(&mut leases, vec![Transition { old, new, job, end }])
    }

    /// Takes back the lease of a claim whose answer did not reach the prover, unless a heartbeat
    /// shows that it did. The attempt does not count. The job can be claimed at once, and the same
    /// prover gets it if it asks first. Returns true if the claim held the lease.
    pub fn undelivered(&self, id: u32, claim: u64) -> Result<bool, StoreError> {
        self.core.ready()?;
        let mut leases = self.lock();
        let held = leases.get(id).filter(|held| held.claim == claim && !held.heard);
        let Some(prover) = held.map(|held| held.lease.holder.clone()) else { return Ok(false) };
        let Some(old) = self.job_row(id)? else { return Ok(false) };
        let mut job = self.state_of(&old, &leases);
        job.refuse(&prover, false);
        let end = AttemptOutcome::NotDelivered.into();
        self.apply_transitions(&mut leases, vec![Transition { new: old.clone(), old, job, end }])?;
        leases.set_cut(id, prover);
        self.core.metrics.leases_ended.add("undelivered", 1);
        Ok(true)
    }

    /// Like [`JobQueue::release_over`], over an unknown connection.
    #[cfg(any(test, feature = "testing"))]
    pub fn release(&self, prover: &str) -> Result<Vec<u32>, StoreError> {
        self.release_over(None, prover)
    }

    /// Ends the leases of a prover that stops: its jobs become idle. Returns their ids.
    ///
    /// A job that another open connection keeps alive may belong to another process with the same
    /// name: its lease ends once that connection is closed, or if no heartbeat comes for twice the
    /// usual time, and for an eighth of the timeout at least.
    pub(crate) fn release_over(
        &self,
        connection: Option<&Arc<ProverConnection>>,
        prover: &str,
    ) -> Result<Vec<u32>, StoreError> {
        self.core.ready()?;
        let mut leases = self.lock();
        let (kept, ids): (Vec<u32>, Vec<u32>) = leases
            .of_holder(prover)
            .into_iter()
            .partition(|id| leases.get(*id).is_some_and(|held| held.is_kept_by_another(connection)));
        if !kept.is_empty() {
            tracing::info!(?prover, jobs = ?kept, "jobs that another connection keeps alive stay leased for now");
        }
        let now_ms = self.lease_now();
        kept.into_iter().for_each(|id| leases.stop_soon(id, now_ms, self.policy));
        let released =
            self.change_held(&mut leases, &ids, AttemptOutcome::Stopped, |job| job.release(prover))?;
        self.core.metrics.leases_ended.add("released", released.len() as u64);
        Ok(released)
    }

    /// Records the request of a prover for a job, and returns the reason why it gets none.
    fn withheld(&self, prover: &str, leases: &Leases) -> Result<Option<Withheld>, StoreError> {
        let now_ms = self.core.now_ms();
        let standing = {
            let mut provers = self.prover_table();
            let standing = provers.seen(prover, now_ms).and_then(|prover| prover.withheld(now_ms));
            provers.asked(prover, self.lease_now());
            standing
        };
        if self.paused_at_ms()?.is_some() {
            return Ok(Some(Withheld::Paused));
        }
        let limit = self.max_jobs_per_prover.and_then(|max| usize::try_from(max).ok());
        let reached = limit.is_some_and(|max| leases.of_holder(prover).len() >= max);
        Ok(standing.or(reached.then_some(Withheld::Limit)))
    }

    /// Returns true if a job is left to others: a proof of this prover for it was refused, and
    /// another prover, whose proofs for it were not, has asked for a job lately.
    fn is_left_to_others(&self, prover: &str, job: u32, leases: &Leases) -> bool {
        let Some(refusals) = leases.refusals(job).filter(|refusals| refusals.has(prover)) else {
            return false;
        };
        let (since, now_ms) =
            (self.lease_now().saturating_sub(self.policy.gone_timeout_ms), self.core.now_ms());
        let provers = self.prover_table();
        let mut others = provers.asked_since(since);
        others.any(|(name, other)| name != prover && !refusals.has(name) && other.withheld(now_ms).is_none())
    }

    /// Returns the best idle job for a prover.
    fn pick(
        &self,
        prover: &str,
        preference: Preference,
        leases: &Leases,
    ) -> Result<Option<JobRow>, StoreError> {
        if let Some(id) = leases.cut_of(prover) {
            return self.indexed_row(id).map(Some);
        }
        // Only jobs with refused proofs are passed over.
        let page = leases.refused_jobs().saturating_add(1).min(PICKED_AT_A_TIME);
        let order = match preference.prefer_aggregated {
            Some(false) => [JobType::Single, JobType::Aggregated],
            _ => [JobType::Aggregated, JobType::Single],
        };
        for job_type in order {
            let sized = preference.block_size.map(|chunks| {
                let bound = |first| index::idle_of_size(job_type, chunks, first, first);
                (bound(0), bound(u32::MAX))
            });
            let any = (index::idle(job_type, 0, 0), index::idle(job_type, u32::MAX, u32::MAX));
            for (from, to) in sized.into_iter().chain([any]) {
                for entry in self.core.kv.walk_range(Table::JobIndex, &from, &to).pages_of(page) {
                    let id = keys::tail_number(&entry?.0);
                    if let Some(id) = id.filter(|id| !self.is_left_to_others(prover, *id, leases)) {
                        return self.indexed_row(id).map(Some);
                    }
                }
            }
        }
        Ok(None)
    }
}
