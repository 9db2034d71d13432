//! Loading a genesis: whole, in parts, interrupted.

use std::sync::atomic::Ordering;

use crate::domain::job::JobType;
use crate::store::kv::batch::Batch;
use crate::store::kv::keys;
use crate::store::kv::table::Table;
use crate::store::testing::*;
use crate::store::*;
use crate::tree::source::Entry;

/// Number of account ids in a part.
const PART: u32 = 4;

fn tree_entry(id: u32) -> Entry {
    (id.to_be_bytes().to_vec(), noise(id, 64))
}

/// Adds the part that begins with this id.
fn add(load: &mut GenesisLoad<'_>, first: u32) -> Result<(), StoreError> {
    let ids = first..first + PART;
    let accounts = ids.clone().map(|id| (id, account(id), vec![(0, u128::MAX), (id + 1, 3)]));
    load.add(accounts, ids.map(tree_entry).collect())?;
    load.mark(first + PART)
}

fn all(store: &Store) -> Vec<Entry> {
    let entries = |table| store.core().kv.range(table, &[], &[0xff; 16], usize::MAX).unwrap();
    [entries(Table::Accounts), entries(Table::AccountTree)].concat()
}

#[test]
fn genesis_is_loaded_once_and_another_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(store.chain().genesis().unwrap(), None);
    assert!(matches!(put_block(&store, 1), Err(StoreError::NotFound { .. })));
    put_genesis(&store);
    assert!(store.load_genesis(GENESIS_HASH, 1).unwrap().is_none());
    drop(store);
    let store = open(dir.path());
    let genesis = store.chain().genesis().unwrap().unwrap();
    assert_eq!((genesis.root, genesis.accounts), ([9; 32], 2));
    assert_eq!(store.chain().genesis_json().unwrap().unwrap(), b"{}");
    assert_eq!(store.chain().account(0).unwrap(), Some(account(0)));
    assert_eq!(store.chain().balances(0, 0, 10).unwrap(), vec![(0, 1_000)]);
    assert_eq!(store.tree().source().get(b"root").unwrap(), Some(b"0".to_vec()));
    let other = store.load_genesis([0; 32], 1).err();
    assert!(matches!(other, Some(StoreError::Different { .. })));
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn a_load_resumes_after_its_mark_and_the_genesis_exists_only_at_its_end() {
    let dir = tempfile::tempdir().unwrap();
    for first in (0..12).step_by(4) {
        let store = open(dir.path());
        let mut load = store.load_genesis(GENESIS_HASH, PART).unwrap().unwrap();
        assert_eq!(load.done(), first);
        add(&mut load, first).unwrap();
        // Half of the next part is not marked.
        load.add([(first + 4, account(77), vec![])], vec![tree_entry(first + 4)]).unwrap();
        drop(load);
        assert_eq!(store.chain().genesis().unwrap(), None);
        assert!(matches!(put_block(&store, 1), Err(StoreError::NotFound { .. })));
        assert_eq!(store.tree().source().get(b"root").unwrap(), None);
    }
    let store = open(dir.path());
    let mut load = store.load_genesis(GENESIS_HASH, PART).unwrap().unwrap();
    add(&mut load, 12).unwrap();
    load.finish(genesis_end(&store, 16)).unwrap();
    let expected_dir = tempfile::tempdir().unwrap();
    let expected = open(expected_dir.path());
    let mut load = expected.load_genesis(GENESIS_HASH, PART).unwrap().unwrap();
    (0..16).step_by(4).for_each(|first| add(&mut load, first).unwrap());
    load.finish(genesis_end(&expected, 16)).unwrap();
    assert_eq!(all(&store), all(&expected));
    assert_eq!(all(&store).len(), 16 * 4 + 1);
    assert_eq!(store.chain().genesis().unwrap(), expected.chain().genesis().unwrap());
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    put_block(&store, 1).unwrap();
}

#[test]
fn another_genesis_or_another_division_starts_over() {
    for (hash, part_size) in [([1; 32], PART), (GENESIS_HASH, 2 * PART)] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let mut load = store.load_genesis(GENESIS_HASH, PART).unwrap().unwrap();
        add(&mut load, 0).unwrap();
        drop(load);
        let load = store.load_genesis(hash, part_size).unwrap().unwrap();
        assert_eq!(load.done(), 0);
        assert_eq!(all(&store), vec![]);
        drop(load);
        // The marker of the first genesis is gone.
        assert_eq!(store.load_genesis(GENESIS_HASH, PART).unwrap().unwrap().done(), 0);
    }
}

