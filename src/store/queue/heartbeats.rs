//! Heartbeats: a prover renews the lease of the job that it holds.
//!
//! A heartbeat writes nothing but the record of a lease, at most eight times a timeout.

use std::sync::Arc;

use crate::domain::AttemptOutcome;
use crate::domain::job::{Job, JobError, JobState, JobStatus};
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::keys;
use crate::store::kv::table::Table;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::job_record::JobRow;
use crate::store::queue::leases::Leases;
use crate::store::queue::sender::ProverConnection;
use crate::store::queue::transitions::Transition;

/// The outcome of a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeartbeatOutcome {
    /// The lease was renewed.
    Renewed,
    /// The job does not exist.
    NotFound,
    /// Another prover holds the job.
    NotHolder {
        /// Name of that prover.
        holder: String,
    },
    /// No prover holds the job.
    NotInProgress {
        /// Status of the job.
        status: JobStatus,
    },
}

impl JobQueue {
    /// Like [`JobQueue::heartbeat_over`], over an unknown connection.
    #[cfg(any(test, feature = "testing"))]
    pub fn heartbeat(&self, prover: &str, id: u32) -> Result<HeartbeatOutcome, StoreError> {
        self.heartbeat_over(None, prover, id)
    }

    /// Renews the lease of a prover on a job.
    pub(crate) fn heartbeat_over(
        &self,
        connection: Option<&Arc<ProverConnection>>,
        prover: &str,
        id: u32,
    ) -> Result<HeartbeatOutcome, StoreError> {
        let outcome = self.renew(connection, prover, id)?;
        let label = match outcome {
            HeartbeatOutcome::Renewed => "renewed",
            HeartbeatOutcome::NotFound => "not_found",
            HeartbeatOutcome::NotHolder { .. } => "not_holder",
            HeartbeatOutcome::NotInProgress { .. } => "not_in_progress",
        };
        // The lock of the queue is released by now.
        self.core.metrics.heartbeats.add(label, 1);
        Ok(outcome)
    }

    /// Renews the lease of a prover on a job if that is possible without waiting: the store works,
    /// the queue is not locked, the prover holds the lease, and its record is not due. Otherwise it
    /// returns false and changes nothing. Most heartbeats are like that, and need no other thread.
    pub(crate) fn heartbeat_at_once(
        &self,
        connection: Option<&Arc<ProverConnection>>,
        prover: &str,
        id: u32,
    ) -> bool {
        if self.core.kv.is_shut() {
            return false;
        }
        let Some(mut leases) = self.try_lock() else { return false };
        let now_ms = self.lease_now();
        if leases.get(id).is_none_or(|held| held.record_is_due(now_ms, self.policy)) {
            return false;
        }
        let renewed = self.renew_lease(&mut leases, connection, prover, id, now_ms).is_ok();
        drop(leases);
        if renewed {
            self.core.metrics.heartbeats.add("renewed", 1);
        }
        renewed
    }

    fn renew(
        &self,
        connection: Option<&Arc<ProverConnection>>,
        prover: &str,
        id: u32,
    ) -> Result<HeartbeatOutcome, StoreError> {
        let mut leases = self.lock();
        self.take_up_cut(&mut leases, prover, id)?;
        if leases.get(id).is_none() {
            return Ok(match self.job_row(id)? {
                Some(row) => HeartbeatOutcome::NotInProgress { status: row.status },
                None => HeartbeatOutcome::NotFound,
            });
        }
        match self.renew_lease(&mut leases, connection, prover, id, self.lease_now()) {
            Err(JobError::NotHolder { holder }) => return Ok(HeartbeatOutcome::NotHolder { holder }),
            Err(JobError::WrongStatus { status }) => return Ok(HeartbeatOutcome::NotInProgress { status }),
            Ok(false) => {}
            Ok(true) => {
                if let Err(error) = self.record_renewal(id) {
                    // The lease itself is renewed; only the next run would not know of it.
                    tracing::warn!(job = id, %error, "cannot record a heartbeat");
                }
            }
        }
        Ok(HeartbeatOutcome::Renewed)
    }

    /// Renews a lease in memory. Returns true if its record is to be written as well.
    fn renew_lease(
        &self,
        leases: &mut Leases,
        connection: Option<&Arc<ProverConnection>>,
        prover: &str,
        id: u32,
        now_ms: u64,
    ) -> Result<bool, JobError> {
        let Some(held) = leases.get(id) else { return Ok(false) };
        let mut job = Job { state: JobState::InProgress(held.lease.clone()), attempts: 0 };
        job.heartbeat(prover, now_ms)?;
        leases.set_connection(id, connection);
        let JobState::InProgress(lease) = job.state else { return Ok(false) };
        Ok(leases.renew(id, lease, self.core.now_ms(), self.policy))
    }

    /// Gives a prover the lease of an idle job back if its answer counted as cut: the heartbeat
    /// shows that it arrived.
    fn take_up_cut(&self, leases: &mut Leases, prover: &str, id: u32) -> Result<(), StoreError> {
        if leases.cut(id).is_none_or(|name| name != prover) {
            return Ok(());
        }
        let Some(old) = self.job_row(id)? else { return Ok(()) };
        let mut job = self.state_of(&old, leases);
        if job.claim(prover, self.lease_now()).is_err() {
            return Ok(());
        }
        let new = JobRow { holder: Some(prover.to_owned()), ..old.clone() };
        let end = AttemptOutcome::Ended.into();
        self.apply_transitions(leases, vec![Transition { old, new, job, end }])
    }

    fn record_renewal(&self, id: u32) -> Result<(), StoreError> {
        let Some(mut row) = self.job_row(id)? else { return Ok(()) };
        row.updated_at_ms = self.core.now_ms();
        let mut batch = Batch::new();
        batch.put(Table::Jobs, &keys::number(id), &row)?;
        self.core.apply(batch)
    }
}
