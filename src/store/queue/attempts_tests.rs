//! Attempts with their outcomes, and the statistics of the provers.

use std::sync::Arc;

use crate::clock::ManualClock;
use crate::domain::AttemptOutcome;
use crate::domain::job::{JobStatus, JobType};
use crate::store::kv::batch::Batch;
use crate::store::kv::keys;
use crate::store::kv::table::Table;
use crate::store::queue::job_index::index_keys;
use crate::store::queue::prover_record::ProofTimes;
use crate::store::testing::*;
use crate::store::*;

/// Prover, outcome and time since the start of each attempt, the newest first.
fn attempts(store: &Store) -> Vec<(String, Option<AttemptOutcome>, u64)> {
    let (attempts, next) = store.queue().attempts(0, None, 100).unwrap();
    assert_eq!(next, None);
    attempts
        .into_iter()
        .map(|attempt| (attempt.prover, attempt.outcome, attempt.ended_at_ms.saturating_sub(NOW)))
        .collect()
}

#[test]
fn every_attempt_has_its_prover_its_times_and_its_outcome() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = witnessed(dir.path(), &clock, 1);
    store.queue().add_single_job(1).unwrap();
    let claim = |prover: &str| store.queue().claim(prover, Preference::default()).unwrap().unwrap().id;
    claim("gone");
    clock.advance(60_000);
    store.queue().expire().unwrap();
    claim("stopped");
    store.queue().release("stopped").unwrap();
    claim("interrupted");
    store.queue().requeue(1).unwrap();
    claim("done");
    clock.advance(5_000);
    let open = store.queue().attempts(0, None, 1).unwrap().0;
    assert_eq!((open[0].prover.as_str(), open[0].outcome, open[0].begun_at_ms), ("done", None, NOW + 60_000));
    store.queue().publish(JobType::Single, proof(1, 1, 1)).unwrap();
    let expected = [
        ("done", AttemptOutcome::Accepted, 65_000),
        ("interrupted", AttemptOutcome::Ended, 60_000),
        ("stopped", AttemptOutcome::Stopped, 60_000),
        ("gone", AttemptOutcome::LeaseLost, 60_000),
    ]
    .map(|(prover, outcome, at)| (prover.to_owned(), Some(outcome), at));
    assert_eq!(attempts(&store), expected);

    // By pages, since a time, and of one job.
    let (first, next) = store.queue().attempts(0, None, 3).unwrap();
    assert_eq!((first.len(), next), (3, Some(1)));
    let (second, next) = store.queue().attempts(0, next, 3).unwrap();
    assert_eq!((second.len(), second[0].prover.as_str(), next), (1, "gone", None));
    assert_eq!(store.queue().attempts(NOW + 60_001, None, 9).unwrap().0.len(), 1);
    assert_eq!(store.queue().attempts_of_job(1, 9).unwrap().len(), 4);
    assert_eq!(store.queue().attempts_of_job(2, 9).unwrap().len(), 0);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn the_last_ten_thousand_attempts_are_stored() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = witnessed(dir.path(), &clock, 1);
    store.queue().add_single_job(1).unwrap();
    let attempt = |prover: &str| {
        store.queue().claim(prover, Preference::default()).unwrap().unwrap();
        store.queue().release(prover).unwrap();
        attempts(&store).into_iter().map(|(prover, ..)| prover).collect::<Vec<_>>()
    };
    attempt("first");
    // As if many others had ended.
    let mut batch = Batch::new();
    batch.put(Table::Meta, keys::meta::NEXT_ATTEMPT, &9_999_u64).unwrap();
    store.core().apply(batch).unwrap();
    assert_eq!(attempt("second"), ["second", "first"]);
    assert_eq!(attempt("third"), ["third", "second"]);
    assert_eq!(store.queue().attempts_of_job(1, 9).unwrap().len(), 2);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn statistics_of_provers_survive_a_restart() {
    let (dir, time) = (tempfile::tempdir().unwrap(), clock());
    let store = witnessed(dir.path(), &time, 2);
    (1..=2).for_each(|block| assert!(store.queue().add_single_job(block).is_ok()));
    store.queue().claim("p", Preference::default()).unwrap().unwrap();
    time.advance(5_000);
    store.queue().publish(JobType::Single, proof(1, 1, 1)).unwrap();
    store.queue().claim("p", Preference::default()).unwrap().unwrap();
    time.advance(60_000);
    store.queue().expire().unwrap();
    store.queue().claim("q", Preference::default()).unwrap().unwrap();
    store.sync().unwrap();
    let before = store.queue().provers();
    drop(store);
    let clock = Arc::new(ManualClock::new(NOW + 70_000));
    let store = Store::open(dir.path(), options(&clock)).unwrap();
    assert_eq!(store.queue().provers(), before);
    let p = &before["p"];
    assert_eq!((p.first_seen_ms, p.last_seen_ms), (NOW, NOW + 5_000));
    assert_eq!((p.proofs, p.rejected, p.leases_lost), (1, 0, 1));
    assert_eq!(p.times, [ProofTimes { job_type: JobType::Single, size: 10, proofs: 1, total_ms: 5_000 }]);
    assert_eq!(store.queue().median_duration_ms(JobType::Single, 10), Some(5_000));
    // The attempt in progress keeps its begin.
    let job = store.queue().job(2).unwrap().unwrap();
    assert_eq!((job.holder.as_deref(), job.leased_since_ms), (Some("q"), Some(NOW + 65_000)));
}

