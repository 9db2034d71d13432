//! Leases: clocks, restarts, many heartbeats, and the backoff after the end of a lease.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use crate::clock::{Clock, ManualClock};
use crate::domain::job::{JobStatus, JobType};
use crate::store::testing::*;
use crate::store::*;

const DAY: u64 = 86_400_000;
/// A timeout that no slow machine reaches.
const PATIENCE: Duration = Duration::from_secs(60);

/// A store with idle jobs whose first backoff is ten seconds.
fn waiting(dir: &Path, clock: &Arc<ManualClock>, jobs: u32) -> Store {
    drop(witnessed(dir, clock, jobs));
    let retry_backoff = Duration::from_secs(10);
    let store =
        Store::open(dir, StoreOptions { retry_backoff, max_attempts: None, ..options(clock) }).unwrap();
    (1..=jobs)
        .for_each(|block| assert_eq!(store.queue().add_single_job(block).unwrap(), AddOutcome::Added(block)));
    store
}

fn claimed(store: &Store, prover: &str) -> Option<u32> {
    store.queue().claim(prover, Preference::default()).unwrap().map(|job| job.id)
}

#[test]
fn a_job_whose_lease_ended_has_its_place_again_after_the_backoff() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = waiting(dir.path(), &clock, 3);
    let sized = Preference { block_size: Some(10), ..Preference::default() };
    for wait in [10_000, 20_000, 40_000, 60_000, 60_000] {
        assert_eq!(claimed(&store, "poisoned"), Some(1));
        clock.advance(60_000);
        assert_eq!(store.queue().expire().unwrap(), [1]);
        // Other jobs are claimed meanwhile, whatever the preference.
        assert_eq!(
            [claimed(&store, "a"), store.queue().claim("b", sized).unwrap().map(|job| job.id)],
            [Some(2), Some(3)]
        );
        let job = store.queue().job(1).unwrap().unwrap();
        assert_eq!((job.status, job.waits_ms), (JobStatus::Idle, Some(wait)));
        assert_eq!(claimed(&store, "c"), None);
        clock.advance(wait - 1);
        assert_eq!(claimed(&store, "c"), None);
        assert_eq!(
            (store.queue().release("a").unwrap(), store.queue().release("b").unwrap()),
            (vec![2], vec![3])
        );
        assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
        clock.advance(1);
        assert_eq!(store.queue().job(1).unwrap().unwrap().waits_ms, None);
    }
    assert_eq!(store.queue().counts().unwrap().idle, 3);
}

#[test]
fn a_wait_ends_by_a_requeue_a_late_proof_a_drop_or_a_restart() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = waiting(dir.path(), &clock, 4);
    (1..=4).for_each(|id| assert_eq!(claimed(&store, "gone"), Some(id)));
    clock.advance(60_000);
    assert_eq!(store.queue().expire().unwrap().len(), 4);
    assert_eq!(claimed(&store, "a"), None);
    store.queue().requeue(3).unwrap();
    assert_eq!(claimed(&store, "a"), Some(3));
    store.queue().publish(JobType::Single, proof(2, 2, 2)).unwrap();
    store.queue().drop_job(4).unwrap();
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    drop(store);
    let store = Store::open(dir.path(), options(&clock)).unwrap();
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    assert_eq!([claimed(&store, "b"), claimed(&store, "b")], [Some(1), None]);
    let statuses = [1, 2, 3].map(|id| store.queue().job(id).unwrap().unwrap().status);
    assert_eq!(statuses, [JobStatus::InProgress, JobStatus::Done, JobStatus::InProgress]);
}

#[test]
fn the_end_of_a_wait_is_no_change_of_the_job() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = waiting(dir.path(), &clock, 2);
    assert_eq!([claimed(&store, "a"), claimed(&store, "b")], [Some(1), Some(2)]);
    clock.advance(60_000);
    store.queue().expire().unwrap();
    let before = store.queue().job(2).unwrap().unwrap();
    clock.advance(10_000);
    assert_eq!(claimed(&store, "a"), Some(1));
    assert_eq!(store.queue().job(2).unwrap().unwrap(), JobRecord { waits_ms: None, ..before });
}

