//! Proving jobs and their leases: a state machine without I/O. Times are arguments, in milliseconds
//! of one monotonic clock.
//!
//! ```text
//!            claim                    finish
//!   Idle ───────────▶ InProgress ───────────────▶ Done
//!   ▲ ▲ ◀─────────────┘ │ │    release                ▲
//!   │ │ wake            │ │                           │ finish: the first valid proof counts,
//!   │ └──── Waiting ◀───┘ │ expire                    │ even after the end of the lease
//!   │                     ▼ expire, attempts used up  │
//!   └────requeue──── Failed ──────────────────────────┘
//! ```
//!
//! A refused proof of the holder ends its lease as well: the job is idle at once and the attempt
//! does not count, unless too many proofs were refused.
//!
//! Only heartbeats of the holder renew a lease. A lease that was not renewed within the timeout
//! ends with the next call of `Job::expire`; until then a late heartbeat still renews it.
//!
//! A job whose lease ended is not available at once, because its next prover may fail for the same
//! reason. It waits for `LeasePolicy::backoff_ms`, twice as long after each attempt. A released
//! job does not wait.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::backoff::Backoff;

/// Kind of a job; JSON has its name in the prover protocol. Records store the position of the
/// variant, so the order must not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum JobType {
    /// The proof of one block.
    #[serde(rename = "SINGLE_PROOF")]
    Single,
    /// The aggregated proof of a range of blocks.
    #[serde(rename = "AGGREGATED_PROOF")]
    Aggregated,
}

impl JobType {
    /// Returns the priority; jobs with a lower one are claimed first.
    pub(crate) fn priority(self) -> u8 {
        match self {
            JobType::Aggregated => 0,
            JobType::Single => 1,
        }
    }

    /// Returns the name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            JobType::Single => "SINGLE_PROOF",
            JobType::Aggregated => "AGGREGATED_PROOF",
        }
    }
}

/// Status of a job. Records and keys store the position of the variant, so the order must not
/// change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// No prover holds the job.
    Idle,
    /// A prover holds a lease on the job.
    InProgress,
    /// The proof is stored.
    Done,
    /// All attempts are used up; an operator must requeue the job.
    Failed,
}

impl JobStatus {
    /// Returns the name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::InProgress => "in_progress",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// The right of a prover to work on a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// Name of the prover.
    pub(crate) holder: String,
    /// Time of the claim or of the last renewal.
    pub(crate) renewed_at_ms: u64,
}

/// Limits of leases and attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeasePolicy {
    /// Time without a heartbeat after which a lease ends.
    pub(crate) gone_timeout_ms: u64,
    /// Number of attempts after which a job has failed if its lease ends; `None` for no limit.
    pub(crate) max_attempts: Option<u32>,
    /// Backoff of a job after its first attempt; 0 for none.
    pub(crate) retry_backoff_ms: u64,
}

impl LeasePolicy {
    /// Returns true if a lease that was renewed at `renewed_at_ms` has ended.
    pub(crate) fn is_gone(&self, renewed_at_ms: u64, now_ms: u64) -> bool {
        now_ms.saturating_sub(renewed_at_ms) >= self.gone_timeout_ms
    }

    /// Returns the backoff in milliseconds after the given attempt, counted from 1: it doubles with
    /// each, up to the timeout of a lease.
    pub(crate) fn backoff_ms(&self, attempt: u32) -> u64 {
        let first = Duration::from_millis(self.retry_backoff_ms);
        let delay = Backoff::new(first, Duration::from_millis(self.gone_timeout_ms)).delay(attempt);
        u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Status and lease together, so that a job in progress always has a holder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum JobState {
    /// The job can be claimed.
    #[default]
    Idle,
    /// The backoff after a lease that ended. The status is already [`JobStatus::Idle`].
    Waiting {
        /// Time at which the job can be claimed again.
        until_ms: u64,
    },
    /// A prover holds the lease.
    InProgress(Lease),
    /// The proof is stored.
    Done,
    /// All attempts are used up.
    Failed,
}

/// The mutable part of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) state: JobState,
    /// Number of claims since the job was created or requeued, without those that do not count.
    pub(crate) attempts: u32,
}

/// The reason why a transition of a job is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JobError {
    /// Another prover holds the lease.
    #[error("the job is held by {holder}")]
    NotHolder {
        /// Name of that prover.
        holder: String,
    },
    /// The status does not allow the transition.
    #[error("the job is {status:?}")]
    WrongStatus {
        /// Current status.
        status: JobStatus,
    },
}

