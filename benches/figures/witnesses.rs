//! Witnesses of a full, a mixed and a nearly empty block on trees of the same size, against the
//! naive baseline and the floor.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::figure::{Bound, Figure};
use super::options::Options;
use super::timing::{Times, time};
use super::{engines, mixed, naive_witness};
use zksync_witness_server::testing::internals::crypto::rescue;
use zksync_witness_server::testing::internals::domain::Block;
use zksync_witness_server::testing::internals::store::{Store, StoreOptions};
use zksync_witness_server::testing::internals::tree::build::InitialAccount;
use zksync_witness_server::testing::internals::tree::{AccountTree, TreeView};
use zksync_witness_server::testing::internals::witness;
use zksync_witness_server::testing::internals::witness::{ProverData, check_signatures};
use zksync_witness_server::testing::internals::workers::TreeState;
use zksync_witness_server::testing::{Chain, Memory, NaiveAccountTree};

/// Permutations of a leaf update: 1 in the balance leaf, 32 in the balance tree, 3 in the account leaf,
/// 32 in the account tree.
pub const PERMUTATIONS: u32 = 68;
/// Number of accounts that can send; more would only cost time for keys.
const SIGNERS: u32 = 100;

/// Times of a witness of this program, by stage.
#[derive(Clone, Copy, Debug)]
pub struct Stages {
    /// Signature checks, which an import makes.
    pub signatures: Duration,
    /// Making of the plan.
    pub plan: Duration,
    /// Hashing of all versions of the tree.
    pub hash: Duration,
    /// Writing of plan and versions as JSON.
    pub write: Duration,
}

impl Stages {
    /// Returns the sum.
    pub fn all(&self) -> Duration {
        self.signatures + self.built()
    }

    /// Returns the sum without the signature checks.
    pub fn built(&self) -> Duration {
        self.plan + self.hash + self.write
    }
}

/// Builds the witness of a block with this program. Returns the times and the JSON.
///
/// # Errors
/// Fails if the block does not fit the tree.
pub fn ours(block: &Block, tree: &AccountTree<'_>) -> anyhow::Result<(Stages, Vec<u8>)> {
    let (signatures, checks) = time(|| check_signatures(block));
    let (plan, planned) = time(|| witness::plan(block, &checks, &TreeState(tree)));
    let planned = planned?;
    let (hash, hashed) = time(|| witness::hash(block, planned, tree));
    let hashed = hashed?;
    let mut json = Vec::new();
    let (write, written) = time(|| hashed.write_json(block, &mut json));
    written?;
    Ok((Stages { signatures, plan, hash, write }, json))
}

/// Returns the number of leaf updates of a block that cost hashes of their own: all fees together
/// count as one.
///
/// # Errors
/// Fails if the block does not fit the tree.
pub fn leaf_updates(block: &Block, tree: &AccountTree<'_>) -> anyhow::Result<u32> {
    Ok(witness::plan(block, &check_signatures(block), &TreeState(tree))?.last)
}

/// Measures witnesses of a full, a nearly empty and a mixed block.
///
/// # Errors
/// Fails if a root or a path differs from the naive one.
pub fn run(options: &Options, report: &mut dyn FnMut(Figure)) -> anyhow::Result<()> {
    let mut chain = Chain::with_accounts(options.scale.accounts, SIGNERS);
    let transfers = Case::new(&chain.initial_accounts());
    let full = chain.next_block(390).block;
    let (stages, json) = transfers.compare(options, &full, ("witness_390", 25.0), report)?;
    floor(&transfers, &full, &stages, options, report)?;
    stored(&json, report)?;

    let one = Chain::with_accounts(options.scale.accounts, SIGNERS).next_block_of(26, 1).block;
    transfers.compare(options, &one, ("witness_26_one_transfer", 6.0), report)?;

    let mixed = Case::new(&mixed::accounts(options.scale.accounts)?);
    let block = mixed.with_tree(|tree| mixed::block(tree, 78))?;
    mixed.compare(options, &block, ("witness_78_mixed", 15.0), report)?;
    Ok(())
}

/// One state for both sides of a comparison.
struct Case {
    source: Arc<Memory>,
    naive: NaiveAccountTree,
    accounts: usize,
}

