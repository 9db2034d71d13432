//! Blocks that needed no proof and need one again get it: after a revert into executed blocks, with
//! witnesses removed by retention, and in folders that are restored.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::doctor;
use super::import::{self, ImportError};
use super::testing::{Sample, empty};
use super::{Node, NodeOptions};
use crate::domain::AggregatedAction;
use crate::domain::job::{JobStatus, JobType};
use crate::report;
use crate::store::{Finding, Imported, Inspection, Preference, Store, StoreError, StoreOptions};

/// Runs the workers, all or the maintainers only, until a condition holds.
fn run(store: &Arc<Store>, until: Option<u32>, holds: impl Fn() -> bool) {
    let options = NodeOptions { interval: Duration::from_millis(20), ..NodeOptions::default() };
    let node = Node::new(store.clone(), options);
    match until {
        Some(until) => node.start_maintainers(until).unwrap(),
        None => node.start().unwrap(),
    }
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "head of the tree {:?}", store.tree().head());
        std::thread::sleep(Duration::from_millis(5));
    }
    node.stop();
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

fn job_of(store: &Store, block: u32) -> Option<JobStatus> {
    store.queue().job_about(JobType::Single, block, block).unwrap().map(|job| job.status)
}

fn findings(dir: &Path) -> Vec<Finding> {
    let inspection = Inspection::open(dir, StoreOptions::default()).unwrap();
    let mut findings = doctor::check(&inspection, &|_, _, _| {}).unwrap();
    findings.extend(doctor::unprovable(&inspection).unwrap());
    findings
}

/// Six blocks of the sample chain, of which the first ones are executed, as a restore leaves them.
fn restored(sample: &Sample, executed: &[(u32, u32)]) -> (tempfile::TempDir, Arc<Store>) {
    let (dir, store) = empty();
    let mut rebuild = sample.rebuild(&store, 6);
    for &(first, last) in executed {
        assert!(rebuild.aggregated_operation(first, last, &sample.execute(first, last)).unwrap());
    }
    rebuild.finish().unwrap();
    (dir, store)
}

#[test]
fn the_tree_of_a_restored_folder_moves_over_verified_blocks_up_to_any_target() {
    let sample = Sample::read();
    for (executed, until) in [(6, 6), (6, 3), (4, 6), (4, 4), (4, 2)] {
        let (_dir, store) = restored(&sample, &[(1, executed)]);
        run(&store, Some(until), || store.tree().head().unwrap() == until);
        for block in 1..=6 {
            let witnessed = store.tree().witness(block).unwrap().is_some();
            assert_eq!(witnessed, executed < block && block <= until, "{executed} {until} {block}");
        }
    }
}

#[test]
fn after_a_revert_into_executed_blocks_each_block_gets_its_job() {
    let sample = Sample::read();
    let (dir, store) = restored(&sample, &[(1, 2), (3, 4)]);
    run(&store, None, || job_of(&store, 6).is_some());
    assert_eq!(
        [1, 2, 3, 4, 5].map(|block| job_of(&store, block)),
        [None, None, None, None, Some(JobStatus::Idle)]
    );
    assert_eq!(store.revert_and_rewind(3).unwrap().unwound, 1);
    run(&store, None, || job_of(&store, 3).is_some());
    assert_eq!([1, 2].map(|block| job_of(&store, block)), [None, None]);
    for number in 4..=6 {
        assert_eq!(import::block(&store, &sample.blocks[number - 1]).unwrap().1, Imported::Stored);
    }
    run(&store, None, || job_of(&store, 6).is_some());
    for block in 3..=6 {
        let job = store.queue().claim("prover", Preference::default()).unwrap().unwrap();
        assert_eq!((job.first, job.last), (block, block));
    }
    drop(store);
    assert_eq!(findings(dir.path()), vec![]);
}

#[test]
fn after_a_revert_proven_blocks_without_a_witness_are_stepped_over() {
    let sample = Sample::read();
    let (dir, store) = restored(&sample, &[]);
    run(&store, None, || job_of(&store, 6).is_some());
    for block in 1..=4 {
        let job = store.queue().claim("prover", Preference::default()).unwrap().unwrap();
        let proof = sample.proof(block, "prover");
        let proof = crate::store::NewProof { job_id: job.id, first: block, last: block, json: &proof.json };
        store.queue().publish(JobType::Single, proof).unwrap();
    }
    import::aggregated_operation(&store, &sample.execute(1, 4)).unwrap();
    let dropped = store.queue().drop_verified(0).unwrap();
    assert_eq!((dropped.witnesses, dropped.jobs), (4, 4));
    assert_eq!(store.revert_and_rewind(2).unwrap().unwound, 0);
    assert_eq!(store.chain().last_verified_block().unwrap(), 0);
    assert_eq!(import::block(&store, &sample.blocks[2]).unwrap().1, Imported::Stored);
    run(&store, None, || job_of(&store, 3).is_some());
    assert_eq!(
        [1, 2, 3].map(|block| job_of(&store, block)),
        [Some(JobStatus::Done), Some(JobStatus::Done), Some(JobStatus::Idle)]
    );
    drop(store);
    assert_eq!(findings(dir.path()), vec![]);
}

