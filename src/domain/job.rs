//! Proving jobs and their leases: a pure state machine. Times are arguments, in milliseconds of one monotonic clock.
//!
//! ```text
//!            claim                    finish
//!   Idle ───────────▶ InProgress ───────────────▶ Done
//!    ▲  ◀─────────────┘  │    release, or expire     ▲
//!    │                   │                           │ finish: the first valid proof wins, even of a
//!    │                   ▼ expire, attempts used up  │ prover whose lease has ended meanwhile
//!    └───requeue──── Failed ─────────────────────────┘
//! ```
//!
//! Only the holder's heartbeat renews a lease. A lease that was not renewed for the timeout ends when somebody looks
//! ([`Job::expire`]), not by itself: until then a late heartbeat still saves it.

use serde::{Deserialize, Serialize};

/// What is to be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum JobType {
    /// One block.
    Single,
    /// The proofs of a range of blocks.
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

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum JobStatus {
    /// Waits for a prover.
    Idle,
    /// A prover has it.
    InProgress,
    /// Its proof is stored.
    Done,
    /// Handed out as often as allowed without a proof; waits for an operator.
    Failed,
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
}

impl LeasePolicy {
    /// Whether a lease renewed at that time has ended.
    pub fn is_gone(&self, renewed_at_ms: u64, now_ms: u64) -> bool {
        now_ms.saturating_sub(renewed_at_ms) >= self.gone_timeout_ms
    }
}

/// Status and lease together, so that a job in progress always has a holder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum JobState {
    /// See [`JobStatus::Idle`].
    #[default]
    Idle,
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
            JobState::Idle => JobStatus::Idle,
            JobState::InProgress(_) => JobStatus::InProgress,
            JobState::Done => JobStatus::Done,
            JobState::Failed => JobStatus::Failed,
        }
    }

    /// Hands an idle job to a prover.
    pub fn claim(&mut self, prover: &str, now_ms: u64) -> Result<(), JobError> {
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
            self.state = if used_up { JobState::Failed } else { JobState::Idle };
        }
        gone
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: LeasePolicy = LeasePolicy { gone_timeout_ms: 10, max_attempts: Some(2) };

    fn status_error(status: JobStatus) -> Result<(), JobError> {
        Err(JobError::WrongStatus { status })
    }

    #[test]
    fn a_job_goes_from_idle_to_done() {
        let mut job = Job::default();
        assert_eq!(job.heartbeat("a", 0), status_error(JobStatus::Idle));
        job.claim("a", 0).unwrap();
        assert_eq!(job.claim("b", 0), status_error(JobStatus::InProgress));
        assert_eq!(job.heartbeat("b", 1), Err(JobError::NotHolder { holder: "a".into() }));
        job.heartbeat("a", 5).unwrap();
        assert!(!job.expire(14, POLICY));
        job.finish().unwrap();
        assert_eq!(job.finish(), status_error(JobStatus::Done));
        assert_eq!(job.requeue(), status_error(JobStatus::Done));
        assert!(!job.release("a") && !job.expire(1_000, POLICY));
    }

    #[test]
    fn a_late_proof_wins() {
        let mut job = Job::default();
        job.claim("a", 0).unwrap();
        assert!(job.expire(10, POLICY));
        job.claim("b", 11).unwrap();
        job.finish().unwrap();
        assert_eq!(job.heartbeat("b", 12), status_error(JobStatus::Done));
    }

    #[test]
    fn attempts_that_are_used_up_park_the_job_until_it_is_requeued() {
        let mut job = Job::default();
        for expected in [JobStatus::Idle, JobStatus::Failed] {
            job.claim("a", 0).unwrap();
            assert!(job.expire(10, POLICY));
            assert_eq!(job.status(), expected);
        }
        assert_eq!(job.claim("a", 0), status_error(JobStatus::Failed));
        job.requeue().unwrap();
        assert_eq!(job, Job::default());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Wait(u64),
        Claim(usize),
        Heartbeat(usize),
        Release(usize),
        Expire,
        Finish,
        Requeue,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0u64..8).prop_map(Step::Wait),
            3 => (0usize..2).prop_map(Step::Claim),
            3 => (0usize..2).prop_map(Step::Heartbeat),
            1 => (0usize..2).prop_map(Step::Release),
            3 => Just(Step::Expire),
            1 => Just(Step::Finish),
            1 => Just(Step::Requeue),
        ]
    }

    proptest! {
        /// The model keeps the whole history and answers by looking back.
        #[test]
        fn the_state_machine_equals_a_model_that_looks_back(
            steps in proptest::collection::vec(step(), 0..60),
            max_attempts in proptest::option::of(1u32..4),
        ) {
            let policy = LeasePolicy { gone_timeout_ms: 10, max_attempts };
            let provers = ["a", "b"];
            let (mut job, mut now) = (Job::default(), 0);
            // Holder and time of last sign of life; attempts; parked; done.
            let (mut signs, mut attempts, mut failed, mut done): (Vec<(usize, u64)>, u32, bool, bool) =
                (vec![], 0, false, false);
            for step in steps {
                let holder = signs.last().map(|sign| sign.0);
                match step {
                    Step::Wait(ms) => now += ms,
                    Step::Claim(p) => {
                        let free = holder.is_none() && !failed && !done;
                        prop_assert_eq!(job.claim(provers[p], now).is_ok(), free);
                        if free {
                            signs.push((p, now));
                            attempts += 1;
                        }
                    }
                    Step::Heartbeat(p) => {
                        prop_assert_eq!(job.heartbeat(provers[p], now).is_ok(), holder == Some(p));
                        if holder == Some(p) {
                            signs.push((p, now));
                        }
                    }
                    Step::Release(p) => {
                        prop_assert_eq!(job.release(provers[p]), holder == Some(p));
                        if holder == Some(p) {
                            signs.clear();
                        }
                    }
                    Step::Expire => {
                        let gone = signs.last().is_some_and(|sign| now >= sign.1 + 10);
                        prop_assert_eq!(job.expire(now, policy), gone);
                        if gone {
                            signs.clear();
                            failed = max_attempts.is_some_and(|max| attempts >= max);
                        }
                    }
                    Step::Finish => {
                        prop_assert_eq!(job.finish().is_ok(), !done);
                        signs.clear();
                        (done, failed) = (true, false);
                    }
                    Step::Requeue => {
                        prop_assert_eq!(job.requeue().is_ok(), !done);
                        if !done {
                            signs.clear();
                            (attempts, failed) = (0, false);
                        }
                    }
                }
                prop_assert_eq!(job.attempts, attempts);
                let expected = match (done, failed, signs.is_empty()) {
                    (true, ..) => JobStatus::Done,
                    (_, true, _) => JobStatus::Failed,
                    (.., false) => JobStatus::InProgress,
                    _ => JobStatus::Idle,
                };
                prop_assert_eq!(job.status(), expected);
            }
        }
    }
}
