//! Refused proofs: the job is claimable again, the prover is suspended, and the job fails by
//! refusals of many provers only.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::ManualClock;
use crate::domain::AttemptOutcome;
use crate::domain::job::{JobStatus, JobType};
use crate::store::queue::sender::ProverConnection;
use crate::store::testing::*;
use crate::store::*;

fn named(prover: &str) -> Sender {
    Sender { name: Some(prover.to_owned()), connection: None }
}

fn claim(store: &Store, prover: &str) -> Option<u32> {
    store.queue().claim(prover, Preference::default()).unwrap().map(|job| job.id)
}

fn refuse(store: &Store, prover: &str, job: u32) -> Refusal {
    store.queue().refuse(job, &named(prover), "it is false").unwrap()
}

/// A store with the jobs of some blocks.
fn queued(dir: &std::path::Path, clock: &Arc<ManualClock>, blocks: u32) -> Store {
    let store = witnessed(dir, clock, blocks);
    (1..=blocks).for_each(|block| assert!(store.queue().add_single_job(block).is_ok()));
    store
}

#[test]
fn a_refused_proof_ends_its_attempt_and_the_job_goes_to_another_prover() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = queued(dir.path(), &clock, 2);
    assert_eq!((claim(&store, "bad"), claim(&store, "good")), (Some(1), Some(2)));
    assert_eq!(claim(&store, "good"), None);
    let refusal = refuse(&store, "bad", 1);
    let expected = Refusal { prover: Some("bad".into()), ended: true, failed: false, suspended_ms: 10_000 };
    assert_eq!(refusal, expected);
    let job = store.queue().job(1).unwrap().unwrap();
    assert_eq!(
        (job.status, job.attempts, &job.refusals[..]),
        (JobStatus::Idle, 0, &[("bad".to_owned(), 1)][..])
    );
    let attempt = &store.queue().attempts_of_job(1, 9).unwrap()[0];
    assert_eq!(
        (attempt.outcome, attempt.reason.as_deref()),
        (Some(AttemptOutcome::Refused), Some("it is false"))
    );
    // Even after its suspension the job is left to the other prover, which has asked lately.
    clock.advance(10_000);
    assert_eq!(claim(&store, "bad"), None);
    assert_eq!(claim(&store, "good"), Some(1));
    // A second proof for the same attempt counts for nothing.
    assert_eq!(refuse(&store, "bad", 1), Refusal { prover: Some("bad".into()), ..Refusal::default() });
    assert_eq!(store.queue().provers()["bad"].rejected, 2);
    // Without another prover, it gets the job again.
    store.queue().release("good").unwrap();
    clock.advance(60_001);
    assert_eq!(claim(&store, "bad"), Some(1));
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn a_prover_with_refusals_in_a_row_gets_no_job_for_longer_each_time() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = queued(dir.path(), &clock, 8);
    for (job, suspended_ms) in [(1, 10_000), (2, 20_000), (3, 40_000)] {
        store.queue().claim("bad", Preference::default()).unwrap().unwrap();
        assert_eq!(claim(&store, "other"), Some(job + 1));
        store.queue().release("other").unwrap();
        assert_eq!(refuse(&store, "bad", job).suspended_ms, suspended_ms);
        clock.advance(suspended_ms - 1);
        assert_eq!(claim(&store, "bad"), None);
        assert_eq!(store.queue().withheld_provers(), (1, 0));
        assert_eq!(claim(&store, "other"), Some(job));
        store.queue().publish_from(JobType::Single, proof(job, job, job), &named("other")).unwrap();
        clock.advance(1);
    }
    // A restart does not end it, an accepted proof does.
    assert_eq!(claim(&store, "bad"), Some(4));
    assert_eq!(refuse(&store, "bad", 4).suspended_ms, 80_000);
    store.sync().unwrap();
    drop(store);
    let clock = Arc::new(ManualClock::new(clock_now(&clock)));
    let store = Store::open(dir.path(), options(&clock)).unwrap();
    assert_eq!(claim(&store, "bad"), None);
    store.queue().publish_from(JobType::Single, proof(5, 5, 5), &named("bad")).unwrap();
    assert_eq!(claim(&store, "bad"), Some(4));
    // An operator ends it too.
    assert_eq!(refuse(&store, "bad", 4).suspended_ms, 10_000);
    assert_eq!(claim(&store, "bad"), None);
    assert!(store.queue().unblock_prover("bad").unwrap());
    assert_eq!(claim(&store, "bad"), Some(4));
    assert_eq!(refuse(&store, "bad", 4).suspended_ms, 10_000);
}

