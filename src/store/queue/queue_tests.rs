//! Jobs, leases, proofs, aggregated operations, rejected proofs.

use std::sync::Arc;

use crate::clock::ManualClock;
use crate::domain::AggregatedAction;
use crate::domain::job::{JobStatus, JobType};
use crate::store::kv::keys;
use crate::store::testing::*;
use crate::store::*;

fn text(store: &Store, data: &JobData) -> String {
    let body = store.read_blob(&data.blob).unwrap();
    String::from_utf8([data.prefix.clone(), body, data.suffix.clone()].concat()).unwrap()
}

#[test]
fn a_single_job_is_the_stored_witness_in_its_wrapping() {
    let dir = tempfile::tempdir().unwrap();
    let store = witnessed(dir.path(), &clock(), 2);
    assert!(matches!(store.queue().add_single_job(3), Err(StoreError::NotFound { .. })));
    let files_before = files(dir.path());
    assert_eq!(store.queue().add_single_job(1).unwrap(), AddOutcome::Added(1));
    assert_eq!(store.queue().add_single_job(1).unwrap(), AddOutcome::Exists(1));
    assert_eq!(files(dir.path()), files_before);
    let job = store.queue().claim("p", Preference::default()).unwrap().unwrap();
    assert_eq!((job.id, job.job_type, job.first, job.last, job.attempt), (1, JobType::Single, 1, 1, 1));
    let witness = String::from_utf8(witness_json(1)).unwrap();
    assert_eq!(text(&store, &job.data), format!("{{\"BlockProof\":[{witness},10]}}"));
    assert_eq!(store.queue().job_data(1).unwrap(), Some(job.data));
    assert!(store.queue().claim("q", Preference::default()).unwrap().is_none());
}

#[test]
fn an_aggregated_job_contains_the_proofs_of_its_range_and_requires_all_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = witnessed(dir.path(), &clock(), 2);
    (1..=2).for_each(|n| assert_eq!(store.queue().add_single_job(n).unwrap(), AddOutcome::Added(n)));
    publish_next(&store);
    assert!(matches!(store.queue().add_aggregated_job(1, 2), Err(StoreError::MissingProof { block: 2 })));
    assert!(
        store.queue().add_aggregated_job(2, 1).is_err()
            && store.queue().add_aggregated_job(0, u32::MAX).is_err()
    );
    publish_next(&store);
    assert_eq!(store.queue().add_aggregated_job(1, 2).unwrap(), AddOutcome::Added(3));
    assert_eq!(store.queue().add_aggregated_job(1, 2).unwrap(), AddOutcome::Exists(3));
    let job = store.queue().claim("p", Preference::default()).unwrap().unwrap();
    let (one, two) = (proof_json(1), proof_json(2));
    let (one, two) = (String::from_utf8(one).unwrap(), String::from_utf8(two).unwrap());
    assert_eq!(text(&store, &job.data), format!("{{\"AggregatedBlockProof\":[[{one},10],[{two},10]]}}"));
    store.queue().publish(JobType::Aggregated, proof(3, 1, 2)).unwrap();
    assert_eq!(store.queue().aggregated_proof(1, 2).unwrap().unwrap(), br#"{"proof":1}"#);
    assert_eq!(store.queue().aggregated_proof(1, 1).unwrap(), None);
}

