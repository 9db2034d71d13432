//! Proving jobs and their leases: a pure state machine. Times are arguments, in milliseconds of one monotonic clock.
//!
//! ```text
//!            claim                    finish
//!   Idle ───────────▶ InProgress ───────────────▶ Done
//!   ▲ ▲ ◀─────────────┘ │ │    release                ▲
//!   │ │ wake            │ │                           │ finish: the first valid proof wins, even of a
//!   │ └──── Waiting ◀───┘ │ expire                    │ prover whose lease has ended meanwhile
//!   │                     ▼ expire, attempts used up  │
//!   └────requeue──── Failed ──────────────────────────┘
//! ```
//!
//! Only the holder's heartbeat renews a lease. A lease that was not renewed for the timeout ends when somebody looks
//! ([`Job::expire`]), not by itself: until then a late heartbeat still saves it.
//!
//! A job whose lease ended is not handed out again at once: what silenced its prover may silence the next one. It waits for
//! [`LeasePolicy::backoff_ms`], twice as long after each attempt. A job that was given back does not wait.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is to be proven. JSON has the names of the prover protocol; records store the position of the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum JobType {
    /// One block.
    #[serde(rename = "SINGLE_PROOF")]
    Single,
    /// The proofs of a range of blocks.
    #[serde(rename = "AGGREGATED_PROOF")]
    Aggregated,
}

impl JobType {
    /// Lower is served first.
    pub fn priority(self) -> u8 {
        match self {
            JobType::Aggregated => 0,
            JobType::Single => 1,
        }
    }

    /// The protocol's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            JobType::Single => "SINGLE_PROOF",
            JobType::Aggregated => "AGGREGATED_PROOF",
        }
    }
}

/// Status of a job. Records store the position of the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// It waits for a prover.
    Idle,
    /// A prover holds it.
    InProgress,
    /// Its proof is stored.
    Done,
    /// It used up its attempts and waits for an operator.
    Failed,
}

impl JobStatus {
    /// Returns the name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            JobStatus::Idle => "idle",
            JobStatus::InProgress => "in_progress",
            JobStatus::Done => "done",
            JobStatus::Failed => "failed",
        }
    }
}

/// A prover's claim on a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The prover's name.
    pub holder: String,
    /// When it was claimed or renewed last.
    pub renewed_at_ms: u64,
}

/// When leases end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeasePolicy {
    /// A lease that was not renewed for that long ends.
    pub gone_timeout_ms: u64,
    /// A job whose lease ends after that many attempts has failed; `None` for no limit.
    pub max_attempts: Option<u32>,
    /// How long a job whose first lease ended waits; 0 for no wait.
    pub retry_backoff_ms: u64,
}

impl LeasePolicy {
    /// Whether a lease renewed at that time has ended.
    pub fn is_gone(&self, renewed_at_ms: u64, now_ms: u64) -> bool {
        now_ms.saturating_sub(renewed_at_ms) >= self.gone_timeout_ms
    }

    /// How long a job waits whose lease ended at that attempt, counted from 1: doubled with each, up to the timeout of a lease.
    pub fn backoff_ms(&self, attempt: u32) -> u64 {
        let doubled = 1u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX);
        self.retry_backoff_ms.saturating_mul(doubled).min(self.gone_timeout_ms)
    }
}

/// Status and lease together, so that a job in progress always has a holder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum JobState {
    /// See [`JobStatus::Idle`].
    #[default]
    Idle,
    /// Its lease ended; from that time on it is idle. Its status is [`JobStatus::Idle`] already.
    Waiting {
        /// When the wait ends.
        until_ms: u64,
    },
    /// See [`JobStatus::InProgress`].
    InProgress(Lease),
    /// See [`JobStatus::Done`].
    Done,
    /// See [`JobStatus::Failed`].
    Failed,
}

/// The part of a job that changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Job {
    /// Where it stands.
    pub state: JobState,
    /// How often it was handed out since it was made or requeued.
    pub attempts: u32,
}

/// Why a job does not do what is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// Another prover has it.
    #[error("the job is held by {holder}")]
    NotHolder {
        /// That prover.
        holder: String,
    },
    /// Its status does not allow it.
    #[error("the job is {status:?}")]
    WrongStatus {
        /// That status.
        status: JobStatus,
    },
}

impl Job {
    /// Where it stands.
    pub fn status(&self) -> JobStatus {
        match self.state {
            JobState::Idle | JobState::Waiting { .. } => JobStatus::Idle,
            JobState::InProgress(_) => JobStatus::InProgress,
            JobState::Done => JobStatus::Done,
            JobState::Failed => JobStatus::Failed,
        }
    }

    /// Hands an idle job to a prover.
    pub fn claim(&mut self, prover: &str, now_ms: u64) -> Result<(), JobError> {
        self.wake(now_ms);
        if self.state != JobState::Idle {
            return Err(self.wrong_status());
        }
        self.state = JobState::InProgress(Lease { holder: prover.into(), renewed_at_ms: now_ms });
        self.attempts = self.attempts.saturating_add(1);
        Ok(())
    }

    /// The holder is still at it.
    pub fn heartbeat(&mut self, prover: &str, now_ms: u64) -> Result<(), JobError> {
        match &mut self.state {
            JobState::InProgress(lease) if lease.holder == prover => {
                lease.renewed_at_ms = lease.renewed_at_ms.max(now_ms);
                Ok(())
            }
            JobState::InProgress(lease) => Err(JobError::NotHolder { holder: lease.holder.clone() }),
            _ => Err(self.wrong_status()),
        }
    }

    /// A valid proof is there. Only the first one counts.
    pub fn finish(&mut self) -> Result<(), JobError> {
        if self.state == JobState::Done {
            return Err(self.wrong_status());
        }
        self.state = JobState::Done;
        Ok(())
    }

    /// The prover stops: a job it holds becomes idle, whatever its attempts. Returns whether it was held.
    pub fn release(&mut self, prover: &str) -> bool {
        let held = matches!(&self.state, JobState::InProgress(lease) if lease.holder == prover);
        if held {
            self.state = JobState::Idle;
        }
        held
    }

    /// Ends a lease that was not renewed in time. Returns whether it did.
    pub fn expire(&mut self, now_ms: u64, policy: LeasePolicy) -> bool {
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

    /// Makes a job idle whose wait is over. Returns whether it was.
    pub fn wake(&mut self, now_ms: u64) -> bool {
        let over = matches!(self.state, JobState::Waiting { until_ms } if until_ms <= now_ms);
        if over {
            self.state = JobState::Idle;
        }
        over
    }

    /// An operator gives the job another chance, or takes it from its holder.
    pub fn requeue(&mut self) -> Result<(), JobError> {
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