fn clock_now(clock: &ManualClock) -> u64 {
    crate::clock::Clock::wall_ms(clock)
}

#[test]
fn a_job_fails_by_refusals_of_many_provers_or_of_one_as_often() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = queued(dir.path(), &clock, 1);
    let attempt = |prover: &str| {
        clock.advance(3_600_000);
        assert_eq!(claim(&store, prover), Some(1), "{prover}");
        refuse(&store, prover, 1)
    };
    // Three attempts are allowed, and these are four refusals of two provers.
    for prover in ["a", "b", "a", "b"] {
        assert!(!attempt(prover).failed);
    }
    // Lost leases are counted apart.
    for _ in 0..2 {
        clock.advance(3_600_000);
        assert_eq!(claim(&store, "a"), Some(1));
        clock.advance(60_000);
        store.queue().expire().unwrap();
    }
    assert_eq!(store.queue().job(1).unwrap().unwrap().status, JobStatus::Idle);
    assert!(attempt("c").failed);
    let job = store.queue().job(1).unwrap().unwrap();
    assert_eq!((job.status, job.refusals.len()), (JobStatus::Failed, 3));
    store.queue().requeue(1).unwrap();
    assert!(store.queue().job(1).unwrap().unwrap().refusals.is_empty());
    for failed in [false, false, true] {
        assert_eq!(attempt("a").failed, failed);
    }
    store.sync().unwrap();
    drop(store);
    let store = Store::open(dir.path(), options(&clock)).unwrap();
    assert_eq!(store.queue().job(1).unwrap().unwrap().refusals, [("a".to_owned(), 3)]);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    store.queue().drop_job(1).unwrap();
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn a_late_proof_is_credited_to_its_prover() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = queued(dir.path(), &clock, 4);
    let moved_on = |job: u32| {
        assert_eq!(claim(&store, "first"), Some(job));
        clock.advance(60_000);
        store.queue().expire().unwrap();
        assert_eq!(claim(&store, "second"), Some(job));
        clock.advance(1_000);
    };
    let credited = |job: u32, sender: Sender| {
        store.queue().publish_from(JobType::Single, proof(job, job, job), &sender).unwrap();
        store.queue().proof_record(JobType::Single, job, job).unwrap().unwrap().prover
    };
    let connection = |provers: &[&str]| {
        let connection = Arc::new(ProverConnection::default());
        provers.iter().for_each(|prover| connection.note(prover));
        Sender { name: None, connection: Some(connection) }
    };
    moved_on(1);
    assert_eq!(credited(1, named("first")).as_deref(), Some("first"));
    let outcomes = |job| {
        let attempts = store.queue().attempts_of_job(job, 9).unwrap();
        attempts.into_iter().map(|attempt| (attempt.prover, attempt.outcome.unwrap())).collect::<Vec<_>>()
    };
    let expected =
        [("first".to_owned(), AttemptOutcome::Accepted), ("second".to_owned(), AttemptOutcome::Superseded)];
    assert_eq!(outcomes(1), expected);
    moved_on(2);
    assert_eq!(credited(2, connection(&["first"])).as_deref(), Some("first"));
    moved_on(3);
    // A proxy's connection.
    assert_eq!(credited(3, connection(&["third", "first"])).as_deref(), Some("first"));
    moved_on(4);
    assert_eq!(credited(4, connection(&["first", "second"])).as_deref(), Some("second"));
    let provers = store.queue().provers();
    assert_eq!((provers["first"].proofs, provers["second"].proofs), (3, 1));
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn a_blocked_prover_gets_no_job_and_loses_its_leases() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = queued(dir.path(), &clock, 2);
    assert_eq!(claim(&store, "p"), Some(1));
    assert!(store.queue().block_prover("p").unwrap());
    assert!(!store.queue().block_prover("p").unwrap());
    assert_eq!(claim(&store, "p"), None);
    assert_eq!(store.queue().job(1).unwrap().unwrap().status, JobStatus::Idle);
    assert!(store.queue().block_prover("unknown").unwrap());
    drop(store);
    let store = Store::open(dir.path(), options(&clock)).unwrap();
    assert_eq!((claim(&store, "p"), claim(&store, "unknown")), (None, None));
    assert_eq!(store.queue().withheld_provers(), (0, 2));
    // Its proof is accepted nevertheless, and it stays blocked.
    store.queue().publish_from(JobType::Single, proof(1, 1, 1), &named("p")).unwrap();
    assert_eq!(claim(&store, "p"), None);
    assert!(store.queue().unblock_prover("p").unwrap());
    assert!(!store.queue().unblock_prover("absent").unwrap());
    assert_eq!(claim(&store, "p"), Some(2));
    assert!(store.queue().block_prover("").is_err());
}