#[test]
fn an_interrupted_wipe_and_the_load_of_an_older_program_are_wiped_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut load = store.load_genesis(GENESIS_HASH, PART).unwrap().unwrap();
    add(&mut load, 0).unwrap();
    drop(load);
    let mut batch = Batch::new();
    batch.remove(Table::Meta, keys::meta::GENESIS_PROGRESS);
    store.core().apply(batch).unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(all(&store), vec![]);
    put_genesis(&store);

    // An older program removes all entries and one of the two markers.
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut load = store.load_genesis(GENESIS_HASH, PART).unwrap().unwrap();
    add(&mut load, 0).unwrap();
    drop(load);
    store.core().kv.clear(Table::Accounts).unwrap();
    store.core().kv.clear(Table::AccountTree).unwrap();
    let mut batch = Batch::new();
    batch.remove(Table::Meta, keys::meta::GENESIS_LOADING);
    store.core().apply(batch).unwrap();
    assert_eq!(store.load_genesis(GENESIS_HASH, PART).unwrap().unwrap().done(), 0);
}

/// Whichever write fails, the load can be resumed, and accounts below the mark are not written
/// again.
#[test]
fn any_write_of_a_load_can_fail_once() {
    let mut resumed = 0;
    for fault in 1.. {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.core().kv.fault.store(fault, Ordering::SeqCst);
        let run = || -> Result<u32, StoreError> {
            let Some(mut load) = store.load_genesis(GENESIS_HASH, PART)? else { return Ok(16) };
            let begin = load.done();
            for first in (begin..16).step_by(4) {
                add(&mut load, first)?;
            }
            load.finish(genesis_end(&store, 16))?;
            Ok(begin)
        };
        if run().is_err() {
            assert_eq!(store.chain().genesis().unwrap().is_some(), all(&store).len() == 65, "write {fault}");
            let begin = run().unwrap();
            resumed += u32::from(begin > 0);
            assert_eq!(store.core().kv.generation(), 1, "write {fault}");
        }
        assert_eq!(all(&store).len(), 65, "write {fault}");
        assert_eq!(store.chain().genesis().unwrap().unwrap().accounts, 16);
        assert_eq!(store.check_everything().unwrap(), Vec::<String>::new(), "write {fault}");
        if store.core().kv.fault.load(Ordering::SeqCst) > 0 {
            assert!(fault > 16 && resumed > 8, "{fault} writes, {resumed} times taken up");
            return;
        }
    }
}

/// A folder that begins with the state after block 5.
#[test]
fn a_folder_can_begin_with_a_later_block() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let load = store.load_genesis([1; 32], PART).unwrap().unwrap();
    load.add([(0, account(5), vec![(0, 995)])], vec![]).unwrap();
    load.finish_at(5, GENESIS_HASH, genesis_end(&store, 1)).unwrap();
    let heads = |store: &Store| {
        let chain = store.chain();
        let verified = chain.last_verified_block().unwrap();
        (chain.base().unwrap(), chain.head().unwrap(), store.tree().head().unwrap(), verified)
    };
    assert_eq!(heads(&store), (5, 5, 5, 5));
    assert!(matches!(put_block(&store, 1), Err(StoreError::OutOfOrder { expected: 6, .. })));
    for number in 6..=8 {
        put_block(&store, number).unwrap();
        commit_witness(&store, number).unwrap();
    }
    drop(store);
    let store = open(dir.path());
    assert_eq!(heads(&store), (5, 8, 8, 5));
    assert_eq!(store.chain().genesis().unwrap().unwrap().content_hash, GENESIS_HASH);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    let view = store.read_view().unwrap();
    let labels: Vec<u32> = view.records().map(|record| record.unwrap().label.last).collect();
    assert_eq!(labels, [5, 6, 7, 8]);
    assert!(matches!(store.revert(4), Err(StoreError::History { oldest: 5 })));
    store.revert(5).unwrap();
    assert_eq!(heads(&store), (5, 5, 5, 5));
    assert_eq!(store.chain().balance(0, 0).unwrap(), 995);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    assert_eq!(store.queue().last_block_in_queue(JobType::Single).unwrap(), 5);
}
