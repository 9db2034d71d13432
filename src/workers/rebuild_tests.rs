//! Stores rebuilt from the sample chain, with all and with a part of its items.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::rebuild::Rebuild;
use super::rebuild_report::{OmittedItem, RebuildReport};
use super::testing::{Sample, empty};
use super::{Node, NodeOptions};
use crate::domain::job::JobStatus::{self, Done, Idle};
use crate::domain::job::JobType::{self, Aggregated, Single};
use crate::store::{BlobKind, BlobLabel, Preference, Store, StoreError};

type Jobs = Vec<(JobType, u32, u32, JobStatus)>;

fn jobs(store: &Store) -> Jobs {
    let jobs = store.queue().jobs(None, 0, 1_000).unwrap().0.into_iter();
    let mut jobs: Jobs = jobs.map(|job| (job.job_type, job.first, job.last, job.status)).collect();
    jobs.sort_by_key(|job| (job.0.priority(), job.2));
    jobs
}

/// Runs the workers until a condition holds, then checks the whole store.
fn run(store: &Arc<Store>, holds: impl Fn(&Store) -> bool) {
    let options = NodeOptions { interval: Duration::from_millis(20), ..NodeOptions::default() };
    let node = Node::new(store.clone(), options);
    node.start().unwrap();
    let start = Instant::now();
    while !holds(store) {
        assert!(start.elapsed() < Duration::from_secs(120), "{:?}", jobs(store));
        std::thread::sleep(Duration::from_millis(5));
    }
    node.stop();
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

fn reasons(report: &RebuildReport) -> Vec<String> {
    report.omitted.iter().map(OmittedItem::to_string).collect()
}

#[test]
fn all_items_are_stored_and_only_unproven_blocks_get_a_job() {
    let sample = Sample::read();
    let (_dir, store) = empty();
    let mut rebuild = sample.rebuild(&store, 8);
    for (first, last) in [(1, 2), (3, 4), (5, 6)] {
        assert!(rebuild.aggregated_operation(first, last, &sample.create_proof(first, last)).unwrap());
    }
    // Blocks 6 and 8 are unproven, so block 7 is proven out of order.
    for block in [1, 2, 3, 4, 5, 7] {
        assert!(rebuild.proof(&sample.proof(block, "ada")).unwrap(), "{:?}", rebuild.report());
    }
    assert!(rebuild.aggregated_proof(&sample.aggregated_proof(1, 2, "bob")).unwrap());
    let report = rebuild.finish().unwrap();
    let expected = RebuildReport {
        genesis: true,
        blocks: 8,
        quarantined: 0,
        aggregated_operations: 3,
        proofs: 6,
        aggregated_proofs: 1,
        omitted: vec![],
    };
    assert_eq!(report, expected);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    assert_eq!(store.chain().genesis_json().unwrap().unwrap(), sample.genesis);
    for (number, body) in (1..).zip(&sample.blocks) {
        assert_eq!(&store.chain().block_json(number).unwrap().unwrap(), body);
    }
    assert_eq!(store.queue().single_proof(7).unwrap().unwrap(), sample.proof(7, "").json);
    assert_eq!(
        store.queue().aggregated_proof(1, 2).unwrap().unwrap(),
        sample.aggregated_proof(1, 2, "").json
    );
    let kept = store.queue().proofs(Single, Some((5, 5)), 9).unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].prover.as_deref(), kept[0].stored_at_ms), (Some("ada"), 7));

    // No job is added beyond block 6, because the updater would then skip that block.
    let done = |first| (Single, first, first, Done);
    let mut expected = vec![(Aggregated, 1, 2, Done)];
    expected.extend((1..=5).map(done));
    assert_eq!(jobs(&store), expected);
    assert_eq!(store.queue().job(1).unwrap().unwrap().holder.as_deref(), Some("ada"));

    run(&store, |store| jobs(store).len() == 10);
    let expected = vec![
        (Aggregated, 1, 2, Done),
        (Aggregated, 3, 4, Idle),
        done(1),
        done(2),
        done(3),
        done(4),
        done(5),
        (Single, 6, 6, Idle),
        done(7),
        (Single, 8, 8, Idle),
    ];
    assert_eq!(jobs(&store), expected);
    let mut claimed = Vec::new();
    while let Some(job) = store.queue().claim("late", Preference::default()).unwrap() {
        claimed.push((job.first, job.last));
    }
    assert_eq!(claimed, [(3, 4), (6, 6), (8, 8)]);
}

#[test]
fn proofs_after_an_unproven_first_block_do_not_hide_it() {
    let sample = Sample::read();
    let (_dir, store) = empty();
    let mut rebuild = sample.rebuild(&store, 4);
    assert!(rebuild.aggregated_operation(1, 4, &sample.create_proof(1, 4)).unwrap());
    for block in [2, 4] {
        assert!(rebuild.proof(&sample.proof(block, "ada")).unwrap());
    }
    rebuild.finish().unwrap();
    assert_eq!(jobs(&store), vec![]);
    run(&store, |store| jobs(store).len() == 4);
    let expected =
        [(1, Idle), (2, Done), (3, Idle), (4, Done)].map(|(block, status)| (Single, block, block, status));
    assert_eq!(jobs(&store), expected);
}

