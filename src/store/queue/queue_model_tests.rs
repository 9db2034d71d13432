//! The queue compared with a naive model, over random operations with restarts and reverts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use crate::clock::ManualClock;
use crate::domain::job::{JobStatus, JobType};
use crate::store::testing::*;
use crate::store::*;

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    AddSingle(u32),
    AddAggregated(u32, u32),
    Claim(usize, Option<bool>),
    Heartbeat(usize, u32),
    Release(usize),
    Expire,
    Publish(u32),
    Requeue(u32),
    Drop(u32),
    Revert(u32),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u64..40_000).prop_map(Step::Wait),
        6 => (1u32..=BLOCKS).prop_map(Step::AddSingle),
        3 => (1u32..=BLOCKS, 0u32..2).prop_map(|(first, more)| Step::AddAggregated(first, first + more)),
        9 => (0usize..3, proptest::option::of(any::<bool>())).prop_map(|(p, prefer)| Step::Claim(p, prefer)),
        4 => (0usize..3, 1u32..12).prop_map(|(p, job)| Step::Heartbeat(p, job)),
        1 => (0usize..3).prop_map(Step::Release),
        4 => Just(Step::Expire),
        6 => (1u32..12).prop_map(Step::Publish),
        1 => (1u32..12).prop_map(Step::Requeue),
        1 => (1u32..12).prop_map(Step::Drop),
        1 => (BLOCKS - 2..=BLOCKS).prop_map(Step::Revert),
        2 => Just(Step::Reopen),
    ]
}

const BLOCKS: u32 = 5;
/// Backoff after the first attempt; later ones are longer.
const BACKOFF: u64 = 10_000;
const PROVERS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
struct Modelled {
    aggregated: bool,
    first: u32,
    last: u32,
    status: JobStatus,
    attempts: u32,
    holder: Option<usize>,
    renewed: u64,
    /// Time of the last heartbeat of the holder; a restart may count it as later.
    sign: u64,
    /// Time before which it cannot be claimed.
    waits_until: u64,
}

/// The queue as a list without index and storage.
#[derive(Default)]
struct Model {
    now: u64,
    next: u32,
    jobs: BTreeMap<u32, Modelled>,
    proofs: Vec<(bool, u32, u32)>,
}

impl Model {
    fn add(&mut self, aggregated: bool, first: u32, last: u32) -> AddOutcome {
        let same = |job: &&Modelled| (job.aggregated, job.first, job.last) == (aggregated, first, last);
        if let Some((id, _)) = self.jobs.iter().find(|(_, job)| same(job)) {
            return AddOutcome::Exists(*id);
        }
        self.next += 1;
        let proven = self.proofs.contains(&(aggregated, first, last));
        let status = if proven { JobStatus::Done } else { JobStatus::Idle };
        let (holder, renewed, sign, waits_until) = (None, 0, 0, 0);
        let job =
            Modelled { aggregated, first, last, status, attempts: 0, holder, renewed, sign, waits_until };
        self.jobs.insert(self.next, job);
        AddOutcome::Added(self.next)
    }

    fn claim(&mut self, prover: usize, prefer: Option<bool>) -> Option<u32> {
        let now = self.now;
        let free = |job: &Modelled| job.status == JobStatus::Idle && job.waits_until <= now;
        let idle = self.jobs.iter_mut().filter(|(_, job)| free(job));
        let aggregated_first = prefer != Some(false);
        let (id, job) = idle.min_by_key(|(id, job)| (job.aggregated != aggregated_first, job.first, **id))?;
        job.status = JobStatus::InProgress;
        job.attempts += 1;
        (job.holder, job.renewed, job.sign) = (Some(prover), now, now);
        Some(*id)
    }

    fn heartbeat(&mut self, prover: usize, id: u32) -> HeartbeatOutcome {
        let Some(job) = self.jobs.get_mut(&id) else { return HeartbeatOutcome::NotFound };
        match (job.status, job.holder) {
            (JobStatus::InProgress, Some(holder)) if holder == prover => {
                (job.renewed, job.sign) = (self.now, self.now);
                HeartbeatOutcome::Renewed
            }
            (JobStatus::InProgress, Some(holder)) => {
                HeartbeatOutcome::NotHolder { holder: PROVERS[holder].into() }
            }
            (status, _) => HeartbeatOutcome::NotInProgress { status },
        }
    }

    fn free(&mut self, which: impl Fn(&Modelled) -> bool, count: bool) -> Vec<u32> {
        let now = self.now;
        let held = self.jobs.iter_mut().filter(|(_, job)| job.status == JobStatus::InProgress && which(job));
        held.map(|(id, job)| {
            let used_up = count && job.attempts >= 3;
            job.status = if used_up { JobStatus::Failed } else { JobStatus::Idle };
            let wait = BACKOFF * [0, 1, 2, 4][job.attempts.min(3) as usize];
            job.waits_until = if count { now + wait } else { 0 };
            *id
        })
        .collect()
    }

    /// Returns true if the proof is accepted.
    fn publish(&mut self, id: u32) -> bool {
        let Some(job) = self.jobs.get_mut(&id) else { return false };
        let proof = (job.aggregated, job.first, job.last);
        if self.proofs.contains(&proof) {
            return false;
        }
        job.status = JobStatus::Done;
        self.proofs.push(proof);
        true
    }

    fn revert(&mut self, to: u32) {
        self.jobs.retain(|_, job| job.last <= to);
        self.proofs.retain(|proof| proof.2 <= to);
    }
}

