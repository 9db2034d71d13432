//! Space: the space of dropped data is released, and below the floor no new work begins.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use crate::clock::ManualClock;
use crate::domain::AggregatedAction;
use crate::domain::job::JobStatus;
use crate::store::kv::table::Table;
use crate::store::testing::*;
use crate::store::*;

/// Number of blocks in a tenth of a test.
const BLOCKS: u32 = 40;
/// Step in which sled's file grows, in bytes.
const SEGMENT: u64 = 512 << 10;
/// Number of blocks that are aggregated and verified together.
const RANGE: u32 = 10;
/// Number of verified blocks whose witnesses and jobs are kept.
const KEPT: u32 = 10;
/// Size of a witness, in bytes. It does not compress.
const WITNESS_BYTES: usize = 60_000;

/// Returns the size on the disk, in bytes.
fn taken(path: &Path) -> u64 {
    let meta = path.symlink_metadata().unwrap();
    let below = if meta.is_dir() {
        std::fs::read_dir(path).unwrap().map(|entry| taken(&entry.unwrap().path())).sum()
    } else {
        0
    };
    below + meta.blocks() * 512
}

/// Returns the size of all keys and records, in bytes.
fn live_in_kv(store: &Store) -> u64 {
    let of_table = |table: &Table| {
        let entries = store.core().kv.range(*table, &[], &[0xff; 64], usize::MAX).unwrap();
        entries.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum::<u64>()
    };
    Table::ALL.iter().map(of_table).sum()
}

fn with_large_witness(store: &Store, number: u32) {
    let witness =
        store.tree().prepare_witness(number, 10, |out| out.write_all(&noise(number, WITNESS_BYTES)));
    let change_set = change_set(number);
    let commit = WitnessCommit {
        number,
        witness: Some(witness.unwrap()),
        required: true,
        change_set: &change_set,
        root: [1; 32],
    };
    store.tree().commit_witness(commit).unwrap();
}

/// Proves the next job, after heartbeats that are all recorded, an expired lease and a rejected
/// proof.
fn prove(store: &Store, clock: &ManualClock) {
    for attempt in 0..2 {
        let job = store.queue().claim("prover", Preference::default()).unwrap().unwrap();
        for _ in 0..8 {
            clock.advance(8_000);
            assert_eq!(store.queue().heartbeat("prover", job.id).unwrap(), HeartbeatOutcome::Renewed);
        }
        if attempt == 0 {
            let body = noise(job.id, 3_000);
            let reason = "malformed".to_owned();
            store
                .queue()
                .reject(RejectedProof { job_id: job.id, prover: None, reason, at_ms: 0, bytes: body })
                .unwrap();
            clock.advance(60_000);
            assert_eq!(store.queue().expire().unwrap(), [job.id]);
            store.queue().requeue(job.id).unwrap();
        } else {
            store.queue().release("prover").unwrap();
        }
    }
    publish_next(store);
}

/// Takes blocks from import to retention.
fn grow(store: &Store, clock: &ManualClock, blocks: std::ops::RangeInclusive<u32>) {
    for number in blocks {
        put_block(store, number).unwrap();
        with_large_witness(store, number);
        store.queue().add_single_job(number).unwrap();
        prove(store, clock);
        if number % RANGE == 0 {
            let first = number - RANGE + 1;
            operation(store, AggregatedAction::CreateProofBlocks, first, number);
            store.queue().add_aggregated_job(first, number).unwrap();
            prove(store, clock);
            operation(store, AggregatedAction::ExecuteBlocks, first, number);
            store.queue().drop_verified(KEPT).unwrap();
        }
    }
}

/// Creates a folder in memory if possible: thousands of syncs would only take time.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// Everything is written, dropped and reverted ten times. The same state must take the same space.
#[test]
fn the_same_state_takes_the_same_space_however_often_it_is_written() {
    let (dir, clock) = (folder(), clock());
    let open = || Store::open(dir.path(), StoreOptions { history: BLOCKS, ..options(&clock) }).unwrap();
    let mut store = open();
    put_genesis(&store);
    let (mut folders, mut indexes) = (Vec::new(), Vec::new());
    for tenth in 0..10 {
        grow(&store, &clock, 1..=BLOCKS);
        store.sync().unwrap();
        folders.push(taken(dir.path()));
        indexes.push(taken(&dir.path().join("index")));
        println!(
            "tenth {tenth}: {} in total, {} of these in the kv, {} of these live",
            folders[tenth],
            indexes[tenth],
            live_in_kv(&store)
        );
        store.revert(0).unwrap();
        if tenth == 5 {
            drop(store);
            store = open();
        }
    }
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    // A few segments of sled's file more or less, depending on when it was cleaned last.
    let most = |sizes: &[u64]| sizes.iter().copied().max().unwrap();
    assert!(most(&folders[5..]) <= most(&folders[..5]) + 2 * SEGMENT, "{folders:?}");
    assert!(most(&indexes) <= 4 * live_in_kv(&store) + 8 * SEGMENT, "{indexes:?}");
}

