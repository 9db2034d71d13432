//! Invariants of a folder that hold at any moment, also after a kill or a power failure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use zksync_witness_server::testing::NaiveAccountTree;
use zksync_witness_server::testing::internals::crypto::fr;
use zksync_witness_server::testing::internals::domain::AggregatedAction;
use zksync_witness_server::testing::internals::domain::job::{JobStatus, JobType};
use zksync_witness_server::testing::internals::store::{JobRecord, Store, StoreOptions};
use zksync_witness_server::testing::internals::tree::AccountHeader;
use zksync_witness_server::testing::internals::tree::TreeId;
use zksync_witness_server::testing::internals::tree::build::{InitialAccount, TreeBuilder};
use zksync_witness_server::testing::internals::tree::record;
use zksync_witness_server::testing::internals::tree::source::Entry;
use zksync_witness_server::testing::ledger::{Acknowledged, Moment, Operation};

use crate::support::world::World;

/// Verified blocks that keep their witnesses and jobs in these tests.
pub const KEEP_VERIFIED: u32 = 6;

/// A folder that was checked.
pub struct Found {
    pub store: Store,
    pub head: u32,
    pub tree_head: u32,
    pub findings: Vec<String>,
    /// A summary to print.
    pub line: String,
}

struct Check<'a> {
    store: &'a Store,
    world: &'a World,
    until: Moment,
    head: u32,
    tree_head: u32,
    findings: Vec<String>,
}

/// Opens a folder, and checks that it is consistent and has everything acknowledged until a moment.
/// With `naive`, the tree is also hashed one leaf after the other, which is slow.
pub fn look(folder: &std::path::Path, world: &World, until: Moment, naive: bool) -> Found {
    let begin = Instant::now();
    let store = match Store::open(folder, StoreOptions::default()) {
        Ok(store) => store,
        Err(error) => panic!("{} does not open: {error}", folder.display()),
    };
    let opened = begin.elapsed();
    let (head, tree_head) = (store.chain().head().unwrap(), store.tree().head().unwrap());
    let mut check = Check { store: &store, world, until, head, tree_head, findings: Vec::new() };
    check.chain();
    if check.findings.is_empty() {
        check.proofs();
        check.jobs();
        check.tree(naive);
        check.operations(AggregatedAction::CommitBlocks, &world.ledger.commits);
        check.operations(AggregatedAction::ExecuteBlocks, &world.ledger.executions);
    }
    let mut findings = check.findings;
    findings.extend(store.check_everything().unwrap());
    let counts = store.queue().counts().unwrap();
    let line = format!(
        "opened in {:.1} ms, looked at in {:.0} ms: block {head}, tree at {tree_head}, {} idle, {} in progress, \
         {} failed, {} done",
        opened.as_secs_f64() * 1e3,
        (begin.elapsed() - opened).as_secs_f64() * 1e3,
        counts.idle,
        counts.in_progress,
        counts.failed,
        counts.done
    );
    Found { store, head, tree_head, findings, line }
}

impl Found {
    /// Closes the folder; from now on its current content must stay.
    pub fn adopt(self, world: &mut World) {
        let Self { store, head, tree_head, .. } = self;
        let ledger = &mut world.ledger;
        ledger.genesis = store.chain().genesis().unwrap().map(|_| 0);
        let stored = (1..=head).map(|number| Acknowledged::new(&world.chain.block(number).json, 0));
        ledger.blocks = stored.collect();
        ledger.seen = tree_head;
        ledger.most_executed = ledger.most_executed.max(store.chain().last_verified_block().unwrap());
        for (&(first, last, aggregated), proofs) in &mut ledger.proofs {
            let stored = if aggregated {
                store.queue().aggregated_proof(first, last)
            } else {
                store.queue().single_proof(first)
            };
            proofs.acknowledged = stored.unwrap().map(|proof| Acknowledged::new(&proof, 0));
            proofs.sent.clear();
        }
        for (action, operations) in [
            (AggregatedAction::CommitBlocks, &mut ledger.commits),
            (AggregatedAction::ExecuteBlocks, &mut ledger.executions),
        ] {
            operations.retain_mut(|operation| {
                operation.acknowledged = Some(0);
                store.chain().aggregated_operation_covering(action, operation.last).unwrap().is_some()
            });
        }
    }
}