impl Job {
    pub(crate) fn status(&self) -> JobStatus {
        match self.state {
            JobState::Idle | JobState::Waiting { .. } => JobStatus::Idle,
            JobState::InProgress(_) => JobStatus::InProgress,
            JobState::Done => JobStatus::Done,
            JobState::Failed => JobStatus::Failed,
        }
    }

    /// Gives a prover the lease on an idle job.
    ///
    /// # Errors
    /// [`JobError::WrongStatus`] if the job is not idle or its backoff has not ended.
    pub(crate) fn claim(&mut self, prover: &str, now_ms: u64) -> Result<(), JobError> {
        self.wake(now_ms);
        if self.state != JobState::Idle {
            return Err(self.wrong_status());
        }
        self.state = JobState::InProgress(Lease { holder: prover.into(), renewed_at_ms: now_ms });
        self.attempts = self.attempts.saturating_add(1);
        Ok(())
    }

    /// Renews the lease of the holder.
    ///
    /// # Errors
    /// [`JobError::NotHolder`] if another prover holds it, [`JobError::WrongStatus`] if no prover
    /// does.
    pub(crate) fn heartbeat(&mut self, prover: &str, now_ms: u64) -> Result<(), JobError> {
        match &mut self.state {
            JobState::InProgress(lease) if lease.holder == prover => {
                lease.renewed_at_ms = lease.renewed_at_ms.max(now_ms);
                Ok(())
            }
            JobState::InProgress(lease) => Err(JobError::NotHolder { holder: lease.holder.clone() }),
            _ => Err(self.wrong_status()),
        }
    }

    /// Marks the job as proven. Only the first valid proof counts.
    ///
    /// # Errors
    /// [`JobError::WrongStatus`] if the job is done already.
    pub(crate) fn finish(&mut self) -> Result<(), JobError> {
        if self.state == JobState::Done {
            return Err(self.wrong_status());
        }
        self.state = JobState::Done;
        Ok(())
    }

    /// Ends the lease of a prover that stops: the job becomes idle, regardless of its attempts.
    /// Returns true if the prover held the lease.
    pub(crate) fn release(&mut self, prover: &str) -> bool {
        let held = matches!(&self.state, JobState::InProgress(lease) if lease.holder == prover);
        if held {
            self.state = JobState::Idle;
        }
        held
    }

    /// Ends the lease of a prover whose attempt does not count: its proof was refused, or it never
    /// received the job. The job becomes idle, or fails if too many proofs were refused. Returns
    /// true if the prover held the lease.
    pub(crate) fn refuse(&mut self, prover: &str, used_up: bool) -> bool {
        let held = self.release(prover);
        if held {
            self.attempts = self.attempts.saturating_sub(1);
        }
        if held && used_up {
            self.state = JobState::Failed;
        }
        held
    }

    /// Ends a lease that was not renewed in time. Returns true if it ended.
    pub(crate) fn expire(&mut self, now_ms: u64, policy: LeasePolicy) -> bool {
        let JobState::InProgress(lease) = &self.state else { return false };
        let gone = policy.is_gone(lease.renewed_at_ms, now_ms);
        if gone {
            let used_up = policy.max_attempts.is_some_and(|max| self.attempts >= max);
            self.state = match policy.backoff_ms(self.attempts) {
                _ if used_up => JobState::Failed,
                0 => JobState::Idle,
                wait => JobState::Waiting { until_ms: now_ms.saturating_add(wait) },
            };
        }
        gone
    }

    /// Makes a job idle if its backoff has ended. Returns true if it became idle.
    pub(crate) fn wake(&mut self, now_ms: u64) -> bool {
        let over = matches!(self.state, JobState::Waiting { until_ms } if until_ms <= now_ms);
        if over {
            self.state = JobState::Idle;
        }
        over
    }

    /// Resets a failed job, or ends the lease of its holder; for operators.
    ///
    /// # Errors
    /// [`JobError::WrongStatus`] if the job is done.
    pub(crate) fn requeue(&mut self) -> Result<(), JobError> {
        if self.state == JobState::Done {
            return Err(self.wrong_status());
        }
        *self = Job::default();
        Ok(())
    }

    fn wrong_status(&self) -> JobError {
        JobError::WrongStatus { status: self.status() }
    }
}