#[test]
fn a_prover_holds_no_more_jobs_than_it_may() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    drop(queued(dir.path(), &clock, 3));
    let max_jobs_per_prover = Some(2);
    let store = Store::open(dir.path(), StoreOptions { max_jobs_per_prover, ..options(&clock) }).unwrap();
    assert_eq!([0; 3].map(|_| claim(&store, "p")), [Some(1), Some(2), None]);
    assert_eq!(claim(&store, "q"), Some(3));
    store.queue().publish_from(JobType::Single, proof(1, 1, 1), &named("p")).unwrap();
    store.queue().release("q").unwrap();
    assert_eq!(claim(&store, "p"), Some(3));
}

#[test]
fn no_suspension_without_a_backoff() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    drop(queued(dir.path(), &clock, 1));
    let refusal_backoff = Duration::ZERO;
    let store = Store::open(dir.path(), StoreOptions { refusal_backoff, ..options(&clock) }).unwrap();
    for _ in 0..2 {
        assert_eq!(claim(&store, "p"), Some(1));
        assert_eq!(refuse(&store, "p", 1).suspended_ms, 0);
    }
}

#[test]
fn paused_claims_get_no_job_until_they_are_resumed() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = queued(dir.path(), &clock, 2);
    assert_eq!(claim(&store, "p"), Some(1));
    assert!(store.queue().pause().unwrap());
    clock.advance(500);
    assert!(!store.queue().pause().unwrap());
    assert_eq!(claim(&store, "q"), None);
    assert_eq!(store.queue().heartbeat("p", 1).unwrap(), HeartbeatOutcome::Renewed);
    store.queue().publish_from(JobType::Single, proof(1, 1, 1), &named("p")).unwrap();
    drop(store);
    let store = Store::open(dir.path(), options(&clock)).unwrap();
    assert_eq!(store.queue().paused_at_ms().unwrap(), Some(NOW));
    assert_eq!(claim(&store, "q"), None);
    assert!(store.queue().resume().unwrap());
    assert!(!store.queue().resume().unwrap());
    assert_eq!(claim(&store, "q"), Some(2));
}

#[test]
fn many_jobs_are_requeued_together_or_none() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = queued(dir.path(), &clock, 6);
    let fail = |job: u32| {
        for _ in 0..3 {
            clock.advance(3_600_000);
            assert_eq!(claim(&store, "p"), Some(job));
            refuse(&store, "p", job);
        }
    };
    (1..=3).for_each(fail);
    let failed = || store.queue().counts().unwrap().failed;
    let requeue = |which: WhichJobs| store.queue().requeue_many(&which);
    assert_eq!(failed(), 3);
    assert!(matches!(requeue(WhichJobs::Ids(vec![1, 99])), Err(StoreError::NotFound { .. })));
    store.queue().publish_from(JobType::Single, proof(6, 6, 6), &named("p")).unwrap();
    assert!(matches!(requeue(WhichJobs::Ids(vec![1, 6])), Err(StoreError::Conflict { .. })));
    assert_eq!(failed(), 3);
    assert_eq!(requeue(WhichJobs::Ids(vec![2, 2])).unwrap(), [2]);
    assert_eq!(failed(), 2);
    assert_eq!(requeue(WhichJobs::Blocks { first: 2, last: 6 }).unwrap(), [2, 3, 4, 5]);
    assert_eq!(failed(), 1);
    assert_eq!(requeue(WhichJobs::Failed).unwrap(), [1]);
    assert_eq!(requeue(WhichJobs::Failed).unwrap(), Vec::<u32>::new());
    assert_eq!(failed(), 0);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn an_interrupted_requeue_is_finished_by_the_next_start() {
    let (dir, time) = (tempfile::tempdir().unwrap(), clock());
    let store = queued(dir.path(), &time, 2);
    for prover in ["p", "q"] {
        store.queue().claim(prover, Preference::default()).unwrap().unwrap();
    }
    // The write after the one of the marker fails.
    store.fail_write(2);
    assert!(store.queue().requeue_many(&WhichJobs::Ids(vec![1, 2])).is_err());
    drop(store);
    let store = Store::open(dir.path(), options(&time)).unwrap();
    assert_eq!(store.queue().counts().unwrap().idle, 2);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}