#[test]
fn the_oldest_block_is_claimed_first_whatever_the_id_of_its_job() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = witnessed(dir.path(), &clock, 3);
    (1..=3).for_each(|block| assert!(store.queue().add_single_job(block).is_ok()));
    // A retried block has a new job with a larger id.
    store.queue().drop_job(1).unwrap();
    assert!(store.queue().retry(1).unwrap());
    let preference = Preference { prefer_aggregated: None, block_size: Some(10) };
    for (block, preference) in [(1, Preference::default()), (2, preference), (3, preference)] {
        assert_eq!(store.queue().claim("p", preference).unwrap().unwrap().first, block);
    }
    store.queue().release("p").unwrap();
    let job = store.queue().job_about(JobType::Single, 3, 3).unwrap().unwrap();
    assert_eq!(store.queue().idle_before(&job, 10).unwrap(), 2);
    assert_eq!(store.queue().claim("p", preference).unwrap().unwrap().first, 1);
}

#[test]
fn the_age_of_the_oldest_claimable_job_is_known() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = witnessed(dir.path(), &clock, 2);
    assert_eq!(store.queue().claimable_since_ms().unwrap(), None);
    for block in 1..=2 {
        clock.advance(1_000);
        store.queue().add_single_job(block).unwrap();
    }
    assert_eq!(store.queue().claimable_since_ms().unwrap(), Some(NOW + 1_000));
    store.queue().claim("p", Preference::default()).unwrap().unwrap();
    assert_eq!(store.queue().claimable_since_ms().unwrap(), Some(NOW + 2_000));
    clock.advance(7_000);
    store.queue().release("p").unwrap();
    assert_eq!(store.queue().claimable_since_ms().unwrap(), Some(NOW + 2_000));
    store.queue().claim("p", Preference::default()).unwrap().unwrap();
    store.queue().drop_job(2).unwrap();
    assert_eq!(store.queue().claimable_since_ms().unwrap(), None);
}

#[test]
fn the_indexes_of_earlier_versions_are_replaced() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = witnessed(dir.path(), &clock, 3);
    (1..=3).for_each(|block| assert!(store.queue().add_single_job(block).is_ok()));
    store.queue().claim("p", Preference::default()).unwrap().unwrap();
    let mut batch = Batch::new();
    for id in 2..=3 {
        let row = store.queue().indexed_row(id).unwrap();
        assert_eq!(row.status, JobStatus::Idle);
        index_keys(&row, false).iter().skip(2).for_each(|key| batch.remove(Table::JobIndex, key));
        let id = keys::number(id);
        batch.put_raw(Table::JobIndex, &[&[b'i', 1][..], &id].concat(), &[]);
        batch.put_raw(Table::JobIndex, &[&[b'z', 1][..], &keys::number(10), &id].concat(), &[]);
    }
    store.core().apply(batch).unwrap();
    assert!(!store.check_everything().unwrap().is_empty());
    assert!(store.queue().claim("q", Preference::default()).unwrap().is_none());
    drop(store);
    let store = Store::open(dir.path(), options(&clock)).unwrap();
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    assert_eq!(store.queue().claim("q", Preference::default()).unwrap().unwrap().id, 2);
}
