//! Waits of the updater, and leases that expire while it waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::updater::Updater;
use super::{Node, NodeOptions};
use crate::domain::job::JobStatus;
use crate::store::testing::{clock, options, witnessed};
use crate::store::{JobRecord, Preference, Store, StoreOptions};

/// An interval that no test reaches.
const INTERVAL: Duration = Duration::from_secs(600);

fn claim(store: &Store) -> u32 {
    store.queue().claim("prover", Preference::default()).unwrap().unwrap().id
}

fn job(store: &Store, id: u32) -> JobRecord {
    store.queue().job(id).unwrap().unwrap()
}

#[test]
fn the_updater_waits_until_the_next_expiry() {
    let dir = tempfile::tempdir().unwrap();
    let clock = clock();
    let timeout = options(&clock).gone_timeout;
    let store = Arc::new(witnessed(dir.path(), &clock, 2));
    let mut updater = Updater::new(store.clone(), &NodeOptions::default());
    assert_eq!(updater.longest_wait(INTERVAL), INTERVAL);
    assert!(updater.round().unwrap());
    let first = claim(&store);
    assert_eq!(updater.longest_wait(INTERVAL), timeout);
    clock.advance(1_000);
    let second = claim(&store);
    assert_eq!(updater.longest_wait(INTERVAL), timeout - Duration::from_secs(1));
    assert_eq!(updater.longest_wait(Duration::from_secs(5)), Duration::from_secs(5));

    clock.advance(u64::try_from(timeout.as_millis()).unwrap() - 1_000);
    assert_eq!(updater.longest_wait(INTERVAL), Duration::ZERO);
    updater.round().unwrap();
    assert_eq!([first, second].map(|id| job(&store, id).status), [JobStatus::Idle, JobStatus::InProgress]);
    assert_eq!(updater.longest_wait(INTERVAL), Duration::from_secs(1));
}

#[test]
fn a_lease_that_expires_while_the_updater_waits_ends_on_time() {
    let dir = tempfile::tempdir().unwrap();
    drop(witnessed(dir.path(), &clock(), 1));
    let gone_timeout = Duration::from_millis(500);
    let options = StoreOptions { gone_timeout, ..StoreOptions::default() };
    let store = Arc::new(Store::open(dir.path(), options).unwrap());
    let node = Node::new(store.clone(), NodeOptions { interval: INTERVAL, ..NodeOptions::default() });
    node.start().unwrap();
    let until = |holds: &dyn Fn() -> bool| {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < INTERVAL / 10);
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    until(&|| store.queue().counts().unwrap().idle == 1);
    let id = claim(&store);
    node.wake();
    let claimed = Instant::now();
    until(&|| job(&store, id).status == JobStatus::Idle);
    assert!(claimed.elapsed() >= gone_timeout / 2);
    node.stop();
}