/// The server runs while the wall clock is set a day back and forth.
#[test]
fn a_wall_clock_that_jumps_neither_ends_nor_extends_a_lease() {
    for jump in [-1, 1] {
        let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
        let store = waiting(dir.path(), &clock, 1);
        assert_eq!(claimed(&store, "a"), Some(1));
        let set = |days: i64| clock.set_wall_ms(NOW.checked_add_signed(days * DAY as i64).unwrap());
        set(jump);
        assert_eq!(store.queue().expire().unwrap(), Vec::<u32>::new());
        clock.advance(59_999);
        set(-jump);
        assert_eq!(store.queue().expire().unwrap(), Vec::<u32>::new());
        assert_eq!(store.queue().heartbeat("a", 1).unwrap(), HeartbeatOutcome::Renewed);
        clock.advance(59_999);
        set(jump);
        assert_eq!(store.queue().expire().unwrap(), Vec::<u32>::new());
        clock.advance(1);
        assert_eq!(store.queue().expire().unwrap(), [1]);
        // Nor does it end a backoff.
        set(-jump);
        clock.advance(9_999);
        assert_eq!(claimed(&store, "b"), None);
        set(jump);
        clock.advance(1);
        assert_eq!(claimed(&store, "b"), Some(1));
    }
}

#[test]
fn a_heartbeat_is_answered_at_once_unless_it_must_wait_write_or_explain() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = waiting(dir.path(), &clock, 2);
    let queue = store.queue();
    let at_once = |prover: &str, id| queue.heartbeat_at_once(None, prover, id);
    assert!(!at_once("a", 1), "an idle job");
    assert_eq!(claimed(&store, "a"), Some(1));
    assert!(!at_once("b", 1) && !at_once("a", 2) && !at_once("a", 9));
    let locked = queue.lock();
    assert!(!at_once("a", 1));
    drop(locked);
    // An eighth of the timeout after the claim, the record is written.
    clock.advance(7_499);
    assert!(at_once("a", 1));
    clock.advance(1);
    assert!(!at_once("a", 1));
    // What was answered at once counts as the last heartbeat.
    clock.advance(59_998);
    assert_eq!(queue.expire().unwrap(), Vec::<u32>::new());
    clock.advance(1);
    assert_eq!(queue.expire().unwrap(), [1]);
}

/// The server is started with another wall clock than it was stopped with.
#[test]
fn a_wall_clock_that_jumps_across_a_restart_neither_frees_nor_freezes_a_lease() {
    for wall in [NOW - DAY, NOW + DAY] {
        let (dir, before) = (tempfile::tempdir().unwrap(), clock());
        let store = waiting(dir.path(), &before, 2);
        assert_eq!([claimed(&store, "a"), claimed(&store, "b")], [Some(1), Some(2)]);
        drop(store);
        let clock = Arc::new(ManualClock::new(wall));
        let store = Store::open(dir.path(), options(&clock)).unwrap();
        // Both provers have the time for a heartbeat; one sends it.
        clock.advance(7_499);
        assert_eq!(store.queue().expire().unwrap(), Vec::<u32>::new());
        assert_eq!(store.queue().heartbeat("a", 1).unwrap(), HeartbeatOutcome::Renewed);
        clock.advance(52_501);
        assert_eq!(store.queue().expire().unwrap(), [2]);
        assert_eq!(store.queue().heartbeat("a", 1).unwrap(), HeartbeatOutcome::Renewed);
        clock.advance(60_000);
        assert_eq!(store.queue().expire().unwrap(), [1]);
    }
}

/// Restarts, each after an eighth of the timeout, do not extend the lease of a prover that is gone.
#[test]
fn restarts_do_not_renew_a_lease() {
    let (dir, mut clock) = (tempfile::tempdir().unwrap(), clock());
    let mut store = waiting(dir.path(), &clock, 1);
    assert_eq!(claimed(&store, "gone"), Some(1));
    let mut wall = NOW;
    for restart in 1.. {
        wall += 10_000;
        drop(store);
        clock = Arc::new(ManualClock::new(wall));
        store = Store::open(dir.path(), options(&clock)).unwrap();
        clock.advance(7_500);
        wall += 7_500;
        if store.queue().expire().unwrap() == [1] {
            assert_eq!(restart, 4);
            return;
        }
    }
}

