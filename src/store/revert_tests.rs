//! Reverts: complete, refused, interrupted.

use crate::domain::AggregatedAction;
use crate::domain::job::JobType;
use crate::store::kv::batch::Batch;
use crate::store::kv::keys;
use crate::store::kv::table::Table;
use crate::store::testing::*;
use crate::store::*;

/// Six blocks, five of them witnessed and queued, four proven, one range aggregated.
fn chain(store: &Store) {
    put_genesis(store);
    for n in 1..=6 {
        put_block(store, n).unwrap();
    }
    for n in 1..=5 {
        commit_witness(store, n).unwrap();
        store.queue().add_single_job(n).unwrap();
    }
    for n in 1..=4 {
        publish_next(store);
        assert!(store.queue().has_single_proof(n).unwrap());
    }
    operation(store, AggregatedAction::CreateProofBlocks, 1, 2);
    operation(store, AggregatedAction::CreateProofBlocks, 3, 4);
    store.queue().add_aggregated_job(1, 2).unwrap();
    store.queue().add_aggregated_job(3, 4).unwrap();
    publish_next(store);
    publish_next(store);
    store.queue().claim("late", Preference::default()).unwrap().unwrap();
}

/// Everything that readers see of accounts and account tree.
fn seen(store: &Store) -> Vec<String> {
    let tree = store.tree().source();
    let accounts =
        (0..20).map(|id| format!("{:?} {:?}", store.chain().account(id), store.chain().balances(id, 0, 9)));
    let tree = tree.range(&[], &[0xff], 99).unwrap();
    accounts.chain([format!("{tree:?} {:?} {:?}", store.chain().head(), store.tree().head())]).collect()
}

#[test]
fn a_revert_removes_everything_later_and_restores_accounts_and_tree() {
    let (dir, reference) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(dir.path());
    chain(&store);
    let report = store.revert(3).unwrap();
    let expected = RevertReport {
        blocks: 3,
        witnesses: 2,
        unwound: 0,
        jobs: 3,
        proofs: 1,
        aggregated_proofs: 1,
        aggregated_operations: 1,
    };
    assert_eq!(report, expected);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    let shorter = open(reference.path());
    put_genesis(&shorter);
    (1..=3).for_each(|n| assert!(put_block(&shorter, n).is_ok() && commit_witness(&shorter, n).is_ok()));
    assert_eq!(seen(&store), seen(&shorter));
    assert_eq!(store.queue().last_block_in_queue(JobType::Single).unwrap(), 3);
    assert_eq!(store.chain().last_block_of(AggregatedAction::CreateProofBlocks).unwrap(), 2);
    assert!(store.chain().block(4).unwrap().is_none() && store.tree().witness(4).unwrap().is_none());
    // The chain continues from there.
    put_block(&store, 4).unwrap();
    commit_witness(&store, 4).unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!((store.chain().head().unwrap(), store.tree().head().unwrap()), (4, 4));
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn a_revert_beyond_the_history_or_the_head_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    chain(&store);
    let before = seen(&store);
    assert!(matches!(store.revert(1), Err(StoreError::History { oldest: 2 })));
    assert!(matches!(store.revert(7), Err(StoreError::NotFound { .. })));
    assert_eq!(seen(&store), before);
    assert_eq!(store.revert(6).unwrap(), RevertReport::default());
    assert_eq!(seen(&store), before);
}

#[test]
fn an_unwitnessed_tail_can_be_reverted() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put_genesis(&store);
    (1..=9).for_each(|n| assert!(put_block(&store, n).is_ok()));
    let report = store.revert(0).unwrap();
    assert_eq!((report.blocks, report.witnesses), (9, 0));
    assert_eq!(store.chain().account(0).unwrap(), Some(account(0)));
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

/// Six blocks of which the first four were executed elsewhere: only the tree moved over them.
fn executed_elsewhere(dir: &std::path::Path, history: u32) -> Store {
    let store = Store::open(dir, StoreOptions { history, ..options(&clock()) }).unwrap();
    put_genesis(&store);
    (1..=6).for_each(|n| assert!(put_block(&store, n).is_ok()));
    operation(&store, AggregatedAction::ExecuteBlocks, 1, 2);
    operation(&store, AggregatedAction::ExecuteBlocks, 3, 4);
    for number in 1..=4 {
        let (change_set, root) = (change_set(number), [number as u8; 32]);
        let commit = WitnessCommit { number, witness: None, required: false, change_set: &change_set, root };
        store.tree().commit_witness(commit).unwrap();
    }
    (5..=6).for_each(|n| assert!(commit_witness(&store, n).is_ok()));
    store
}

