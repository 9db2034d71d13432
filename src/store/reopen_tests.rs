//! A reopen after a failed write, when the kv on disk is not the one that was acknowledged.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::domain::job::{JobStatus, JobType};
use crate::store::kv::sled_db::SledDb;
use crate::store::testing::*;
use crate::store::*;

/// Copies the kv of an open store; everything in it has to be synced.
fn copied(dir: &Path, name: &str) {
    let (from, to) = (dir.join("index"), dir.join(name));
    fs::create_dir_all(to.join("blobs")).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Puts another kv in the place of the one that is open, or none.
fn replaced(dir: &Path, by: Option<&str>) {
    let aside = (1..).map(|n| dir.join(format!("aside-{n}"))).find(|aside| !aside.exists()).unwrap();
    fs::rename(dir.join("index"), aside).unwrap();
    if let Some(by) = by {
        fs::rename(dir.join(by), dir.join("index")).unwrap();
    }
}

/// Fails to store the next block.
fn fail(store: &Store) {
    let next = store.chain().head().unwrap() + 1;
    store.fail_write(1);
    put_block(store, next).unwrap_err();
}

fn until_reopened(store: &Store) {
    let start = Instant::now();
    while let Err(error) = store.ready() {
        assert!(matches!(error, StoreError::Closed { .. }), "{error}");
        assert!(start.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_kv_without_an_acknowledged_block_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    let store = witnessed(dir.path(), &clock(), 2);
    store.sync().unwrap();
    copied(dir.path(), "older");
    put_block(&store, 3).unwrap();
    store.sync().unwrap();
    drop(SledDb::open(&dir.path().join("empty"), 1 << 20, 100).unwrap());
    let kvs = [(Some("older"), "block 3"), (Some("empty"), "its kv is empty"), (None, "its kv is missing")];
    for (bad, what) in kvs {
        fail(&store);
        copied(dir.path(), "sound");
        replaced(dir.path(), bad);
        let refused = store.ready().unwrap_err();
        assert!(matches!(&refused, StoreError::Closed { cause } if cause.contains(what)), "{refused}");
        // Neither reads nor writes find a store that has less than it acknowledged.
        assert!(matches!(store.chain().head(), Err(StoreError::Closed { .. })));
        assert!(matches!(store.chain().genesis(), Err(StoreError::Closed { .. })));
        assert!(matches!(put_block(&store, 3), Err(StoreError::Closed { .. })));
        assert!(matches!(store.readable(), Err(StoreError::Closed { .. })));
        fs::create_dir_all(dir.path().join("index")).unwrap();
        replaced(dir.path(), Some("sound"));
        until_reopened(&store);
        assert_eq!(store.chain().head().unwrap(), 3);
        assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    }
    put_block(&store, 4).unwrap();
    drop(store);
    assert_eq!(open(dir.path()).chain().head().unwrap(), 4);
}

#[test]
fn the_tree_does_not_move_over_a_block_whose_witness_a_reopen_has_lost() {
    let dir = tempfile::tempdir().unwrap();
    let store = witnessed(dir.path(), &clock(), 1);
    put_block(&store, 2).unwrap();
    store.sync().unwrap();
    copied(dir.path(), "older");
    commit_witness(&store, 2).unwrap();
    // A maintainer sees the witness before the reopen.
    assert!(store.tree().witness(2).unwrap().is_some());
    fail(&store);
    replaced(dir.path(), Some("older"));
    let seen = store.tree().commit_witness(WitnessCommit {
        number: 2,
        witness: None,
        required: true,
        change_set: &change_set(2),
        root: [2; 32],
    });
    assert!(matches!(seen, Err(StoreError::Interrupted)), "{seen:?}");
    assert_eq!(store.tree().head().unwrap(), 1);
    commit_witness(&store, 2).unwrap();
    assert!(store.tree().witness(2).unwrap().is_some());
}

#[test]
fn leases_in_memory_outlive_a_reopen_that_lost_their_claims() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = witnessed(dir.path(), &clock, 4);
    for block in 1..=4 {
        store.queue().add_single_job(block).unwrap();
    }
    let claim = |prover: &str| store.queue().claim(prover, Preference::default()).unwrap().unwrap().id;
    assert_eq!(claim("stays"), 1);
    assert_eq!(claim("expires"), 2);
    store.sync().unwrap();
    copied(dir.path(), "older");
    // None of this is synced: a claim, and one after the end of another lease.
    clock.advance(40_000);
    assert_eq!(store.queue().heartbeat("stays", 1).unwrap(), HeartbeatOutcome::Renewed);
    clock.advance(30_000);
    assert_eq!(store.queue().expire().unwrap(), [2]);
    assert_eq!(claim("second"), 2);
    assert_eq!(claim("third"), 3);
    fail(&store);
    replaced(dir.path(), Some("older"));
    until_reopened(&store);

    let holders: Vec<_> = (1..=4).map(|id| store.queue().job(id).unwrap().unwrap().holder).collect();
    let names = ["stays", "second", "third"].map(|name| Some(name.to_owned()));
    assert_eq!(holders[..3], names);
    let job = store.queue().job(3).unwrap().unwrap();
    assert_eq!((job.status, job.attempts), (JobStatus::InProgress, 1));
    assert_eq!(claim("fourth"), 4);
    assert_eq!(store.queue().claim("fifth", Preference::default()).unwrap().map(|job| job.id), None);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    // The lease times are those before the reopen: the last heartbeat of the first one is 30 s old.
    clock.advance(29_000);
    assert_eq!(store.queue().expire().unwrap(), Vec::<u32>::new());
    clock.advance(1_000);
    assert_eq!(store.queue().expire().unwrap(), [1]);
    for (prover, id) in [("second", 2), ("third", 3)] {
        assert_eq!(store.queue().heartbeat(prover, id).unwrap(), HeartbeatOutcome::Renewed);
        store.queue().publish(JobType::Single, proof(id, id, id)).unwrap();
    }
    assert_eq!(store.queue().counts().unwrap().done, 2);
}