/// A known client sends heartbeats without a pause: here sixteen provers send a hundred thousand in
/// two timeouts.
#[test]
fn heartbeats_in_a_tight_loop_sync_nothing_and_write_eight_times_a_timeout() {
    const PROVERS: u32 = 16;
    const ROUNDS: u32 = 125;
    const IN_A_ROUND: u32 = 50;
    const TIMEOUTS: u32 = 2;
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = waiting(dir.path(), &clock, PROVERS);
    let name = |prover: u32| format!("prover {prover}");
    (1..=PROVERS).for_each(|prover| assert_eq!(claimed(&store, &name(prover)), Some(prover)));
    store.sync().unwrap();
    let flushes = store.core().committer.flushes();
    // The count goes down with each write and flush.
    const MANY: u64 = 1 << 40;
    store.fail_write(MANY);
    let sent = AtomicU32::new(0);
    let together = Barrier::new(PROVERS as usize);
    std::thread::scope(|scope| {
        for prover in 1..=PROVERS {
            let (store, clock, sent, together) = (&store, &clock, &sent, &together);
            scope.spawn(move || {
                let name = name(prover);
                for _ in 0..ROUNDS {
                    for _ in 0..IN_A_ROUND {
                        assert_eq!(
                            store.queue().heartbeat(&name, prover).unwrap(),
                            HeartbeatOutcome::Renewed
                        );
                        sent.fetch_add(1, Ordering::SeqCst);
                    }
                    if together.wait().is_leader() {
                        clock.advance(u64::from(TIMEOUTS * 60_000 / ROUNDS));
                    }
                    together.wait();
                }
            });
        }
    });
    let writes = MANY - store.fail_write(0);
    assert_eq!(sent.load(Ordering::SeqCst), 100_000);
    println!("100000 heartbeats: {writes} writes");
    assert_eq!(clock.monotonic_ms(), u64::from(TIMEOUTS) * 60_000);
    assert_eq!(store.core().committer.flushes(), flushes);
    // A record is due after an eighth of the timeout.
    let most = u64::from(PROVERS * TIMEOUTS * 8);
    assert!((most / 2..=most).contains(&writes), "{writes} writes");
    assert_eq!(store.queue().expire().unwrap(), Vec::<u32>::new());
}

/// While a flush is in progress and callers wait for it, the queue continues.
#[test]
fn the_queue_is_not_locked_during_a_sync() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = Arc::new(waiting(dir.path(), &clock, 6));
    (1..=4).for_each(|id| assert_eq!(claimed(&store, "a"), Some(id)));
    store.core().committer.hold();
    type Waiter = Box<dyn FnOnce(&Store) + Send>;
    let stuck: [Waiter; 4] = [
        Box::new(|store| store.queue().publish(JobType::Single, proof(1, 1, 1)).map(drop).unwrap()),
        Box::new(|store| store.queue().requeue(2).unwrap()),
        Box::new(|store| store.queue().drop_job(3).unwrap()),
        Box::new(|store| store.sync().unwrap()),
    ];
    let stuck = stuck.map(|wait| {
        let store = store.clone();
        std::thread::spawn(move || wait(&store))
    });
    while store.core().committer.waiting() < 4 && !stuck.iter().any(|thread| thread.is_finished()) {
        std::thread::yield_now();
    }
    let (done, told) = mpsc::channel();
    let queue = store.clone();
    std::thread::spawn(move || {
        let heartbeat = queue.queue().heartbeat("a", 4).unwrap();
        let next = claimed(&queue, "b");
        let released = queue.queue().release("a").unwrap();
        queue.queue().expire().unwrap();
        let bytes = noise(0, 100);
        queue
            .queue()
            .reject(RejectedProof { job_id: 4, prover: None, reason: "bad".into(), at_ms: 0, bytes })
            .unwrap();
        done.send((heartbeat, next, released)).unwrap();
    });
    let went_on = told.recv_timeout(PATIENCE);
    store.core().committer.release();
    assert_eq!(went_on.unwrap(), (HeartbeatOutcome::Renewed, Some(2), vec![4]));
    stuck.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn the_next_expiry_is_that_of_the_oldest_lease() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = waiting(dir.path(), &clock, 2);
    assert_eq!(store.queue().next_expiry(), None);
    assert_eq!(claimed(&store, "a"), Some(1));
    clock.advance(20_000);
    assert_eq!(claimed(&store, "b"), Some(2));
    assert_eq!(store.queue().next_expiry(), Some(Duration::from_secs(40)));
    clock.advance(10_000);
    assert_eq!(store.queue().heartbeat("a", 1).unwrap(), HeartbeatOutcome::Renewed);
    assert_eq!(store.queue().next_expiry(), Some(Duration::from_secs(50)));
    clock.advance(50_000);
    assert_eq!(store.queue().next_expiry(), Some(Duration::ZERO));
    assert_eq!(store.queue().expire().unwrap(), [2]);
    assert_eq!(store.queue().next_expiry(), Some(Duration::from_secs(10)));
}