#[test]
fn dropped_jobs_come_back_where_the_queue_is_past_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = witnessed(dir.path(), &clock(), 6);
    (1..=5).for_each(|n| assert_eq!(store.queue().add_single_job(n).unwrap(), AddOutcome::Added(n)));
    store.queue().drop_job(2).unwrap();
    // Block 1 has its job, and block 6 is after the last block of the queue.
    for (number, retried) in [(1, false), (2, true), (2, false), (6, false)] {
        assert_eq!(store.queue().retry(number).unwrap(), retried, "{number}");
    }
    assert!(matches!(store.queue().retry(7), Err(StoreError::NotFound { .. })));
    (1..=5).for_each(|_| publish_next(&store));
    for first in [1, 3, 5] {
        operation(&store, AggregatedAction::CreateProofBlocks, first, first + 1);
    }
    let AddOutcome::Added(id) = store.queue().add_aggregated_job(1, 2).unwrap() else { panic!("no job") };
    assert!(!store.queue().retry(3).unwrap(), "it would be in the queue before its turn");
    store.queue().add_aggregated_job(3, 4).unwrap();
    store.queue().drop_job(id).unwrap();
    for (number, retried) in [(2, true), (1, false), (3, false), (5, false)] {
        assert_eq!(store.queue().retry(number).unwrap(), retried, "{number}");
    }
    let job = store.queue().claim("p", Preference::default()).unwrap().unwrap();
    assert_eq!((job.job_type, job.first, job.last), (JobType::Aggregated, 1, 2));
    let other = store.queue().claim("q", Preference::default()).unwrap().unwrap();
    assert_eq!((other.job_type, other.first, other.last), (JobType::Aggregated, 3, 4));
    store.queue().publish(JobType::Aggregated, proof(job.id, 1, 2)).unwrap();
    assert!(!store.queue().retry(1).unwrap());
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn jobs_go_out_by_priority_and_preference() {
    let dir = tempfile::tempdir().unwrap();
    let store = witnessed(dir.path(), &clock(), 2);
    store.chain().put_block(block_of_size(3, 20)).unwrap();
    commit_witness(&store, 3).unwrap();
    store.queue().add_single_job(1).unwrap();
    publish_next(&store);
    (2..=3).for_each(|n| assert_eq!(store.queue().add_single_job(n).unwrap(), AddOutcome::Added(n)));
    store.queue().add_aggregated_job(1, 1).unwrap();
    let claim = |prefer_aggregated, block_size| {
        let job = store.queue().claim("p", Preference { prefer_aggregated, block_size }).unwrap().unwrap();
        store.queue().release("p").unwrap();
        job.id
    };
    assert_eq!(claim(None, None), 4);
    assert_eq!(claim(Some(true), Some(20)), 4);
    assert_eq!(claim(Some(false), None), 2);
    assert_eq!(claim(Some(false), Some(20)), 3);
    assert_eq!(claim(Some(false), Some(77)), 2);
}

fn block_of_size(number: u32, chunks: u32) -> NewBlock<'static> {
    NewBlock {
        number,
        root: [number as u8; 32],
        commitment: [0; 32],
        chunks,
        content_hash: [number as u8; 32],
        json: b"{}",
        extra: b"",
        changes: &[],
        quarantine: None,
    }
}

#[test]
fn only_the_holder_renews_and_heartbeats_are_answered_clearly() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = witnessed(dir.path(), &clock, 1);
    assert_eq!(store.queue().heartbeat("p", 1).unwrap(), HeartbeatOutcome::NotFound);
    store.queue().add_single_job(1).unwrap();
    let idle = HeartbeatOutcome::NotInProgress { status: JobStatus::Idle };
    assert_eq!(store.queue().heartbeat("p", 1).unwrap(), idle);
    store.queue().claim("p", Preference::default()).unwrap().unwrap();
    for _ in 0..10 {
        clock.advance(50_000);
        assert_eq!(store.queue().heartbeat("p", 1).unwrap(), HeartbeatOutcome::Renewed);
        let holder = "p".to_string();
        assert_eq!(store.queue().heartbeat("q", 1).unwrap(), HeartbeatOutcome::NotHolder { holder });
        assert_eq!(store.queue().expire().unwrap(), Vec::<u32>::new());
    }
    assert_eq!(store.queue().job(1).unwrap().unwrap().updated_at_ms, NOW + 500_000);
    clock.advance(60_000);
    assert_eq!(store.queue().expire().unwrap(), vec![1]);
    assert_eq!(store.queue().heartbeat("p", 1).unwrap(), idle);
}

