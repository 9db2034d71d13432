//! Views of a store, stage by stage.

use std::sync::Arc;

use super::block::block;
use super::*;
use crate::api::views::{AggregateStatus, Order, Stage};
use crate::clock::{Clock, ManualClock};
use crate::domain::{
    AggregatedAction, Quarantine,
    job::{JobStatus, JobType},
};
use crate::store::testing::{
    NOW, clock, commit_witness, operation, options, publish_next, put_block, put_genesis, witnessed,
};
use crate::store::{HeartbeatOutcome, JobFilter, Preference, Sender, Store};

struct Folder {
    _dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
    store: Store,
}

/// Returns a store with the given number of witnessed blocks.
fn folder(blocks: u32) -> Folder {
    let dir = tempfile::tempdir().unwrap();
    let clock = clock();
    let store = witnessed(dir.path(), &clock, blocks);
    Folder { _dir: dir, clock, store }
}

impl Folder {
    fn text(&self, number: u32) -> String {
        explain(&self.store, number, self.clock.wall_ms()).unwrap().text
    }

    fn stage(&self, number: u32) -> Stage {
        block(&self.store, number).unwrap().unwrap().stage
    }

    /// Explains a block and asserts that the text contains each of `phrases`.
    fn assert_explained(&self, number: u32, phrases: &[&str]) {
        let text = self.text(number);
        for phrase in phrases {
            assert!(text.contains(phrase), "{phrase:?} in: {text}");
        }
    }
}

fn quarantine(cause: &str) -> Quarantine {
    let kind = Some("Transfer".to_owned());
    Quarantine { reason: cause.into(), operation: Some(3), kind, at_ms: NOW }
}

#[test]
fn an_explanation_of_a_missing_block_names_the_next_import() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(&clock())).unwrap();
    assert!(explain(&store, 1, NOW).unwrap().text.contains("neither is a genesis"));
    put_genesis(&store);
    let explained = explain(&store, 3, NOW).unwrap();
    assert_eq!((explained.block, explained.stage), (3, None));
    assert!(explained.text.contains("next block to be imported is block 1"), "{}", explained.text);
    assert!(explain(&store, 1, NOW).unwrap().text.contains("it is the next one to be imported"));
    assert!(explain(&store, 0, NOW).unwrap().text.contains("genesis"));
}

#[test]
fn an_explanation_without_a_witness_names_the_block_it_waits_for() {
    let f = folder(1);
    for number in 2..=5 {
        put_block(&f.store, number).unwrap();
    }
    assert_eq!(f.stage(4), Stage::Imported);
    f.assert_explained(2, &["its witness is the next one to be built"]);
    f.store.tree().fault.set(2, "the body of block 2 is missing or damaged");
    f.assert_explained(
        2,
        &["cannot be built: the body of block 2 is missing or damaged.", "`doctor --repair`"],
    );
    f.assert_explained(4, &["waits behind block 2, whose witness cannot be built"]);
    f.store.tree().fault.clear();
    f.assert_explained(
        4,
        &["waits for the witness of block 3", "stored up to block 1", "2 blocks come before it"],
    );
    f.store.chain().set_quarantine(3, quarantine("the commitment differs.")).unwrap();
    f.clock.advance(61_000);
    assert_eq!(f.stage(3), Stage::Quarantined);
    f.assert_explained(
        3,
        &["quarantined for 61 s: the commitment differs (operation 3, Transfer)", "/blocks/3/retry"],
    );
    f.assert_explained(4, &["behind block 3, which is quarantined"]);
    f.assert_explained(2, &["next one to be built"]);
    let shown = block(&f.store, 3).unwrap().unwrap().quarantine.unwrap();
    assert_eq!((shown.operation, shown.at_ms), (Some(3), NOW));
    assert!(f.store.chain().end_quarantine(3).unwrap());
    assert!(!f.store.chain().end_quarantine(3).unwrap());
    assert_eq!(f.stage(3), Stage::Imported);
}