#[test]
fn a_job_that_another_connection_keeps_alive_is_released_once_its_prover_is_silent() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = witnessed(dir.path(), &clock, 1);
    store.queue().add_single_job(1).unwrap();
    let [works, stops] = [0; 2].map(|_| Arc::<ProverConnection>::default());
    let queue = store.queue();
    let claim = || queue.claim_open("p", Preference::default(), Some(&works)).unwrap().map(|(job, _)| job.id);
    let status = || queue.job(1).unwrap().unwrap().status;
    let stop = || queue.release_over(Some(&stops), "p").unwrap();
    assert_eq!(claim(), Some(1));
    assert_eq!(stop(), Vec::<u32>::new());
    // An eighth of the timeout is left for a heartbeat.
    clock.advance(7_499);
    queue.expire().unwrap();
    assert_eq!(queue.heartbeat_over(Some(&works), "p", 1).unwrap(), HeartbeatOutcome::Renewed);
    clock.advance(7_499);
    queue.expire().unwrap();
    assert_eq!((status(), stop()), (JobStatus::InProgress, Vec::new()));
    // Or twice the longest time between two signs of life.
    clock.advance(14_997);
    queue.expire().unwrap();
    assert_eq!(status(), JobStatus::InProgress);
    clock.advance(1);
    assert_eq!(queue.next_expiry(), Some(Duration::ZERO));
    queue.expire().unwrap();
    assert_eq!((status(), claim()), (JobStatus::Idle, Some(1)));
    assert_eq!(queue.release_over(Some(&works), "p").unwrap(), [1]);
    // Or none once the connection is closed.
    assert_eq!((claim(), stop()), (Some(1), Vec::new()));
    drop(works);
    queue.expire().unwrap();
    assert_eq!(status(), JobStatus::Idle);
}

#[test]
fn an_undelivered_job_goes_to_its_prover_first_and_a_heartbeat_takes_it_up() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = witnessed(dir.path(), &clock, 2);
    (1..=2).for_each(|block| assert!(store.queue().add_single_job(block).is_ok()));
    let claim = |prover: &str| store.queue().claim(prover, Preference::default()).unwrap().unwrap();
    let (first, cut) = (claim("first"), claim("cut"));
    assert!(store.queue().undelivered(2, cut.claim).unwrap());
    // Only once, and only for that claim.
    assert!(!store.queue().undelivered(2, cut.claim).unwrap());
    assert!(!store.queue().undelivered(1, cut.claim).unwrap());
    store.queue().release("first").unwrap();
    let again = claim("cut");
    assert_eq!((again.id, again.attempt), (2, 1));
    // A heartbeat has come.
    store.queue().heartbeat("cut", 2).unwrap();
    assert!(!store.queue().undelivered(2, again.claim).unwrap());
    store.queue().release("cut").unwrap();
    let third = claim("cut");
    assert_eq!((third.id, first.id), (1, 1));
    assert!(store.queue().undelivered(1, third.claim).unwrap());
    assert_eq!(store.queue().heartbeat("cut", 1).unwrap(), HeartbeatOutcome::Renewed);
    assert_eq!(store.queue().job(1).unwrap().unwrap().holder.as_deref(), Some("cut"));
    // Another prover may claim it before.
    store.queue().release("cut").unwrap();
    let fourth = claim("cut");
    assert!(store.queue().undelivered(1, fourth.claim).unwrap());
    assert_eq!(claim("other").id, 1);
    assert_eq!(
        store.queue().heartbeat("cut", 1).unwrap(),
        HeartbeatOutcome::NotHolder { holder: "other".into() }
    );
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}