fn publish(store: &Store, id: u32) -> bool {
    let Some(job) = store.queue().job(id).unwrap() else {
        assert!(matches!(
            store.queue().publish(JobType::Single, proof(id, 1, 1)),
            Err(PublishError::UnknownJob(_))
        ));
        return false;
    };
    let result = store.queue().publish(job.job_type, proof(id, job.first, job.last));
    assert!(!matches!(result, Err(PublishError::Store(_))), "{result:?}");
    result.is_ok()
}

fn same_jobs(store: &Store, model: &Model) {
    let stored: Vec<_> = store
        .queue()
        .jobs(None, 0, 100)
        .unwrap()
        .0
        .into_iter()
        .map(|j| (j.id, j.job_type, j.first, j.last, j.status, j.attempts, j.holder, j.waits_ms))
        .collect();
    let modelled = model.jobs.iter().map(|(id, j)| {
        let job_type = if j.aggregated { JobType::Aggregated } else { JobType::Single };
        let waits =
            (j.status == JobStatus::Idle && j.waits_until > model.now).then(|| j.waits_until - model.now);
        (
            *id,
            job_type,
            j.first,
            j.last,
            j.status,
            j.attempts,
            j.holder.map(|p| PROVERS[p].to_string()),
            waits,
        )
    });
    assert_eq!(stored, modelled.collect::<Vec<_>>());
    for (job_type, aggregated) in [(JobType::Single, false), (JobType::Aggregated, true)] {
        let lasts = model.jobs.values().filter(|j| j.aggregated == aggregated).map(|j| j.last);
        assert_eq!(store.queue().last_block_in_queue(job_type).unwrap(), lasts.max().unwrap_or(0));
    }
    let not_done = model.jobs.values().filter(|j| j.status != JobStatus::Done).count();
    assert_eq!(store.queue().pending_jobs().unwrap(), not_done as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn the_queue_equals_a_naive_model(steps in proptest::collection::vec(step(), 1..60)) {
        let (dir, mut clock) = (tempfile::tempdir().unwrap(), clock());
        drop(witnessed(dir.path(), &clock, BLOCKS));
        let waiting = |clock: &Arc<ManualClock>| {
            let retry_backoff = Duration::from_millis(BACKOFF);
            Store::open(dir.path(), StoreOptions { retry_backoff, ..options(clock) }).unwrap()
        };
        let mut store = waiting(&clock);
        let mut model = Model { now: NOW, ..Model::default() };
        for step in steps {
            match step {
                Step::Wait(ms) => {
                    clock.advance(ms);
                    model.now += ms;
                }
                Step::AddSingle(block) => prop_assert_eq!(store.queue().add_single_job(block).unwrap(), model.add(false, block, block)),
                Step::AddAggregated(first, last) => match store.queue().add_aggregated_job(first, last) {
                    Ok(added) => prop_assert_eq!(added, model.add(true, first, last)),
                    Err(StoreError::MissingProof { block }) => {
                        prop_assert!(!model.proofs.contains(&(false, block, block)))
                    }
                    Err(other) => prop_assert!(false, "{}", other),
                },
                Step::Claim(prover, prefer_aggregated) => {
                    let preference = Preference { prefer_aggregated, block_size: None };
                    let claimed = store.queue().claim(PROVERS[prover], preference).unwrap();
                    prop_assert_eq!(claimed.map(|job| job.id), model.claim(prover, prefer_aggregated));
                }
                Step::Heartbeat(prover, id) => {
                    prop_assert_eq!(store.queue().heartbeat(PROVERS[prover], id).unwrap(), model.heartbeat(prover, id));
                }
                Step::Release(prover) => {
                    let freed = model.free(|job| job.holder == Some(prover), false);
                    prop_assert_eq!(store.queue().release(PROVERS[prover]).unwrap(), freed);
                }
                Step::Expire => {
                    let now = model.now;
                    let freed = model.free(|job| now >= job.renewed + 60_000, true);
                    let mut expired = store.queue().expire().unwrap();
                    expired.sort_unstable();
                    prop_assert_eq!(expired, freed);
                }
                Step::Publish(id) => prop_assert_eq!(publish(&store, id), model.publish(id)),
                Step::Requeue(id) => {
                    let job = model.jobs.get_mut(&id).filter(|job| job.status != JobStatus::Done);
                    prop_assert_eq!(store.queue().requeue(id).is_ok(), job.is_some());
                    if let Some(job) = job {
                        (job.status, job.attempts, job.waits_until) = (JobStatus::Idle, 0, 0);
                    }
                }
                Step::Drop(id) => {
                    let droppable = model.jobs.get(&id).is_some_and(|job| job.status != JobStatus::Done);
                    prop_assert_eq!(store.queue().drop_job(id).is_ok(), droppable);
                    if droppable {
                        model.jobs.remove(&id);
                    }
                }
                Step::Revert(to) => {
                    store.revert(to).unwrap();
                    model.revert(to);
                    for n in to + 1..=BLOCKS {
                        put_block(&store, n).unwrap();
                        commit_witness(&store, n).unwrap();
                    }
                }
                Step::Reopen => {
                    drop(store);
                    clock = Arc::new(ManualClock::new(model.now));
                    store = waiting(&clock);
                    // After a restart a renewal may count up to an eighth of the timeout earlier,
                    // an eighth is left at least, and backoffs are over.
                    for (id, job) in &mut model.jobs {
                        let recorded = store.queue().job(*id).unwrap().unwrap().updated_at_ms;
                        if job.status == JobStatus::InProgress {
                            prop_assert!(recorded <= job.sign && job.sign - recorded < 7_500);
                            job.sign = recorded;
                            job.renewed = recorded.max(model.now - 52_500);
                        }
                        job.waits_until = 0;
                    }
                }
            }
            same_jobs(&store, &model);
        }
        prop_assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    }
}
