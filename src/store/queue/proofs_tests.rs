//! Published, rejected and retained proofs.

use crate::crypto::fr;
use crate::domain::AggregatedAction;
use crate::domain::job::{JobStatus, JobType};
use crate::domain::sample_aggregated_proof;
use crate::store::queue::retention::DropReport;
use crate::store::testing::*;
use crate::store::*;

#[test]
fn publishing_returns_the_finished_job() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = witnessed(dir.path(), &clock, 1);
    store.queue().add_single_job(1).unwrap();
    store.queue().claim("p", Preference::default()).unwrap().unwrap();
    clock.advance(5_000);
    let finished = store.queue().publish(JobType::Single, proof(1, 1, 1)).unwrap();
    assert_eq!((finished.status, finished.holder.as_deref()), (JobStatus::Done, Some("p")));
    assert_eq!(finished.updated_at_ms, NOW + 5_000);
    assert_eq!(store.queue().job(1).unwrap(), Some(finished));
}

#[test]
fn rejected_proofs_are_stored_up_to_a_bound_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 0..9 {
        let bytes = noise(n, 3_000);
        let reason = "bad".into();
        store.queue().reject(RejectedProof { job_id: n, prover: None, reason, at_ms: 0, bytes }).unwrap();
    }
    store.sync().unwrap();
    let of_page = |before, limit| -> Vec<(u32, u32)> {
        let page = store.queue().rejected(before, limit).unwrap();
        page.iter().map(|proof| (proof.number, proof.job_id)).collect()
    };
    assert_eq!(of_page(None, 10), [(8, 8), (7, 7), (6, 6), (5, 5)]);
    assert_eq!(of_page(Some(7), 1), [(6, 6)]);
    assert_eq!(of_page(Some(5), 10), []);
    assert_eq!(store.queue().rejected_bytes(8).unwrap().unwrap(), noise(8, 3_000));
    assert_eq!(store.queue().rejected(None, 1).unwrap()[0].length, 3_000);
    assert_eq!(store.queue().rejected_bytes(4).unwrap(), None);
    assert_eq!(files(dir.path()), 4);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn verified_blocks_give_their_space_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = witnessed(dir.path(), &clock(), 6);
    (1..=5).for_each(|n| assert_eq!(store.queue().add_single_job(n).unwrap(), AddOutcome::Added(n)));
    (1..=3).for_each(|_| publish_next(&store));
    assert_eq!(store.queue().drop_verified(0).unwrap(), DropReport::default());
    operation(&store, AggregatedAction::ExecuteBlocks, 1, 5);
    let before = files(dir.path());
    assert_eq!(store.queue().drop_verified(3).unwrap(), DropReport { witnesses: 2, jobs: 2 });
    // Blocks 4 and 5 are verified, but their jobs are not done.
    assert_eq!(store.queue().drop_verified(0).unwrap(), DropReport { witnesses: 1, jobs: 1 });
    assert_eq!(files(dir.path()), before - 3);
    assert_eq!(store.queue().last_block_in_queue(JobType::Single).unwrap(), 5);
    assert!(store.queue().single_proof(1).unwrap().is_some() && store.tree().witness(4).unwrap().is_some());
    (4..=5).for_each(|_| publish_next(&store));
    assert_eq!(store.queue().drop_verified(0).unwrap(), DropReport { witnesses: 2, jobs: 1 });
    assert_eq!(store.queue().last_block_in_queue(JobType::Single).unwrap(), 5);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn proofs_published_at_once_share_a_flush_and_need_no_file() {
    const PROVERS: u32 = 32;
    let dir = tempfile::tempdir().unwrap();
    let store = witnessed(dir.path(), &clock(), PROVERS);
    let mut jobs = Vec::new();
    for block in 1..=PROVERS {
        store.queue().add_single_job(block).unwrap();
        jobs.extend(store.queue().claim("prover", Preference::default()).unwrap());
    }
    let blobs = files(dir.path());
    // No flush begins before all callers wait for one.
    store.core().committer.hold();
    let before = store.core().committer.flushes();
    std::thread::scope(|scope| {
        let publish = |job: &ClaimedJob| {
            let json = sample_proof_json(job.id);
            let proof = NewProof { job_id: job.id, first: job.first, last: job.last, json: &json };
            store.queue().publish(JobType::Single, proof).unwrap();
        };
        let provers: Vec<_> = jobs.iter().map(|job| scope.spawn(move || publish(job))).collect();
        // A prover thread that ends now has failed.
        while store.core().committer.waiting() < PROVERS && !provers.iter().any(|prover| prover.is_finished())
        {
            std::thread::yield_now();
        }
        store.core().committer.release();
    });
    assert_eq!(store.core().committer.flushes() - before, 1);
    assert!((1..=PROVERS).all(|block| store.queue().has_single_proof(block).unwrap()));
    assert_eq!(files(dir.path()), blobs);
}

/// An aggregated proof of fifty blocks, which is longer than any usual one.
fn sample_proof_json(seed: u32) -> Vec<u8> {
    let inputs: Vec<_> = (0..50).map(fr::from_u64).collect();
    serde_json::to_vec(&sample_aggregated_proof(&inputs, seed.into())).unwrap()
}