/// A chain of ten times the retained length takes no more space than the permanent data of all
/// blocks and the retained data of the last ones.
#[test]
fn a_long_chain_takes_the_space_of_what_is_kept() {
    let (dir, clock) = (folder(), clock());
    let store = Store::open(dir.path(), StoreOptions { history: 20, ..options(&clock) }).unwrap();
    put_genesis(&store);
    let (index, blobs) = (dir.path().join("index"), dir.path().join("blobs"));
    for tenth in 0..10 {
        grow(&store, &clock, tenth * BLOCKS + 1..=(tenth + 1) * BLOCKS);
        store.sync().unwrap();
        let live = live_in_kv(&store);
        println!("tenth {tenth}: blobs {}, kv {}, {live} of these live", taken(&blobs), taken(&index));
        assert!(taken(&index) <= 4 * live + 8 * SEGMENT, "{} for {live}", taken(&index));
        // One file of each block is kept forever; witnesses, change sets and job data only of the
        // last blocks.
        let files = files(dir.path()) as u32;
        assert!(files <= (tenth + 1) * BLOCKS + 2 * KEPT + 2 * 20 + 8, "{files} files");
    }
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    assert!(
        (1..=10 * BLOCKS).all(|block| store.queue().single_proof(block).unwrap() == Some(proof_json(block)))
    );
    let kept: Vec<u32> =
        (1..=10 * BLOCKS).filter(|block| store.tree().witness(*block).unwrap().is_some()).collect();
    assert_eq!(kept, (10 * BLOCKS - KEPT + 1..=10 * BLOCKS).collect::<Vec<_>>());
}

fn low(error: &StoreError) -> bool {
    matches!(error, StoreError::InsufficientStorage { free: 99, floor: 100 })
}

#[test]
fn below_the_floor_nothing_begins_and_everything_ends() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let space = Arc::new(ManualSpace::new(1_000));
    let options = StoreOptions { min_free_bytes: 100, space: space.clone(), ..options(&clock) };
    let store = Store::open(dir.path(), options).unwrap();
    let free = |bytes| {
        space.set(bytes);
        clock.advance(1_000);
    };
    free(99);
    assert!(low(&store.load_genesis(GENESIS_HASH, 1).err().unwrap()));
    free(1_000);
    put_genesis(&store);
    for number in 1..=2 {
        put_block(&store, number).unwrap();
        commit_witness(&store, number).unwrap();
        store.queue().add_single_job(number).unwrap();
    }
    let [first, second] =
        [1, 2].map(|_| store.queue().claim("prover", Preference::default()).unwrap().unwrap());

    free(99);
    assert_eq!(store.space(), SpaceState { free_bytes: Some(99), min_free_bytes: 100, low: true });
    assert!(low(&put_block(&store, 3).unwrap_err()));
    // Storing the same items again succeeds.
    assert_eq!(put_block(&store, 2).unwrap(), Imported::AlreadyThere);
    assert!(store.load_genesis(GENESIS_HASH, 1).unwrap().is_none());
    let action = AggregatedAction::CommitBlocks;
    assert!(low(&store.chain().put_aggregated_operation(action, 1, 1, [0; 32], b"{}").unwrap_err()));
    assert!(low(&store.queue().claim("other", Preference::default()).unwrap_err()));
    // Claimed jobs can be finished.
    assert_eq!(store.queue().heartbeat("prover", first.id).unwrap(), HeartbeatOutcome::Renewed);
    store.queue().publish(crate::domain::job::JobType::Single, proof(first.id, 1, 1)).unwrap();
    assert_eq!(store.queue().release("prover").unwrap(), [second.id]);
    store.queue().publish(crate::domain::job::JobType::Single, proof(second.id, 2, 2)).unwrap();
    assert_eq!(store.queue().counts().unwrap().done, 2);
    assert_eq!(store.queue().jobs(Some(JobStatus::Done), 0, 10).unwrap().0.len(), 2);

    free(106);
    put_block(&store, 3).unwrap();
    commit_witness(&store, 3).unwrap();
    store.chain().put_aggregated_operation(action, 1, 1, [0; 32], b"{}").unwrap();
    store.queue().add_single_job(3).unwrap();
    assert!(store.queue().claim("other", Preference::default()).unwrap().is_some());
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn a_genesis_stops_at_the_floor_and_resumes() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let space = Arc::new(ManualSpace::new(1_000));
    let options = StoreOptions { min_free_bytes: 100, space: space.clone(), ..options(&clock) };
    let store = Store::open(dir.path(), options).unwrap();
    let mut load = store.load_genesis(GENESIS_HASH, 1).unwrap().unwrap();
    load.add([(0, account(0), vec![(0, 1_000)])], vec![]).unwrap();
    space.set(99);
    clock.advance(1_000);
    assert!(low(&load.mark(1).unwrap_err()));
    drop(load);
    space.set(1_000);
    clock.advance(1_000);
    let load = store.load_genesis(GENESIS_HASH, 1).unwrap().unwrap();
    assert_eq!(load.done(), 1);
    load.finish(genesis_end(&store, 1)).unwrap();
    assert_eq!(store.chain().account(0).unwrap(), Some(account(0)));
}
