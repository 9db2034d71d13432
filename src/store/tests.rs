//! Folder, genesis, blocks, witnesses and account tree.

use std::collections::BTreeMap;
use std::fs;

use super::testing::*;
use super::*;
use crate::domain::Quarantine;
use crate::store::chain::change_log::{ACCOUNTS, ChangeLog, TREE};
use crate::store::kv::batch::Batch;
use crate::store::kv::keys;
use crate::store::kv::table::Table;
use crate::tree::source::{Change, ChangeSet};

#[test]
fn a_folder_has_one_process_and_is_free_again_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let second = Store::open(dir.path(), StoreOptions::default());
    let Err(error @ StoreError::Locked { .. }) = second else { panic!("{second:?}") };
    assert!(error.to_string().contains(&dir.path().display().to_string()));
    drop(store);
    open(dir.path());
}

#[test]
fn a_folder_of_another_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    batch.put(Table::Meta, keys::meta::PARAMETERS, &(2u32, 32u32, 32u32)).unwrap();
    store.core().apply(batch).unwrap();
    drop(store);
    let refused = Store::open(dir.path(), StoreOptions::default());
    assert!(matches!(refused, Err(StoreError::Format { .. })), "{refused:?}");
}

#[test]
fn a_folder_that_cannot_be_made_or_read_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "x").unwrap();
    let refused = Store::open(&dir.path().join("file"), StoreOptions::default());
    assert!(matches!(refused, Err(StoreError::Folder { .. })), "{refused:?}");

    let store = open(dir.path());
    put_genesis(&store);
    drop(store);
    let kv = dir.path().join("index/db");
    let mut bytes = fs::read(&kv).unwrap();
    bytes.iter_mut().for_each(|byte| *byte = !*byte);
    fs::write(&kv, bytes).unwrap();
    // sled may open or refuse it, but must not panic.
    let _ = Store::open(dir.path(), StoreOptions::default());
}

#[test]
fn blocks_come_in_order_and_survive() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put_genesis(&store);
    assert!(matches!(put_block(&store, 2), Err(StoreError::OutOfOrder { expected: 1, got: 2 })));
    assert_eq!(put_block(&store, 1).unwrap(), Imported::Stored);
    assert_eq!(put_block(&store, 2).unwrap(), Imported::Stored);
    assert_eq!(put_block(&store, 1).unwrap(), Imported::AlreadyThere);
    let changed = NewBlock {
        number: 1,
        root: [0; 32],
        commitment: [0; 32],
        chunks: 1,
        content_hash: [77; 32],
        json: b"",
        extra: b"",
        changes: &[],
        quarantine: None,
    };
    assert!(matches!(store.chain().put_block(changed), Err(StoreError::Different { .. })));
    drop(store);

    let store = open(dir.path());
    assert_eq!(store.chain().head().unwrap(), 2);
    let block = store.chain().block(2).unwrap().unwrap();
    assert_eq!((block.root, block.chunks, block.imported_at_ms, block.witnessed), ([2; 32], 10, NOW, false));
    assert_eq!(store.chain().block_json(2).unwrap().unwrap(), noise(2, 5_000));
    assert_eq!(store.chain().block_extra(2).unwrap().unwrap(), b"extra");
    assert_eq!(store.chain().block(3).unwrap(), None);
    assert_eq!(store.chain().account(0).unwrap(), Some(account(2)));
    assert_eq!(store.chain().balance(0, 0).unwrap(), 998);
    assert_eq!(store.chain().balances(12, 0, 10).unwrap(), vec![(7, 5)]);
    assert_eq!(store.chain().balances(12, 8, 10).unwrap(), vec![]);
}

#[test]
fn a_balance_of_zero_and_a_removed_account_leave_no_entry() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put_genesis(&store);
    let changes = [AccountChange { id: 0, state: None, balances: vec![(0, 0)] }];
    let block = NewBlock {
        number: 1,
        root: [1; 32],
        commitment: [1; 32],
        chunks: 2,
        content_hash: [1; 32],
        json: b"",
        extra: b"",
        changes: &changes,
        quarantine: None,
    };
    store.chain().put_block(block).unwrap();
    assert_eq!(store.chain().account(0).unwrap(), None);
    assert_eq!(store.chain().balances(0, 0, 10).unwrap(), vec![]);
}

#[test]
fn quarantined_blocks_are_listed_until_freed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put_genesis(&store);
    (1..=3).for_each(|n| assert_eq!(put_block(&store, n).unwrap(), Imported::Stored));
    let quarantine = Quarantine {
        reason: "é".repeat(2_000),
        operation: Some(4),
        kind: Some("MintNFTOp".into()),
        at_ms: NOW,
    };
    store.chain().set_quarantine(2, quarantine.clone()).unwrap();
    assert!(matches!(store.chain().set_quarantine(9, quarantine), Err(StoreError::NotFound { .. })));
    let listed = store.chain().quarantined_from(0, 10).unwrap();
    assert_eq!((listed.len(), listed[0].0, listed[0].1.reason.len()), (1, 2, 1_000));
    assert!(store.chain().block(2).unwrap().unwrap().quarantine.is_some());
    store.chain().end_quarantine(2).unwrap();
    assert_eq!(store.chain().quarantined_from(0, 10).unwrap(), vec![]);
}