#[test]
fn a_wall_clock_that_is_set_neither_frees_nor_freezes_a_lease() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = witnessed(dir.path(), &clock, 1);
    store.queue().add_single_job(1).unwrap();
    store.queue().claim("p", Preference::default()).unwrap().unwrap();
    clock.set_wall_ms(NOW + 86_400_000);
    assert_eq!(store.queue().expire().unwrap(), Vec::<u32>::new());
    clock.set_wall_ms(NOW - 86_400_000);
    clock.advance(60_000);
    assert_eq!(store.queue().expire().unwrap(), vec![1]);
}

#[test]
fn a_lease_survives_a_restart_with_its_age() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = witnessed(dir.path(), &clock, 1);
    store.queue().add_single_job(1).unwrap();
    store.queue().claim("p", Preference::default()).unwrap().unwrap();
    clock.advance(20_000);
    drop(store);
    // The monotonic clock of a new process starts at zero.
    let clock = Arc::new(ManualClock::new(NOW + 50_000));
    let store = Store::open(dir.path(), options(&clock)).unwrap();
    assert_eq!(store.queue().job(1).unwrap().unwrap().holder.as_deref(), Some("p"));
    assert_eq!(store.queue().expire().unwrap(), Vec::<u32>::new());
    clock.advance(10_000);
    assert_eq!(store.queue().expire().unwrap(), vec![1]);
    store.queue().claim("q", Preference::default()).unwrap().unwrap();
    drop(store);
    // The wall clock went back: the lease counts as new, and ends nevertheless.
    let clock = Arc::new(ManualClock::new(1));
    let store = Store::open(dir.path(), options(&clock)).unwrap();
    assert_eq!(store.queue().expire().unwrap(), Vec::<u32>::new());
    assert_eq!(store.queue().heartbeat("q", 1).unwrap(), HeartbeatOutcome::Renewed);
    clock.advance(60_000);
    assert_eq!(store.queue().expire().unwrap(), vec![1]);
}