#[test]
fn verified_blocks_need_no_proof() {
    let sample = Sample::read();
    let (_dir, store) = empty();
    let mut rebuild = sample.rebuild(&store, 4);
    assert!(rebuild.aggregated_operation(1, 2, &sample.execute(1, 2)).unwrap());
    for block in [2, 3] {
        assert!(rebuild.proof(&sample.proof(block, "ada")).unwrap());
    }
    rebuild.finish().unwrap();
    run(&store, |store| jobs(store).len() == 3);
    let expected = [(2, Done), (3, Done), (4, Idle)].map(|(block, status)| (Single, block, block, status));
    assert_eq!(jobs(&store), expected);
}

#[test]
fn an_aggregated_proof_without_its_single_proofs_is_stored_without_a_job() {
    let sample = Sample::read();
    let (_dir, store) = empty();
    let mut rebuild = sample.rebuild(&store, 2);
    assert!(rebuild.aggregated_operation(1, 2, &sample.create_proof(1, 2)).unwrap());
    assert!(rebuild.aggregated_proof(&sample.aggregated_proof(1, 2, "bob")).unwrap());
    assert_eq!(rebuild.finish().unwrap().aggregated_proofs, 1);
    assert_eq!(jobs(&store), vec![]);
    run(&store, |store| store.tree().head().unwrap() == 2);
    assert_eq!(
        store.queue().aggregated_proof(1, 2).unwrap().unwrap(),
        sample.aggregated_proof(1, 2, "").json
    );
}

#[test]
fn an_invalid_item_is_omitted_with_its_reason() {
    let sample = Sample::read();
    let (_dir, store) = empty();
    let mut rebuild = sample.rebuild(&store, 3);
    let refused = |stored: Result<bool, StoreError>| assert!(!stored.unwrap());
    refused(rebuild.block(5, &sample.blocks[4]));
    // The body of block 5 with the number of block 4.
    refused(rebuild.block(4, &sample.blocks[4]));
    let spaced = [b" ", sample.blocks[3].as_slice()].concat();
    refused(rebuild.block(4, &spaced));
    refused(rebuild.block(4, b"{}"));
    refused(rebuild.aggregated_operation(3, 4, &sample.create_proof(3, 4)));
    assert!(rebuild.aggregated_operation(1, 2, &sample.create_proof(1, 2)).unwrap());
    refused(rebuild.aggregated_operation(2, 3, &sample.create_proof(2, 3)));
    let mut other = sample.proof(2, "eve");
    (other.first, other.last) = (1, 1);
    refused(rebuild.proof(&other));
    refused(rebuild.proof(&sample.proof(4, "eve")));
    refused(rebuild.proof(&sample.proof(1, &"e".repeat(300))));
    let mut broken = sample.proof(3, "eve");
    broken.json.truncate(100);
    refused(rebuild.proof(&broken));
    assert!(rebuild.proof(&sample.proof(1, "ada")).unwrap());
    refused(rebuild.proof(&sample.proof(1, "eve")));
    let mut shifted = sample.aggregated_proof(1, 2, "eve");
    (shifted.first, shifted.last) = (2, 3);
    refused(rebuild.aggregated_proof(&shifted));
    let report = rebuild.finish().unwrap();
    assert_eq!((report.blocks, report.aggregated_operations, report.proofs), (3, 1, 1));
    let reasons = reasons(&report);
    for (reason, words) in reasons.iter().zip([
        "block 5: out of order: block 4 is next",
        "block 4: number 5 is out of order; the next is 4",
        "block 4: its JSON is not the form that this program stores",
        "block 4: not a valid block",
        "aggregated operation of 3 to 4: block 4 of the aggregated operation is not the stored block",
        "aggregated operation of 2 to 3: it conflicts with",
        "proof of block 1: the proof's public input is not the commitment of block 1",
        "proof of block 4: block 4 does not exist",
        "proof of block 1: the name of the prover is too large",
        "proof of block 3: EOF while parsing",
        "proof of block 1: duplicate key",
        "aggregated proof of 2 to 3: the proof's public input is not the commitment of block 2",
    ]) {
        assert!(reason.starts_with(words), "{reason:?} does not begin with {words:?}");
    }
    assert_eq!(reasons.len(), 12);
    assert_eq!(report.omitted[4].item, BlobLabel::range(BlobKind::AggregatedOperation, 3, 4));
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn the_store_must_be_empty_and_its_failure_ends_the_rebuild() {
    let sample = Sample::read();
    let (_dir, store) = empty();
    let mut rebuild = sample.rebuild(&store, 1);
    assert!(matches!(Rebuild::new(&store), Err(StoreError::Conflict { .. })));
    store.fail_write(1);
    assert!(matches!(rebuild.block(2, &sample.blocks[1]), Err(StoreError::DiskFull)));
    assert_eq!(rebuild.report().omitted, vec![]);
    // The disk lacks what was not synced, so nothing is stored on top of it.
    assert!(matches!(rebuild.block(2, &sample.blocks[1]), Err(StoreError::Interrupted)));
}