/// The state that a revert of an earlier version into executed blocks has left: the tree is past a
/// block that has no witness and needs one.
#[test]
fn a_block_that_can_never_get_a_job_is_found_explained_and_mended() {
    let sample = Sample::read();
    let (dir, store) = restored(&sample, &[(1, 4)]);
    run(&store, None, || job_of(&store, 6).is_some());
    for block in [5, 6] {
        let job = store.queue().job_about(JobType::Single, block, block).unwrap().unwrap();
        store.queue().drop_job(job.id).unwrap();
    }
    store.tamper("witnesses", &[0, 0, 0, 5], None).unwrap();
    store.sync().unwrap();
    drop(store);
    let witnesses = || {
        let stuck = |finding: &Finding| finding.means == "the block cannot be proven";
        findings(dir.path()).into_iter().filter(stuck).map(|finding| finding.place).collect::<Vec<_>>()
    };
    assert_eq!(witnesses(), ["witness of block 5"]);

    let store = Arc::new(Store::open(dir.path(), StoreOptions::default()).unwrap());
    let text = report::explain(&store, 5, 0).unwrap().text;
    assert!(text.contains("revert --to 6"), "{text}");
    let reverted = store.revert_and_rewind(6).unwrap();
    assert_eq!((reverted.blocks, reverted.unwound), (0, 2));
    let options = NodeOptions { interval: Duration::from_millis(20), ..NodeOptions::default() };
    let node = Node::new(store.clone(), options);
    node.start().unwrap();
    let start = Instant::now();
    while ![5, 6].iter().all(|block| job_of(&store, *block) == Some(JobStatus::Idle)) {
        assert!(start.elapsed() < Duration::from_secs(60), "no job");
        std::thread::sleep(Duration::from_millis(5));
    }
    node.stop();
    drop((node, store));
    assert_eq!(witnesses(), Vec::<String>::new());
}

#[test]
fn an_operation_that_leaves_a_gap_or_has_other_contents_is_refused() {
    let sample = Sample::read();
    let (_dir, store) = restored(&sample, &[]);
    let import = |body: &[u8]| import::aggregated_operation(&store, body);
    let gap = |refused: ImportError| match refused {
        ImportError::Gap { action, first, last, expected, expected_last } => {
            (action, first, last, expected, expected_last)
        }
        other => panic!("{other}"),
    };
    let execute = AggregatedAction::ExecuteBlocks;
    assert_eq!(gap(import(&sample.execute(5, 6)).unwrap_err()), (execute, 5, 6, 1, None));
    assert_eq!(import(&sample.execute(1, 2)).unwrap(), Imported::Stored);
    assert_eq!(gap(import(&sample.execute(5, 6)).unwrap_err()), (execute, 5, 6, 3, None));
    assert_eq!(import(&sample.execute(1, 2)).unwrap(), Imported::AlreadyThere);
    let overlap = import(&sample.execute(2, 3)).unwrap_err();
    assert!(matches!(overlap, ImportError::Store(StoreError::Conflict { .. })), "{overlap}");
    // Operations of an earlier version may leave a gap, which can be filled.
    assert_eq!(import::aggregated_operation_again(&store, &sample.execute(5, 5)).unwrap(), Imported::Stored);
    assert_eq!(store.chain().last_verified_block().unwrap(), 2);
    assert_eq!(gap(import(&sample.execute(6, 6)).unwrap_err()), (execute, 6, 6, 3, Some(4)));
    assert_eq!(import(&sample.execute(3, 4)).unwrap(), Imported::Stored);
    assert_eq!(store.chain().last_verified_block().unwrap(), 5);

    let mut other: serde_json::Value = serde_json::from_slice(&sample.create_proof(1, 2)).unwrap();
    other["CreateProofBlocks"]["blocks"][1]["timestamp"] = 12_345.into();
    let refused = import(&serde_json::to_vec(&other).unwrap()).unwrap_err();
    assert!(matches!(refused, ImportError::OtherContent(2)), "{refused}");
}

#[test]
fn an_explanation_names_what_an_aggregate_really_waits_for() {
    let sample = Sample::read();
    let (_dir, store) = restored(&sample, &[]);
    for block in [1, 5, 6] {
        store.queue().import_proof(JobType::Single, &sample.proof(block, "ada")).unwrap();
    }
    let text = |block| report::explain(&store, block, 0).unwrap().text;
    import::aggregated_operation_again(&store, &sample.create_proof(5, 6)).unwrap();
    assert!(text(5).contains("comes after the blocks 1 to 4: no CreateProofBlocks"), "{}", text(5));
    import::aggregated_operation(&store, &sample.create_proof(1, 2)).unwrap();
    assert!(text(5).contains("comes after the blocks 3 to 4: no CreateProofBlocks"), "{}", text(5));
    import::aggregated_operation(&store, &sample.create_proof(3, 4)).unwrap();
    let expected = "comes after that of the blocks 1 to 2, which waits for the proof of block 2";
    assert!(text(5).contains(expected), "{}", text(5));
    store.queue().import_proof(JobType::Single, &sample.proof(2, "ada")).unwrap();
    let expected = "comes after that of the blocks 3 to 4, which waits for the proof of block 3";
    assert!(text(6).contains(expected), "{}", text(6));
}

#[test]
fn a_node_whose_workers_cannot_start_again_has_failed() {
    let (dir, store) = empty();
    let node = Node::new(store.clone(), NodeOptions::default());
    node.start().unwrap();
    let changed: Result<(), StoreError> = node.with_workers_paused(|| {
        // A failed write closes the store, and without its kv it stays closed.
        store.fail_write(1);
        store.put_in_inbox(&[(vec![1], vec![1])]).unwrap_err();
        std::fs::rename(dir.path().join("index"), dir.path().join("aside")).unwrap();
        let start = Instant::now();
        while !matches!(store.chain().last_verified_block(), Err(StoreError::Closed { .. })) {
            assert!(start.elapsed() < Duration::from_secs(60));
            let _ = store.ready();
        }
        Ok(())
    });
    assert!(matches!(changed, Err(StoreError::Closed { .. })), "{changed:?}");
    assert!(node.has_failed() && !node.workers_live());
}