impl Case {
    fn new(accounts: &[InitialAccount]) -> Self {
        Self {
            source: Arc::new(Memory::build(accounts)),
            naive: NaiveAccountTree::build(accounts),
            accounts: accounts.len(),
        }
    }

    fn with_tree<R>(&self, run: impl FnOnce(&AccountTree<'_>) -> anyhow::Result<R>) -> anyhow::Result<R> {
        let view = TreeView::new(self.source.clone());
        run(&AccountTree::open(&view)?)
    }

    /// Measures this program and the naive baseline in turns, the slow baseline half as often, and
    /// reports their ratio.
    fn compare(
        &self,
        options: &Options,
        block: &Block,
        (name, least): (&'static str, f64),
        report: &mut dyn FnMut(Figure),
    ) -> anyhow::Result<(Vec<Stages>, Vec<u8>)> {
        self.with_tree(|tree| {
            let (_, json) = ours(block, tree)?;
            let data: ProverData = serde_json::from_slice(&json)?;
            let (mut stages, mut naive) = (Vec::new(), Vec::new());
            for repetition in 0..options.scale.repetitions {
                stages.push(ours(block, tree)?.0);
                if repetition % 2 == 0 {
                    let mut state = self.naive.clone();
                    naive.push(naive_witness::build(block, tree, &mut state, &data)?.all());
                }
            }
            let ours: Times = stages.iter().map(Stages::all).collect();
            let naive = Times::new(naive);
            let operations = block.ops().count();
            report(Figure {
                name,
                what: format!(
                    "witness, {} chunks, {operations} operations, {} accounts",
                    block.block_chunks_size, self.accounts
                ),
                baseline: "naive".into(),
                value: ours.faster_than(&naive),
                unit: "×",
                bound: Bound::AtLeast(least),
                detail: format!("{ours} against {naive}"),
            });
            Ok((stages, json))
        })
    }
}

fn floor(
    case: &Case,
    block: &Block,
    stages: &[Stages],
    options: &Options,
    report: &mut dyn FnMut(Figure),
) -> anyhow::Result<()> {
    let updates = case.with_tree(|tree| leaf_updates(block, tree))?;
    let floor =
        floor_of(updates, &engines::batches_on_all_cores(rescue::engine(), options.scale.repetitions)?);
    let of = |name, what: &str, pick: fn(&Stages) -> Duration, bound| {
        let times: Times = stages.iter().map(pick).collect();
        Figure {
            name,
            what: format!("witness of 390 chunks, {what}"),
            baseline: "floor".into(),
            value: times.median().as_secs_f64() / floor.as_secs_f64(),
            unit: "×",
            bound,
            detail: format!("{times}, floor {:.0} ms", floor.as_secs_f64() * 1e3),
        }
    };
    report(of("floor_390", "plan to JSON", Stages::built, Bound::AtMost(1.35)));
    report(of("floor_390_hash", "hashing alone", |stages| stages.hash, Bound::None));
    report(of("floor_390_signatures", "with its signature checks", Stages::all, Bound::None));
    Ok(())
}

/// Returns the floor of `updates` leaf updates: the time of their hashes in full batches on all
/// cores, by the times of [`engines::batches_on_all_cores`].
pub fn floor_of(updates: u32, batches: &Times) -> Duration {
    let batches_a_core =
        f64::from(updates * PERMUTATIONS) / engines::STATES as f64 / rayon::current_num_threads() as f64;
    batches.median().mul_f64(batches_a_core)
}

/// Reports the size of a stored witness relative to its JSON.
fn stored(json: &[u8], report: &mut dyn FnMut(Figure)) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path(), StoreOptions::default())?;
    let begin = Instant::now();
    let witness = store.tree().prepare_witness(1, 390, |out| out.write_all(json))?;
    let took = begin.elapsed();
    let bytes = witness.blob.blob_ref().stored_len();
    ensure!(
        store.read_blob(witness.blob.blob_ref())? == json,
        "the stored witness differs from the written one"
    );
    report(Figure {
        name: "stored_witness",
        what: "bytes of a stored witness of 390 chunks".into(),
        baseline: "its JSON".into(),
        value: 100.0 * bytes as f64 / json.len() as f64,
        unit: "%",
        bound: Bound::AtMost(4.0),
        detail: format!("{bytes} of {} bytes, stored in {:.0} ms", json.len(), took.as_secs_f64() * 1e3),
    });
    Ok(())
}