#[test]
fn attempts_are_counted_and_a_failed_job_waits_for_the_operator() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = witnessed(dir.path(), &clock, 1);
    store.queue().add_single_job(1).unwrap();
    for attempt in 1..=3 {
        assert_eq!(store.queue().claim("p", Preference::default()).unwrap().unwrap().attempt, attempt);
        clock.advance(60_000);
        store.queue().expire().unwrap();
    }
    assert!(store.queue().claim("p", Preference::default()).unwrap().is_none());
    assert_eq!(store.queue().job(1).unwrap().unwrap().status, JobStatus::Failed);
    assert_eq!((store.queue().counts().unwrap().failed, store.queue().pending_jobs().unwrap()), (1, 1));
    assert_eq!(store.queue().jobs(Some(JobStatus::Failed), 0, 10).unwrap().0.len(), 1);
    store.queue().requeue(1).unwrap();
    assert_eq!(store.queue().claim("p", Preference::default()).unwrap().unwrap().attempt, 1);
    store.queue().drop_job(1).unwrap();
    assert!(store.queue().job(1).unwrap().is_none());
    assert!(matches!(store.queue().requeue(1), Err(StoreError::NotFound { .. })));
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn a_proof_must_fit_its_job_and_the_first_one_wins() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = witnessed(dir.path(), &clock, 2);
    (1..=2).for_each(|n| assert_eq!(store.queue().add_single_job(n).unwrap(), AddOutcome::Added(n)));
    assert!(matches!(
        store.queue().publish(JobType::Single, proof(9, 1, 1)),
        Err(PublishError::UnknownJob(9))
    ));
    // Its lease was lost in a power failure.
    store.queue().publish(JobType::Single, proof(2, 2, 2)).unwrap();
    assert_eq!(store.queue().job(2).unwrap().unwrap().status, JobStatus::Done);
    store.queue().claim("p", Preference::default()).unwrap().unwrap();
    assert!(matches!(
        store.queue().publish(JobType::Aggregated, proof(1, 1, 1)),
        Err(PublishError::WrongType { .. })
    ));
    let wrong = store.queue().publish(JobType::Single, proof(1, 2, 2));
    assert!(matches!(wrong, Err(PublishError::WrongRange { job_id: 1, first: 1, last: 1 })));
    assert_eq!(store.queue().single_proof(1).unwrap(), None);
    // The lease ends, another prover claims the job, then the first one publishes.
    clock.advance(60_000);
    store.queue().expire().unwrap();
    store.queue().claim("q", Preference::default()).unwrap().unwrap();
    store.queue().publish(JobType::Single, proof(1, 1, 1)).unwrap();
    let second = store.queue().publish(JobType::Single, proof(1, 1, 1));
    assert!(second.as_ref().is_err_and(|e| e.to_string().contains("duplicate key")), "{second:?}");
    let done = HeartbeatOutcome::NotInProgress { status: JobStatus::Done };
    assert_eq!(store.queue().heartbeat("q", 1).unwrap(), done);
    assert!(matches!(store.queue().drop_job(1), Err(StoreError::Conflict { .. })));
    let refused = store.queue().requeue(1).unwrap_err();
    assert!(refused.to_string().contains("the job is done"), "{refused}");
    drop(store);
    let store = Store::open(dir.path(), options(&clock)).unwrap();
    assert_eq!(store.queue().single_proof(1).unwrap().unwrap(), br#"{"proof":1}"#);
    assert_eq!(store.queue().job(1).unwrap().unwrap().status, JobStatus::Done);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn the_next_block_of_the_queue_follows_jobs_or_else_operations() {
    let dir = tempfile::tempdir().unwrap();
    let store = witnessed(dir.path(), &clock(), 1);
    let last = |job_type| store.queue().last_block_in_queue(job_type).unwrap();
    assert_eq!((last(JobType::Single), last(JobType::Aggregated)), (0, 0));
    operation(&store, AggregatedAction::CreateProofBlocks, 1, 8);
    operation(&store, AggregatedAction::PublishProofBlocksOnchain, 1, 6);
    assert_eq!((last(JobType::Single), last(JobType::Aggregated)), (8, 6));
    store.queue().add_single_job(1).unwrap();
    assert_eq!((last(JobType::Single), last(JobType::Aggregated)), (1, 6));
}

#[test]
fn operations_of_one_action_do_not_overlap() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let action = AggregatedAction::CommitBlocks;
    let put =
        |first, last, hash| store.chain().put_aggregated_operation(action, first, last, [hash; 32], b"{}");
    assert_eq!(put(3, 5, 1).unwrap(), Imported::Stored);
    assert_eq!(put(3, 5, 1).unwrap(), Imported::AlreadyThere);
    assert_eq!(store.chain().missing_range(action).unwrap(), (1, Some(2)));
    for (first, last, hash) in [(3, 5, 2), (1, 3, 1), (5, 9, 1), (4, 4, 1), (1, 9, 1), (2, 1, 1), (0, 1, 1)] {
        assert!(matches!(put(first, last, hash), Err(StoreError::Conflict { .. })), "{first} to {last}");
    }
    assert_eq!(put(6, 6, 1).unwrap(), Imported::Stored);
    assert_eq!(put(1, 2, 1).unwrap(), Imported::Stored);
    operation(&store, AggregatedAction::ExecuteBlocks, 1, 4);
    let covering = |block| {
        store.chain().aggregated_operation_covering(action, block).unwrap().map(|o| (o.first, o.last))
    };
    assert_eq!([covering(2), covering(4), covering(6)], [Some((1, 2)), Some((3, 5)), Some((6, 6))]);
    assert_eq!((covering(7), covering(0)), (None, None));
    assert_eq!(store.chain().last_block_of(action).unwrap(), 6);
    assert_eq!(store.chain().last_verified_block().unwrap(), 4);
    assert_eq!(store.chain().last_block_of(AggregatedAction::CreateProofBlocks).unwrap(), 0);
    assert_eq!(store.chain().aggregated_operations(action, 2, 10).unwrap().len(), 2);
    assert_eq!(
        store.read_blob(&store.chain().aggregated_operations(action, 0, 1).unwrap()[0].blob).unwrap(),
        b"{}"
    );
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn a_job_whose_witness_is_gone_does_not_block_the_queue() {
    let dir = tempfile::tempdir().unwrap();
    let store = witnessed(dir.path(), &clock(), 2);
    (1..=2).for_each(|n| assert_eq!(store.queue().add_single_job(n).unwrap(), AddOutcome::Added(n)));
    let mut batch = crate::store::kv::batch::Batch::new();
    batch.remove(crate::store::kv::table::Table::Witnesses, &keys::number(1));
    store.core().apply(batch).unwrap();
    assert_eq!(store.queue().claim("p", Preference::default()).unwrap().unwrap().id, 2);
    assert_eq!(store.queue().job(1).unwrap().unwrap().status, JobStatus::Failed);
}

#[test]
fn many_provers_never_share_a_job() {
    let dir = tempfile::tempdir().unwrap();
    let store = witnessed(dir.path(), &clock(), 12);
    (1..=12).for_each(|n| assert_eq!(store.queue().add_single_job(n).unwrap(), AddOutcome::Added(n)));
    let claimed: Vec<u32> = std::thread::scope(|scope| {
        let provers = (0..6).map(|n| {
            let store = &store;
            scope.spawn(move || {
                let mut mine = Vec::new();
                while let Some(job) = store.queue().claim(&format!("p{n}"), Preference::default()).unwrap() {
                    store.queue().publish(JobType::Single, proof(job.id, job.first, job.last)).unwrap();
                    mine.push(job.id);
                }
                mine
            })
        });
        let provers: Vec<_> = provers.collect();
        provers.into_iter().flat_map(|prover| prover.join().unwrap()).collect()
    });
    let mut sorted = claimed.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=12).collect::<Vec<_>>());
    assert_eq!(store.queue().counts().unwrap().done, 12);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn operations_after_a_gap_do_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let execute = |first, last| operation(&store, AggregatedAction::ExecuteBlocks, first, last);
    let verified = || store.chain().last_verified_block().unwrap();
    execute(5, 6);
    assert_eq!(verified(), 0);
    execute(9, 9);
    execute(1, 3);
    assert_eq!(
        (verified(), store.chain().missing_range(AggregatedAction::ExecuteBlocks).unwrap()),
        (3, (4, Some(4)))
    );
    execute(4, 4);
    assert_eq!(
        (verified(), store.chain().missing_range(AggregatedAction::ExecuteBlocks).unwrap()),
        (6, (7, Some(8)))
    );
    drop(store);
    assert_eq!(open(dir.path()).chain().last_verified_block().unwrap(), 6);
}

#[test]
fn a_job_whose_data_cannot_be_read_keeps_its_attempts_and_lets_others_pass() {
    let dir = tempfile::tempdir().unwrap();
    let clock = clock();
    let store = witnessed(dir.path(), &clock, 2);
    (1..=2).for_each(|n| assert_eq!(store.queue().add_single_job(n).unwrap(), AddOutcome::Added(n)));
    let path = store.core().blobs.path(&store.tree().witness(1).unwrap().unwrap().blob).unwrap();
    let sound = std::fs::read(&path).unwrap();
    std::fs::write(&path, b"damaged").unwrap();
    let claim = || store.queue().claim("p", Preference::default());
    assert_eq!(claim().unwrap().unwrap().id, 2);
    for _ in 0..5 {
        // Nothing else is idle.
        assert!(claim().unwrap().is_none());
        let job = store.queue().job(1).unwrap().unwrap();
        assert_eq!((job.status, job.attempts, job.holder), (JobStatus::Idle, 0, None));
        assert!(job.waits_ms.is_some());
        clock.advance(10_000);
    }
    std::fs::write(&path, sound).unwrap();
    clock.advance(10_000);
    let job = claim().unwrap().unwrap();
    assert_eq!((job.id, job.attempt), (1, 1));
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}