#[test]
fn an_explanation_of_a_job_names_its_holder_and_its_place_in_the_queue() {
    let f = folder(3);
    assert_eq!(f.stage(1), Stage::Witnessed);
    f.assert_explained(1, &["gets its job as soon as"]);
    for number in 1..=3 {
        f.store.queue().add_single_job(number).unwrap();
    }
    assert_eq!(f.stage(3), Stage::Queued);
    f.assert_explained(1, &["job 1", "is the next one to be claimed"]);
    f.assert_explained(2, &["queued behind 1 job;"]);
    f.assert_explained(3, &["queued behind 2 jobs;"]);
    f.store.queue().claim("alice", Preference::default()).unwrap().unwrap();
    f.clock.advance(40_000);
    assert_eq!(f.store.queue().heartbeat("alice", 1).unwrap(), HeartbeatOutcome::Renewed);
    f.clock.advance(300);
    assert_eq!(f.stage(1), Stage::Proving);
    f.assert_explained(1, &["leased to alice for 40 s, at attempt 1", "last heartbeat was 0.3 s ago"]);
    f.assert_explained(3, &["queued behind 1 job;"]);

    let job = job(&f.store, 1).unwrap().unwrap();
    assert_eq!((job.leased_since_ms, job.last_heartbeat_ms), (Some(NOW), Some(NOW + 40_000)));
    assert_eq!((job.chunks, job.eta_ms), (Some(10), None));
    let provers = provers(&f.store, None, 10).provers;
    assert_eq!(provers.len(), 1);
    assert_eq!((provers[0].name.as_str(), &provers[0].jobs[..]), ("alice", &[1][..]));
    assert_eq!((provers[0].first_seen_ms, provers[0].last_seen_ms), (NOW, NOW + 40_000));

    // Attempts two and three are lost as well, and it fails.
    for _ in 0..3 {
        f.clock.advance(60_000);
        assert_eq!(f.store.queue().expire().unwrap(), [1]);
        f.store.queue().claim("bob", Preference::default()).unwrap().unwrap();
        if f.store.queue().job(1).unwrap().unwrap().attempts == 3 {
            f.clock.advance(60_000);
            f.store.queue().expire().unwrap();
            break;
        }
        f.assert_explained(1, &["leased to bob", "at attempt 2"]);
    }
    f.assert_explained(1, &["failed after 3 attempts", "the last one by bob", "/api/v1/jobs/1/requeue"]);
    f.store.queue().drop_job(2).unwrap();
    f.assert_explained(2, &["no job: the job was dropped"]);
}

#[test]
fn an_explanation_names_refusals_and_the_provers_that_get_no_job() {
    let f = folder(1);
    let queue = f.store.queue();
    queue.add_single_job(1).unwrap();
    queue.claim("alice", Preference::default()).unwrap().unwrap();
    let alice = Sender { name: Some("alice".to_owned()), ..Sender::default() };
    assert!(queue.refuse(1, &alice, "it is false").unwrap().ended);
    queue.block_prover("bob").unwrap();
    f.assert_explained(
        1,
        &[
            "it waits for a prover",
            "these provers for it were refused: alice.",
            "1 prover is suspended after refused proofs and gets no job",
            "1 prover is blocked by an operator and gets no job",
        ],
    );
}

#[test]
fn a_job_waits_after_its_lease_ended() {
    let dir = tempfile::tempdir().unwrap();
    let clock = clock();
    witnessed(dir.path(), &clock, 1).queue().add_single_job(1).unwrap();
    crate::store::wait_until_closed(dir.path()).unwrap();
    let mut options = options(&clock);
    options.retry_backoff = std::time::Duration::from_secs(30);
    let store = Store::open(dir.path(), options).unwrap();
    store.queue().claim("alice", Preference::default()).unwrap().unwrap();
    clock.advance(60_000);
    store.queue().expire().unwrap();
    clock.advance(5_000);
    let text = explain(&store, 1, clock.wall_ms()).unwrap().text;
    assert!(
        text.contains("lost its lease at attempt 1, held by alice, and can be claimed again in 25 s"),
        "{text}"
    );
}

