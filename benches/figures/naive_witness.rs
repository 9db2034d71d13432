//! The naive witness of a block: signatures are checked one by one, each leaf update and each fee
//! rehashes its path, and paths are read from the tree of that version. Plan and serialiser are
//! those of the program.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::timing::time;
use zksync_witness_server::testing::NaiveAccountTree;
use zksync_witness_server::testing::internals::crypto::Fr;
use zksync_witness_server::testing::internals::domain::{Block, ExecutedOperations, to_u128};
use zksync_witness_server::testing::internals::tree::{AccountTree, LeafUpdate};
use zksync_witness_server::testing::internals::witness;
use zksync_witness_server::testing::internals::witness::prover_data::{Element, OperationBranch};
use zksync_witness_server::testing::internals::witness::{Plan, ProverData, check_signatures, checked_forms};
use zksync_witness_server::testing::internals::workers::TreeState;
use zksync_witness_server::testing::naive_signature;

/// Times of the naive witness of a block.
#[derive(Clone, Copy, Debug)]
pub struct Naive {
    /// Leaf updates, fees, and reading of paths.
    pub tree: Duration,
    /// Signature checks.
    pub signatures: Duration,
    /// Serialising.
    pub serialise: Duration,
}

impl Naive {
    /// Returns the sum.
    pub fn all(&self) -> Duration {
        self.tree + self.signatures + self.serialise
    }
}

/// Builds the witness of `block` on `state`, compares every root and path with `data`, and returns
/// the times. Afterwards `state` is the state after the block.
///
/// # Errors
/// Fails if a root or a path differs.
pub fn build(
    block: &Block,
    tree: &AccountTree<'_>,
    state: &mut NaiveAccountTree,
    data: &ProverData,
) -> anyhow::Result<Naive> {
    let (signatures, ()) = time(|| verify_signatures(block));
    let plan = witness::plan(block, &check_signatures(block), &TreeState(tree))?;
    let sides = Sides::new(&plan);
    let mut found = Found::default();
    let operated = plan.updates.partition_point(|update| update.version <= plan.operated);
    let (of_operations, of_fees) = plan.updates.split_at(operated);

    let begin = Instant::now();
    sides.read(0, state, &mut found);
    for update in of_operations {
        state.set(update.account, update.token, update.header, update.balance);
        sides.read(update.version, state, &mut found);
    }
    pay_fees(block, of_fees, &plan, state)?;
    let tree = begin.elapsed();

    found.compare(data)?;
    ensure!(
        state.root() == block.new_root_hash,
        "the naive root after the block differs from that of the block"
    );
    let (serialise, json) = time(|| serde_json::to_vec(data));
    json?;
    Ok(Naive { tree, signatures, serialise })
}

fn verify_signatures(block: &Block) {
    for forms in block.block_transactions.iter().filter_map(checked_forms) {
        // The legacy form is tried first, as in the reference.
        let valid =
            |(_, claim): &(_, zksync_witness_server::testing::internals::crypto::signature::Claim<'_>)| {
                naive_signature::verify(claim.pub_key, claim.signature, claim.message).is_some()
            };
        std::hint::black_box(forms.claims().find(valid).is_some());
    }
}

/// Pays a fee of zero, then each fee separately, as the reference does
/// (`docs/protocol/04-witness.md` §6).
fn pay_fees(
    block: &Block,
    of_fees: &[LeafUpdate],
    plan: &Plan,
    state: &mut NaiveAccountTree,
) -> anyhow::Result<()> {
    let executed = block.block_transactions.iter().filter_map(ExecutedOperations::op);
    let fees = executed
        .filter_map(|op| op.fee())
        .map(|(token, fee)| Ok((token.0, to_u128(fee)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut balances: HashMap<u32, u128> = HashMap::new();
    for update in of_fees {
        let paid: u128 = fees.iter().filter(|(token, _)| *token == update.token).map(|(_, fee)| fee).sum();
        balances.insert(update.token, update.balance - paid);
    }
    for (token, fee) in std::iter::once((0, 0)).chain(fees) {
        let known = plan.fee_account_balances.get(token as usize).copied();
        let balance = balances.entry(token).or_insert(known.context("a fee in a token beyond 1023")?);
        *balance += fee;
        state.set(plan.fee_account, token, plan.noop.header, *balance);
    }
    Ok(())
}

/// Paths of one side of a chunk: siblings of the account leaf and of the balance leaf.
type Paths = (Vec<Fr>, Vec<Fr>);

/// Roots and paths by chunk; `true` is the right side.
#[derive(Default)]
struct Found {
    paths: BTreeMap<(usize, bool), Paths>,
    roots: BTreeMap<usize, Fr>,
}

impl Found {
    fn compare(&self, data: &ProverData) -> anyhow::Result<()> {
        let elements = |hashes: &[Fr]| hashes.iter().map(|hash| Element(Some(*hash))).collect::<Vec<_>>();
        for (chunk, root) in &self.roots {
            ensure!(data.operations[*chunk].new_root == Element(Some(*root)), "root of chunk {chunk}");
        }
        for ((chunk, right), (account, balance)) in &self.paths {
            let operation = &data.operations[*chunk];
            let side: &OperationBranch = if *right { &operation.rhs } else { &operation.lhs };
            let same = side.witness.account_path == elements(account)
                && side.witness.balance_subtree_path == elements(balance);
            ensure!(same, "paths of chunk {chunk}");
        }
        Ok(())
    }
}

/// Branches and roots that the chunks contain, by version of the tree.
struct Sides {
    /// Chunk, `true` for the right side, account and token of each branch.
    branches: BTreeMap<u32, Vec<(usize, bool, u32, u32)>>,
    roots: BTreeMap<u32, Vec<usize>>,
}

impl Sides {
    fn new(plan: &Plan) -> Self {
        let mut sides = Self { branches: BTreeMap::new(), roots: BTreeMap::new() };
        let chunks = plan.operations.iter().flat_map(|op| &op.chunks);
        for (index, chunk) in chunks.enumerate() {
            for (right, side) in [(false, chunk.lhs), (true, chunk.rhs)] {
                let branch = (index, right, side.account, side.token);
                sides.branches.entry(side.paths).or_default().push(branch);
            }
            sides.roots.entry(chunk.root).or_default().push(index);
        }
        sides
    }

    fn read(&self, version: u32, state: &NaiveAccountTree, found: &mut Found) {
        for &(chunk, right, account, token) in self.branches.get(&version).into_iter().flatten() {
            let paths = (state.account_path(account), state.balance_path(account, token));
            found.paths.insert((chunk, right), paths);
        }
        for &chunk in self.roots.get(&version).into_iter().flatten() {
            found.roots.insert(chunk, state.root());
        }
    }
}