impl Check<'_> {
    fn expect(&mut self, holds: bool, finding: impl FnOnce() -> String) {
        if !holds {
            self.findings.push(finding());
        }
    }

    fn chain(&mut self) {
        let Self { store, world, head, tree_head, .. } = *self;
        let genesis = store.chain().genesis().unwrap();
        let acknowledged = world.ledger.genesis.is_some_and(|at| at <= self.until);
        self.expect(genesis.is_some() || !acknowledged, || "genesis was acknowledged and is missing".into());
        if let Some(genesis) = genesis {
            self.expect(genesis.root == world.chain.root(0), || "genesis has another root".into());
            let same = store.chain().genesis_json().unwrap() == Some(world.chain.genesis_json.clone());
            self.expect(same, || "genesis is not what was imported".into());
        }
        let acknowledged = world.ledger.head(self.until);
        let posted = world.ledger.head(Moment::MAX) + 1;
        self.expect((acknowledged..=posted).contains(&head), || {
            format!(
                "the chain ends at {head}: {acknowledged} was acknowledged, {posted} is the last one posted"
            )
        });
        self.expect(tree_head <= head, || format!("the tree is at {tree_head}, the chain at {head}"));
        for number in 1..=head.min(posted) {
            let block = world.chain.block(number);
            let stored = store.chain().block(number).unwrap();
            let same = stored
                .as_ref()
                .is_some_and(|stored| stored.root == block.root && stored.quarantine.is_none());
            self.expect(same, || format!("block {number} is stored as {stored:?}"));
            let body = store.chain().block_json(number);
            self.expect(matches!(&body, Ok(Some(body)) if *body == block.json), || {
                format!("the bytes of block {number} are not those imported: {:?}", body.err())
            });
        }
    }

    fn proofs(&mut self) {
        let Self { store, world, .. } = *self;
        for (&(first, last, aggregated), proofs) in &world.ledger.proofs {
            let stored = if aggregated {
                store.queue().aggregated_proof(first, last)
            } else {
                store.queue().single_proof(first)
            };
            let stored = stored.unwrap();
            let wrong = proofs.contradiction(stored.as_deref(), self.until);
            self.expect(wrong.is_none(), || format!("the proof of {first} to {last} {}", wrong.unwrap()));
        }
        for number in 1..=self.head {
            let known = world.ledger.proofs.contains_key(&(number, number, false));
            self.expect(known || !store.queue().has_single_proof(number).unwrap(), || {
                format!("the proof of block {number} was never published")
            });
        }
    }

    fn jobs(&mut self) {
        let store = self.store;
        let jobs: Vec<JobRecord> = store.queue().jobs(None, 0, usize::MAX).unwrap().0;
        let mut ranges = BTreeSet::new();
        for job in &jobs {
            let JobRecord { id, job_type, first, last, .. } = *job;
            self.expect(ranges.insert((job_type, first, last)), || format!("two jobs for {first} to {last}"));
            let proven = match job_type {
                JobType::Single => store.queue().has_single_proof(first).unwrap(),
                JobType::Aggregated => store.queue().has_aggregated_proof(first, last).unwrap(),
            };
            self.expect(proven == (job.status == JobStatus::Done), || {
                format!("job {id} is {:?}, which contradicts its proof", job.status)
            });
            self.expect(last <= self.tree_head, || {
                format!("job {id} is for block {last}, which has no tree")
            });
        }
        let queued = store.queue().last_block_in_queue(JobType::Single).unwrap();
        let dropped = self.world.ledger.most_executed.max(store.chain().last_verified_block().unwrap());
        for number in 1..=self.tree_head {
            let proven = store.queue().has_single_proof(number).unwrap();
            let has_job = ranges.contains(&(JobType::Single, number, number));
            // The updater makes later ones when the server starts.
            self.expect(has_job || proven || number > queued, || format!("block {number} has lost its job"));
            let may_be_dropped = proven && number + KEEP_VERIFIED <= dropped;
            let has_witness = store.tree().witness(number).unwrap().is_some();
            self.expect(has_witness || may_be_dropped, || format!("block {number} has lost its witness"));
        }
    }

    fn operations(&mut self, action: AggregatedAction, operations: &[Operation]) {
        for Operation { first, last, json, acknowledged } in operations {
            let stored = self.store.chain().aggregated_operation_covering(action, *last).unwrap();
            let same = stored.as_ref().is_some_and(|stored| {
                (stored.first, stored.last) == (*first, *last)
                    && self.store.read_blob(&stored.blob).is_ok_and(|body| body == *json)
            });
            let optional = stored.is_none() && acknowledged.is_none_or(|at| at > self.until);
            self.expect(same || optional, || format!("{action:?} of {first} to {last} is {stored:?}"));
        }
    }

    /// The plain accounts are those after the last block; the tree equals the one built from the
    /// accounts after the last witnessed block, and has the root of that block.
    fn tree(&mut self, naive: bool) {
        let Self { store, world, head, tree_head, .. } = *self;
        if store.chain().genesis().unwrap().is_none() {
            return;
        }
        for account in world.chain.accounts(head) {
            let id = account.id;
            let state = store.chain().account(id).unwrap();
            let AccountHeader { nonce, pub_key_hash, address } = account.header;
            let same = state.is_some_and(|state| {
                (state.nonce, state.pub_key_hash, state.address) == (nonce, pub_key_hash, address)
            });
            let balances = store.chain().balances(id, 0, 100).unwrap();
            self.expect(same && balances == account.balances, || {
                format!("account {id} is not the one after block {head}")
            });
        }
        let records: BTreeMap<Vec<u8>, Vec<u8>> =
            store.tree().source().range(&[0], &[0xff], usize::MAX).unwrap().into_iter().collect();
        let leaves = leaves(&records);
        self.expect(leaves == world.chain.accounts(tree_head), || {
            format!("the leaves of the tree are not those after block {tree_head}")
        });
        let mut builder = TreeBuilder::default();
        let mut built = BTreeMap::new();
        builder.add_all(&leaves, 1000, |part| built.extend(part)).unwrap();
        let finished = builder.finish();
        built.extend(finished.records);
        built.extend([finished.roots]);
        self.expect(built == records, || "the tree does not follow from its leaves".into());
        let root = fr::to_bytes(&finished.root);
        self.expect(root == world.chain.root(tree_head), || {
            format!("the tree does not have the root of block {tree_head}")
        });
        if naive {
            let mut tree = NaiveAccountTree::default();
            leaves.iter().for_each(|account| tree.create(account));
            self.expect(fr::to_bytes(&tree.root()) == root, || "the naive tree has another root".into());
        }
    }
}

/// Returns the accounts in the records of a tree.
fn leaves(records: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<InitialAccount> {
    let below = |from: Vec<u8>, to: Vec<u8>| records.range(from..to).map(|(k, v)| (k.clone(), v.clone()));
    let (from, to) = record::leaf_range(TreeId::Accounts, 32, 0);
    let account = |(key, value): Entry| {
        let id = record::leaf_index(&key).unwrap();
        let (from, to) = record::leaf_range(TreeId::Balances(id), 32, 0);
        let balance = |(key, value): Entry| {
            (record::leaf_index(&key).unwrap(), record::decode_balance(&value).unwrap())
        };
        let header = record::decode_account(&value).unwrap().header;
        InitialAccount { id, header, balances: below(from, to).map(balance).collect() }
    };
    below(from, to).map(account).collect()
}