#[test]
fn proven_blocks_wait_for_their_aggregate_and_then_for_layer_one() {
    let f = folder(3);
    for number in 1..=3 {
        f.store.queue().add_single_job(number).unwrap();
    }
    publish_next(&f.store);
    assert_eq!(f.stage(1), Stage::Proven);
    f.assert_explained(1, &["proven, by prover", "waits for a CreateProofBlocks"]);
    operation(&f.store, AggregatedAction::CreateProofBlocks, 1, 2);
    f.assert_explained(1, &["of the blocks 1 to 2, which waits for the proof of block 2"]);
    let range = |f: &Folder| block(&f.store, 1).unwrap().unwrap().aggregate.unwrap();
    assert_eq!(range(&f).status, AggregateStatus::Waiting);
    publish_next(&f.store);
    f.assert_explained(1, &["which gets its job as soon as"]);
    f.store.queue().add_aggregated_job(1, 2).unwrap();
    f.assert_explained(1, &["The aggregate of the blocks 1 to 2 (job 4) is the next one"]);
    // Aggregates have priority.
    f.assert_explained(3, &["queued behind 1 job;"]);
    publish_next(&f.store);
    assert_eq!((f.stage(1), f.stage(3)), (Stage::Aggregated, Stage::Queued));
    assert_eq!(range(&f).status, AggregateStatus::Done);
    f.assert_explained(2, &["aggregated: it waits for its PublishProofBlocksOnchain and ExecuteBlocks"]);
    operation(&f.store, AggregatedAction::PublishProofBlocksOnchain, 1, 2);
    f.assert_explained(2, &["it is published, and waits for an ExecuteBlocks"]);
    operation(&f.store, AggregatedAction::ExecuteBlocks, 1, 2);
    assert_eq!(f.stage(2), Stage::Verified);
    f.assert_explained(2, &["is verified"]);
    let view = block(&f.store, 2).unwrap().unwrap();
    assert_eq!(view.proof.unwrap().prover.as_deref(), Some("prover"));
    assert_eq!((view.operations, view.chunks, view.witnessed_at_ms), (5, 10, Some(NOW)));
}

#[test]
fn no_head_is_behind_what_follows_from_it() {
    let f = folder(5);
    let heads_from = |before| {
        let blocks = status_with_seen(&f.store, std::iter::empty(), before).unwrap().blocks;
        (blocks.proven, blocks.aggregated, blocks.verified)
    };
    let heads = || heads_from(ProvenHeads::default());
    for number in 1..=5 {
        f.store.queue().add_single_job(number).unwrap();
    }
    assert_eq!(heads(), (0, 0, 0));
    publish_next(&f.store);
    publish_next(&f.store);
    operation(&f.store, AggregatedAction::CreateProofBlocks, 1, 2);
    assert_eq!(heads(), (2, 0, 0));
    f.store.queue().add_aggregated_job(1, 2).unwrap();
    publish_next(&f.store);
    assert_eq!(heads(), (2, 2, 0));
    operation(&f.store, AggregatedAction::ExecuteBlocks, 1, 2);
    assert_eq!(heads(), (2, 2, 2));
    // Executed blocks count as proven, even if their proofs are elsewhere.
    operation(&f.store, AggregatedAction::ExecuteBlocks, 3, 4);
    assert_eq!(heads(), (4, 4, 4));
    // An earlier result only counts if it still holds, as after a revert.
    assert_eq!(heads_from(ProvenHeads { proven: 5, aggregated: 5 }), (4, 4, 4));
    assert_eq!(heads_from(ProvenHeads { proven: 4, aggregated: 2 }), (4, 4, 4));
}

#[test]
fn an_explanation_of_a_dropped_aggregate_names_the_command_that_restores_it() {
    let f = folder(4);
    for number in 1..=4 {
        f.store.queue().add_single_job(number).unwrap();
    }
    (1..=4).for_each(|_| publish_next(&f.store));
    for first in [1, 3] {
        operation(&f.store, AggregatedAction::CreateProofBlocks, first, first + 1);
        f.store.queue().add_aggregated_job(first, first + 1).unwrap();
    }
    f.store.queue().drop_job(5).unwrap();
    f.assert_explained(
        2,
        &["of the blocks 1 to 2, whose job was dropped", "`witness-server blocks retry 2`"],
    );
    assert!(f.store.queue().retry(2).unwrap());
    f.assert_explained(2, &["The aggregate of the blocks 1 to 2 (job 7)"]);
}