#[test]
fn witnesses_move_the_tree_on_and_the_history_stays_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put_genesis(&store);
    (1..=6).for_each(|n| assert_eq!(put_block(&store, n).unwrap(), Imported::Stored));
    assert!(matches!(commit_witness(&store, 2), Err(StoreError::OutOfOrder { expected: 1, got: 2 })));
    let source = store.tree().source();
    for n in 1..=6 {
        commit_witness(&store, n).unwrap();
        assert_eq!(source.get(b"root").unwrap(), Some(n.to_string().into_bytes()));
    }
    assert!(matches!(commit_witness(&store, 7), Err(StoreError::NotFound { .. })));
    assert_eq!(TREE.oldest_target(&store.core().kv).unwrap(), 3);
    assert_eq!(ACCOUNTS.oldest_target(&store.core().kv).unwrap(), 3);
    // Twelve large blobs: six blocks, six witnesses. A refused witness leaves no file.
    assert_eq!(files(dir.path()), 12);
    drop((store, source));
    let store = open(dir.path());
    let witness = store.tree().witness(6).unwrap().unwrap();
    assert_eq!((witness.operations, store.tree().head().unwrap()), (10, 6));
    assert_eq!(store.read_blob(&witness.blob).unwrap(), witness_json(6));
    assert!(store.chain().block(6).unwrap().unwrap().witnessed);
}

#[test]
fn a_change_that_was_recorded_but_not_applied_is_applied_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put_genesis(&store);
    put_block(&store, 1).unwrap();
    // The state after a crash that follows the transaction of the witness of block 1.
    let label = BlobLabel::block(BlobKind::TreeChanges, 1);
    let body = store.prepare_blob(label, &ChangeLog::encode(&change_set(1)).unwrap()).unwrap();
    let mut batch = Batch::new();
    TREE.record(&mut batch, 1, [1; 32], body).unwrap();
    store.core().apply(batch).unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.tree().source().get(b"root").unwrap(), Some(b"1".to_vec()));
    assert_eq!(store.tree().source().get(b"n1").unwrap(), Some(noise(1, 40)));
}

#[test]
fn a_change_larger_than_a_transaction_is_applied_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put_genesis(&store);
    put_block(&store, 1).unwrap();
    let change = |n: u32| Change { key: n.to_be_bytes().into(), old: None, new: Some(noise(n, 64)) };
    let change_set = ChangeSet { changes: (0..20_000).map(change).collect() };
    store
        .tree()
        .commit_witness(WitnessCommit {
            number: 1,
            witness: None,
            required: false,
            change_set: &change_set,
            root: [1; 32],
        })
        .unwrap();
    let all = store.tree().source().range(&[0], &[1], 50_000).unwrap();
    assert_eq!(all.len(), 20_000);
    assert!(
        all.iter()
            .zip(&change_set.changes)
            .all(|((key, value), c)| *key == c.key && Some(value) == c.new.as_ref())
    );
    assert!(!store.chain().block(1).unwrap().unwrap().witnessed);
}

#[test]
fn many_writers_share_flushes_and_all_are_durable() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..20u32 {
                    let mut batch = Batch::new();
                    batch.put_raw(Table::Rejected, &keys::range(thread, n), b"x");
                    store.core().apply(batch).unwrap();
                    store.sync().unwrap();
                }
            });
        }
    });
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.core().kv.range(Table::Rejected, &[0], &[1], 500).unwrap().len(), 160);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(12))]
    /// The stored tree behaves like an ordered map, also after it is reopened.
    #[test]
    fn the_stored_tree_equals_an_ordered_map(
        steps in proptest::collection::vec(
            proptest::collection::btree_map(
                proptest::collection::vec(0u8..4, 1..4),
                proptest::option::of(proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40)),
                1..30,
            ),
            1..8,
        ),
        queries in proptest::collection::vec((proptest::collection::vec(0u8..5, 0..4), proptest::collection::vec(0u8..5, 0..4)), 20),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        put_genesis(&store);
        let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::from([(b"root".to_vec(), b"0".to_vec())]);
        for (at, step) in steps.into_iter().enumerate() {
            let number = at as u32 + 1;
            put_block(&store, number).unwrap();
            let changes = step.into_iter().map(|(key, new)| {
                let old = match &new {
                    Some(new) => model.insert(key.clone(), new.clone()),
                    None => model.remove(&key),
                };
                Change { key, old, new }
            });
            let change_set = ChangeSet { changes: changes.collect() };
            store.tree().commit_witness(WitnessCommit { number, witness: None, required: false, change_set: &change_set, root: [0; 32] }).unwrap();
            if at % 3 == 1 {
                drop(store);
                store = open(dir.path());
            }
            let source = store.tree().source();
            for (from, to) in &queries {
                let expected: Vec<_> = if from < to {
                    model.range(from.clone()..to.clone()).map(|(k, v)| (k.clone(), v.clone())).collect()
                } else {
                    Vec::new()
                };
                assert_eq!(source.first_in(from, to).unwrap(), expected.first().cloned());
                assert_eq!(source.last_in(from, to).unwrap(), expected.last().cloned());
                assert_eq!(source.range(from, to, 3).unwrap(), expected.iter().take(3).cloned().collect::<Vec<_>>());
                assert_eq!(source.get(from).unwrap(), model.get(from).cloned());
            }
        }
    }
}
