//! Tests of the state machine of a job, by example and against a model.

use proptest::prelude::*;

use super::job::*;

const POLICY: LeasePolicy = LeasePolicy { gone_timeout_ms: 10, max_attempts: Some(2), retry_backoff_ms: 0 };

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
fn a_late_proof_counts() {
    let mut job = Job::default();
    job.claim("a", 0).unwrap();
    assert!(job.expire(10, POLICY));
    job.claim("b", 11).unwrap();
    job.finish().unwrap();
    assert_eq!(job.heartbeat("b", 12), status_error(JobStatus::Done));
}

#[test]
fn a_job_without_attempts_left_has_failed_until_it_is_requeued() {
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

#[test]
fn the_backoff_doubles_with_each_attempt() {
    let policy = LeasePolicy { gone_timeout_ms: 10, max_attempts: None, retry_backoff_ms: 3 };
    let mut job = Job::default();
    let mut now = 0;
    for wait in [3, 6, 10, 10] {
        job.claim("a", now).unwrap();
        now += 10;
        assert!(job.expire(now, policy));
        assert_eq!((job.status(), job.wake(now)), (JobStatus::Idle, false));
        assert_eq!(job.claim("b", now + wait - 1), status_error(JobStatus::Idle));
        now += wait;
    }
    // Far more attempts than bits to shift.
    assert_eq!(policy.backoff_ms(1_000), 10);
    // A released job does not wait: its prover did not fail.
    job.claim("a", now).unwrap();
    assert!(job.release("a"));
    job.claim("b", now).unwrap();
    assert!(job.expire(now + 10, policy));
    job.requeue().unwrap();
    job.claim("c", now + 10).unwrap();
}

#[test]
fn a_late_proof_ends_the_backoff() {
    let mut job = Job::default();
    job.claim("a", 0).unwrap();
    assert!(job.expire(10, LeasePolicy { retry_backoff_ms: 5, ..POLICY }));
    job.finish().unwrap();
    assert!(!job.wake(100) && job.status() == JobStatus::Done);
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Claim(usize),
    Heartbeat(usize),
    Release(usize),
    Expire,
    Wake,
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
        1 => Just(Step::Wake),
        1 => Just(Step::Finish),
        1 => Just(Step::Requeue),
    ]
}

proptest! {
    /// The model keeps the whole history and derives each answer from it.
    #[test]
    fn the_state_machine_equals_a_model_with_the_whole_history(
        steps in proptest::collection::vec(step(), 0..60),
        max_attempts in proptest::option::of(1u32..4),
        retry_backoff_ms in prop_oneof![Just(0), 1u64..8],
    ) {
        let policy = LeasePolicy { gone_timeout_ms: 10, max_attempts, retry_backoff_ms };
        let provers = ["a", "b"];
        let (mut job, mut now) = (Job::default(), 0);
        // Holder and time of each claim and heartbeat; attempts; failed; done.
        let (mut signs, mut attempts, mut failed, mut done): (Vec<(usize, u64)>, u32, bool, bool) =
            (vec![], 0, false, false);
        // Time at which the last lease ended and its attempt, until the job can be claimed again.
        let mut ended: Option<(u64, u32)> = None;
        for step in steps {
            let holder = signs.last().map(|sign| sign.0);
            let waits = ended.is_some_and(|(at, attempt)| {
                let wait = (1..attempt).fold(retry_backoff_ms, |wait, _| (2 * wait).min(10));
                now < at + wait
            });
            match step {
                Step::Wait(ms) => now += ms,
                Step::Claim(p) => {
                    let free = holder.is_none() && !failed && !done && !waits;
                    prop_assert_eq!(job.claim(provers[p], now).is_ok(), free);
                    if free {
                        ended = None;
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
                        ended = (!failed).then_some((now, attempts));
                    }
                }
                Step::Wake => {
                    // Without a backoff the job is idle from the end of its lease on.
                    let waited = ended.is_some() && retry_backoff_ms > 0;
                    prop_assert_eq!(job.wake(now), waited && !waits);
                    if !waits {
                        ended = None;
                    }
                }
                Step::Finish => {
                    prop_assert_eq!(job.finish().is_ok(), !done);
                    signs.clear();
                    (done, failed, ended) = (true, false, None);
                }
                Step::Requeue => {
                    prop_assert_eq!(job.requeue().is_ok(), !done);
                    if !done {
                        signs.clear();
                        (attempts, failed, ended) = (0, false, None);
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