#[test]
fn a_revert_into_executed_blocks_takes_the_tree_back_to_the_missing_witness() {
    let dir = tempfile::tempdir().unwrap();
    let store = executed_elsewhere(dir.path(), 100);
    // Block 3 needs a proof again, because the operation of the blocks 3 and 4 is removed.
    let report = store.revert_and_rewind(3).unwrap();
    let expected =
        RevertReport { blocks: 3, witnesses: 3, unwound: 1, aggregated_operations: 1, ..Default::default() };
    assert_eq!(report, expected);
    assert_eq!((store.chain().head().unwrap(), store.tree().head().unwrap()), (3, 2));
    assert_eq!(store.chain().last_verified_block().unwrap(), 2);
    assert_eq!(store.tree().source().get(b"root").unwrap(), Some(b"2".to_vec()));
    commit_witness(&store, 3).unwrap();
    assert_eq!(store.queue().add_single_job(3).unwrap(), AddOutcome::Added(1));
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn a_revert_to_a_witness_beyond_the_history_is_refused_with_the_first_block_that_works() {
    let dir = tempfile::tempdir().unwrap();
    let store = executed_elsewhere(dir.path(), 5);
    let refused = store.revert_and_rewind(1).unwrap_err();
    assert!(matches!(refused, StoreError::WitnessHistory { block: 1, oldest: 1, settled: 4 }), "{refused:?}");
    assert_eq!((store.chain().head().unwrap(), store.tree().head().unwrap()), (6, 6));
    assert_eq!(store.revert_and_rewind(4).unwrap().unwound, 0);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn an_interrupted_revert_into_executed_blocks_ends_at_the_same_tree() {
    for undone in 0..=3 {
        let dir = tempfile::tempdir().unwrap();
        let store = executed_elsewhere(dir.path(), 100);
        let mut batch = Batch::new();
        batch.put(Table::Meta, keys::meta::REVERT_TO, &3u32).unwrap();
        batch.put(Table::Meta, keys::meta::REVERT_TREE_TO, &2u32).unwrap();
        batch.put(Table::Meta, keys::meta::REVERT_TREE_TO, &2u32).unwrap();
        if undone > 0 {
            batch.remove(Table::AggregatedOperations, &keys::operation(3, 4));
        }
        store.core().apply(batch).unwrap();
        for number in (6 - undone + 1..=6).rev() {
            let (kv, blobs) = (&store.core().kv, &store.core().blobs);
            crate::store::chain::change_log::TREE.undo(kv, blobs, number).unwrap();
            let mut batch = Batch::new();
            crate::store::chain::change_log::TREE.remove_head(kv, &mut batch, number).unwrap();
            if let Some(witness) = store.tree().witness_row(number).unwrap() {
                batch.release(witness.blob);
                batch.remove(Table::Witnesses, &keys::number(number));
            }
            store.core().apply(batch).unwrap();
        }
        drop(store);
        let store = open(dir.path());
        assert_eq!((store.chain().head().unwrap(), store.tree().head().unwrap()), (3, 2), "{undone}");
        assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    }
}

#[test]
fn an_interrupted_revert_is_resumed_at_the_next_start() {
    // The states after a crash: after the marker, and after undoing a part of a block.
    for half_undone in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        chain(&store);
        let mut batch = Batch::new();
        batch.put(Table::Meta, keys::meta::REVERT_TO, &4u32).unwrap();
        if half_undone {
            batch.put_raw(Table::AccountTree, b"root", b"4");
        }
        store.core().apply(batch).unwrap();
        drop(store);
        let store = open(dir.path());
        assert_eq!((store.chain().head().unwrap(), store.tree().head().unwrap()), (4, 4));
        assert_eq!(store.tree().source().get(b"root").unwrap(), Some(b"4".to_vec()));
        assert_eq!(store.chain().account(0).unwrap(), Some(account(4)));
        assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
        assert!(!store.core().kv.contains(Table::Meta, keys::meta::REVERT_TO).unwrap());
    }
}

#[test]
fn the_check_finds_what_does_not_agree() {
    type Break = fn(&Store, &mut Batch);
    let breaks: [(&str, Break); 6] = [
        ("job_index", |_, b| {
            b.remove(Table::JobIndex, &keys::index::status(crate::domain::job::JobStatus::Done, 1))
        }),
        ("counters", |_, b| b.put(Table::Meta, keys::meta::JOB_COUNTS, &JobCounts::default()).unwrap()),
        ("blocks are not", |_, b| b.remove(Table::Blocks, &keys::number(2))),
        ("proof", |_, b| b.remove(Table::Proofs, &keys::number(1))),
        ("bodies", |_, b| b.put_raw(Table::Blobs, &keys::blob(9_999), &[])),
        ("does not decode", |_, b| b.put_raw(Table::Witnesses, &keys::number(1), b"?")),
    ];
    for (word, break_it) in breaks {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        chain(&store);
        assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
        let mut batch = Batch::new();
        break_it(&store, &mut batch);
        store.core().apply(batch).unwrap();
        let findings = store.check_indexes().unwrap();
        assert!(findings.iter().any(|finding| finding.contains(word)), "{word}: {findings:?}");
    }
}

#[test]
fn a_damaged_or_missing_blob_file_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    chain(&store);
    let files: Vec<_> =
        std::fs::read_dir(dir.path().join("blobs")).unwrap().map(|f| f.unwrap().path()).collect();
    let mut bytes = std::fs::read(&files[0]).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&files[0], bytes).unwrap();
    std::fs::remove_file(&files[1]).unwrap();
    assert_eq!(store.check_indexes().unwrap().len(), 1);
    assert_eq!(store.check_everything().unwrap().len(), 2);
}