#[test]
fn pages_of_blocks_have_both_orders_and_an_end() {
    let f = folder(5);
    let page = |after, before, order, limit| {
        let page = blocks(&f.store, after, before, order, limit).unwrap();
        (page.blocks.iter().map(|block| block.number).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(page(None, None, Order::Asc, 2), (vec![1, 2], Some(2)));
    assert_eq!(page(Some(2), None, Order::Asc, 3), (vec![3, 4, 5], None));
    assert_eq!(page(None, None, Order::Desc, 3), (vec![5, 4, 3], Some(3)));
    assert_eq!(page(None, Some(3), Order::Desc, 3), (vec![2, 1], None));
    assert_eq!(page(Some(1), Some(4), Order::Asc, 9), (vec![2, 3], None));
    assert_eq!(page(Some(1), Some(4), Order::Desc, 1), (vec![3], Some(3)));
    assert_eq!(page(Some(5), None, Order::Asc, 9), (vec![], None));
    assert_eq!(page(Some(u32::MAX), None, Order::Desc, 9), (vec![], None));
    assert_eq!(page(None, Some(0), Order::Asc, 9), (vec![], None));
    assert_eq!(page(None, Some(u32::MAX), Order::Desc, 9).0.len(), 5);
}

#[test]
fn pages_of_jobs_and_provers_have_an_end() {
    let f = folder(3);
    for number in 1..=3 {
        f.store.queue().add_single_job(number).unwrap();
        f.store.queue().claim(&format!("prover-{number}"), Preference::default()).unwrap().unwrap();
    }
    let page = jobs(&f.store, &JobFilter { status: Some(JobStatus::InProgress), ..JobFilter::default() }, 2)
        .unwrap();
    assert_eq!((page.jobs.len(), page.next), (2, Some(2)));
    let page = jobs(&f.store, &JobFilter { after: 2, ..JobFilter::default() }, 2).unwrap();
    assert_eq!((page.jobs.len(), page.next), (1, None));
    let page = provers(&f.store, None, 2);
    assert_eq!(page.next.as_deref(), Some("prover-2"));
    let page = provers(&f.store, page.next.as_deref(), 2);
    assert_eq!((page.provers[0].jobs.as_slice(), page.next), (&[3][..], None));
    assert_eq!(f.store.queue().job_about(JobType::Single, 2, 2).unwrap().unwrap().id, 2);
}

#[test]
fn a_block_without_a_witness_is_shown() {
    let f = folder(0);
    put_block(&f.store, 1).unwrap();
    let before = block(&f.store, 1).unwrap().unwrap();
    assert_eq!((before.stage, before.witnessed_at_ms), (Stage::Imported, None));
    commit_witness(&f.store, 1).unwrap();
    assert_eq!(f.stage(1), Stage::Witnessed);
    assert!(block(&f.store, 2).unwrap().is_none());
}

#[test]
fn pages_of_operations_continue_after_the_same_block_for_all_actions() {
    let folder = folder(0);
    let put = |action, first, last| {
        folder.store.chain().put_aggregated_operation(action, first, last, [0; 32], b"{}").unwrap();
    };
    for block in 1..=5 {
        put(AggregatedAction::CommitBlocks, block, block);
    }
    put(AggregatedAction::CreateProofBlocks, 1, 2);
    put(AggregatedAction::CreateProofBlocks, 3, 6);
    put(AggregatedAction::ExecuteBlocks, 1, 4);
    for limit in 1..=6 {
        let (mut seen, mut after) = (Vec::new(), Some(0));
        while let Some(start) = after {
            let page = aggregated_operations(&folder.store, None, start, limit).unwrap();
            seen.extend(
                page.aggregated_operations.into_iter().map(|shown| (shown.action, shown.first_block)),
            );
            after = page.next;
        }
        seen.sort();
        use AggregatedAction::{CommitBlocks, CreateProofBlocks, ExecuteBlocks};
        let commits = (1..=5).map(|block| (CommitBlocks, block));
        let others = [(CreateProofBlocks, 1), (CreateProofBlocks, 3), (ExecuteBlocks, 1)];
        assert_eq!(seen, commits.chain(others).collect::<Vec<_>>(), "limit {limit}");
    }
}
