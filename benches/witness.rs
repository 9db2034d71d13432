//! Our witness of a block against the naive sequential one, on the same block in the same process.
//!
//! The naive side does what plan → hash → assemble avoids: it checks signatures one by one, and for each leaf update and each fee
//! rehashes that leaf's whole path with franklin-crypto's own `rescue_hash`, reading paths from the tree as it stands.
//! One signature check, the plan and the serialiser are the same code on both sides; both trees are in memory.
//!
//!     cargo bench -- [--accounts 1000] [--chunks 390] [--repetitions 5] [--naive-repetitions 2] [--naive-limit 60]

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use franklin_crypto::bellman::pairing::bn256::{Bn256, Fr};
use franklin_crypto::rescue::{bn256::Bn256RescueParams, rescue_mimc};
use zksync_witness_server::crypto::{fr, rescue};
use zksync_witness_server::domain::{Block, ExecutedOperations, ZkSyncOp, to_u128};
use zksync_witness_server::testing::{ChainBuilder, Memory, NaiveAccountTree};
use zksync_witness_server::tree::{AccountTree, TreeView};
use zksync_witness_server::witness::prover_data::{Element, OperationBranch};
use zksync_witness_server::witness::{self, Plan, ProverData, check_signatures};
use zksync_witness_server::workers::state::InTree;

/// States of the comparison of permutations.
const STATES: u64 = 1000;
/// Accounts that can send; more would only cost time for keys.
const SIGNERS: u32 = 100;

struct Options {
    accounts: u32,
    chunks: usize,
    repetitions: usize,
    naive_repetitions: usize,
    naive_limit: Duration,
}

fn options() -> Options {
    let mut options = Options {
        accounts: 1000,
        chunks: 390,
        repetitions: 5,
        naive_repetitions: 2,
        naive_limit: Duration::from_secs(60),
    };
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        // cargo adds it.
        if flag == "--bench" {
            continue;
        }
        let value: u32 = args.next().and_then(|value| value.parse().ok()).unwrap_or_else(|| {
            panic!("{flag}: a number is needed");
        });
        match flag.as_str() {
            "--accounts" => options.accounts = value,
            "--chunks" => options.chunks = value as usize,
            "--repetitions" => options.repetitions = value.max(1) as usize,
            "--naive-repetitions" => options.naive_repetitions = value.max(1) as usize,
            "--naive-limit" => options.naive_limit = Duration::from_secs(value.into()),
            _ => panic!("{flag} is no option; see the top of benches/witness.rs"),
        }
    }
    options
}

/// Times of the stages of one run, by stage.
type Stages = Vec<(&'static str, Duration)>;

fn stage<R>(stages: &mut Stages, name: &'static str, run: impl FnOnce() -> R) -> R {
    let begin = Instant::now();
    let result = black_box(run());
    stages.push((name, begin.elapsed()));
    result
}

/// Our witness, from the block to its JSON.
fn ours(block: &Block, tree: &AccountTree<'_>) -> (Stages, Vec<u8>) {
    let mut stages = Stages::new();
    let checks = stage(&mut stages, "signatures", || check_signatures(block));
    let plan = stage(&mut stages, "plan", || witness::plan(block, &checks, &InTree(tree)).unwrap());
    let hashed = stage(&mut stages, "hash", || witness::hash(block, plan, tree).unwrap());
    let json = stage(&mut stages, "JSON", || {
        let mut json = Vec::new();
        hashed.write_json(block, &mut json).unwrap();
        json
    });
    (stages, json)
}

/// What the naive side read for one side of a chunk: siblings of the account leaf and of the balance leaf.
type Paths = (Vec<Fr>, Vec<Fr>);

/// What the naive side found out about the chunks it got to.
#[derive(Default)]
struct Found {
    paths: BTreeMap<(usize, bool), Paths>,
    roots: BTreeMap<usize, Fr>,
    /// After the fees; none when the run was cut short.
    last_root: Option<Fr>,
    /// Leaf updates done, of how many.
    done: (usize, usize),
}

/// The naive witness. The times of leaf updates and fees are scaled up when the run was cut short after `limit`.
fn naive(
    block: &Block,
    tree: &AccountTree<'_>,
    mut state: NaiveAccountTree,
    data: &ProverData,
    limit: Duration,
) -> (Stages, Found) {
    let mut stages = Stages::new();
    stage(&mut stages, "signatures", || {
        for op in block.ops() {
            let ZkSyncOp::Transfer(op) = op else { panic!("a chain of transfers") };
            assert!(op.tx.verify_signature().is_some());
        }
    });
    let checks = check_signatures(block);
    let plan = stage(&mut stages, "plan", || witness::plan(block, &checks, &InTree(tree)).unwrap());

    let (mut found, sides) = (Found::default(), Sides::new(&plan));
    let (of_operations, of_fees) =
        plan.updates.split_at(plan.updates.partition_point(|update| update.version <= plan.operated));
    found.done.1 = of_operations.len();
    let begin = Instant::now();
    sides.read(0, &state, &mut found);
    for update in of_operations {
        if begin.elapsed() > limit {
            break;
        }
        state.set(update.account, update.token, update.header, update.balance);
        sides.read(update.version, &state, &mut found);
        found.done.0 += 1;
    }
    let (done, all) = found.done;
    stages.push(("leaf updates", begin.elapsed().mul_f64(all as f64 / done as f64)));

    let [of_fees] = of_fees else { panic!("fees in one token") };
    let fees: Vec<u128> = fees(block);
    let mut balance = of_fees.balance - fees.iter().sum::<u128>();
    let begin = Instant::now();
    let mut paid = 0;
    for fee in &fees {
        // Half the limit: fees are half as many.
        if done < all && begin.elapsed() > limit / 2 {
            break;
        }
        balance += fee;
        state.set(of_fees.account, of_fees.token, of_fees.header, balance);
        paid += 1;
    }
    stages.push(("fees", begin.elapsed().mul_f64(fees.len() as f64 / f64::from(paid))));
    found.last_root = (done == all).then(|| state.root());
    stage(&mut stages, "serialise", || serde_json::to_vec(data).unwrap());
    (stages, found)
}

/// Fees in the order of the operations.
fn fees(block: &Block) -> Vec<u128> {
    let executed = block.block_transactions.iter().filter_map(ExecutedOperations::op);
    executed.filter_map(|op| op.fee()).map(|(_, fee)| to_u128(fee).unwrap()).collect()
}

/// Which branches and roots the chunks show, by the version they show them in.
struct Sides {
    /// (chunk, whether right, account, token)
    branches: BTreeMap<u32, Vec<(usize, bool, u32, u32)>>,
    roots: BTreeMap<u32, Vec<usize>>,
}

impl Sides {
    fn new(plan: &Plan) -> Self {
        let mut sides = Self { branches: BTreeMap::new(), roots: BTreeMap::new() };
        let chunks = plan.operations.iter().flat_map(|op| &op.shown.chunks);
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

/// Both sides must show the same roots and paths.
fn compare(found: &Found, data: &ProverData, block: &Block) {
    let elements = |hashes: &[Fr]| hashes.iter().map(|hash| Element(Some(*hash))).collect::<Vec<_>>();
    for (chunk, root) in &found.roots {
        assert_eq!(data.operations[*chunk].new_root, Element(Some(*root)), "root of chunk {chunk}");
    }
    for ((chunk, right), (account, balance)) in &found.paths {
        let operation = &data.operations[*chunk];
        let side: &OperationBranch = if *right { &operation.rhs } else { &operation.lhs };
        assert_eq!(side.witness.account_path, elements(account), "account path of chunk {chunk}");
        assert_eq!(side.witness.balance_subtree_path, elements(balance), "balance path of chunk {chunk}");
    }
    if let Some(root) = found.last_root {
        assert_eq!(root, block.new_root_hash, "root after fees");
    }
}

/// Median, and the range in brackets, in milliseconds.
fn spread(mut times: Vec<Duration>) -> (Duration, String) {
    times.sort_unstable();
    let median = times[times.len() / 2];
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    (median, format!("{:>9.1} ms  [{:.1} … {:.1}]", ms(median), ms(times[0]), ms(times[times.len() - 1])))
}

/// Prints each stage of several runs and the whole; gives the median of the whole.
fn report(runs: &[Stages]) -> Duration {
    for (index, (name, _)) in runs[0].iter().enumerate() {
        println!("  {name:12} {}", spread(runs.iter().map(|run| run[index].1).collect()).1);
    }
    let (median, text) = spread(runs.iter().map(|run| run.iter().map(|stage| stage.1).sum()).collect());
    println!("  {:12} {text}", "all");
    median
}

fn witnesses(options: &Options) {
    let mut chain = ChainBuilder::new(options.accounts, SIGNERS.min(options.accounts / 2));
    let source = Arc::new(Memory::build(chain.initial_accounts()));
    let start = NaiveAccountTree::build(chain.initial_accounts());
    assert_eq!(start.root(), chain.root(), "root before the block");
    let block = chain.next_block(options.chunks).block;
    let view = TreeView::new(source);
    let tree = AccountTree::open(&view).unwrap();
    println!(
        "witness of a block of {} chunks, {} transfers, on {} accounts; {} threads, engine {:?}",
        options.chunks,
        block.block_transactions.len(),
        options.accounts,
        rayon::current_num_threads(),
        rescue::engine()
    );

    let (_, json) = ours(&block, &tree);
    let data: ProverData = serde_json::from_slice(&json).unwrap();
    println!("\nours, {} times: median [least … most]", options.repetitions);
    let our = report(&(0..options.repetitions).map(|_| ours(&block, &tree).0).collect::<Vec<_>>());

    println!("\nnaive, {} times: median [least … most]", options.naive_repetitions);
    let mut runs = Vec::new();
    let mut done = (0, 0);
    for _ in 0..options.naive_repetitions {
        let (stages, found) = naive(&block, &tree, start.clone(), &data, options.naive_limit);
        compare(&found, &data, &block);
        done = found.done;
        runs.push(stages);
    }
    let their = report(&runs);
    if done.0 < done.1 {
        println!(
            "  cut short: {} of {} leaf updates done, times of updates and fees scaled up",
            done.0, done.1
        );
    }
    println!("\nroots and paths are equal");
    println!(
        "ours takes {:.4} of the naive time: {:.1} times as fast",
        ratio(our, their),
        1.0 / ratio(our, their)
    );
}

fn permutations(options: &Options) {
    let parameters = Bn256RescueParams::new_checked_2_into_1();
    let states: Vec<rescue::State> =
        (0..STATES).map(|i| [3 * i, 3 * i + 1, 3 * i + 2].map(fr::from_u64)).collect();
    let (mut batch, mut franklin) = (Vec::new(), Vec::new());
    for _ in 0..options.repetitions {
        let mut permuted = states.clone();
        let begin = Instant::now();
        rescue::permute_batch(&mut permuted);
        batch.push(begin.elapsed());
        let begin = Instant::now();
        let expected: Vec<Vec<Fr>> =
            states.iter().map(|state| rescue_mimc::<Bn256>(&parameters, state)).collect();
        franklin.push(begin.elapsed());
        assert!(permuted.iter().zip(&expected).all(|(ours, theirs)| ours[..] == theirs[..]));
    }
    println!("\n{STATES} permutations on one thread, {} times: median [least … most]", options.repetitions);
    let (ours, ours_text) = spread(batch);
    let (theirs, theirs_text) = spread(franklin);
    println!("  {:12} {ours_text}\n  {:12} {theirs_text}", format!("{:?}", rescue::engine()), "franklin");
    println!(
        "ours takes {:.4} of franklin's time: {:.1} times as fast",
        ratio(ours, theirs),
        1.0 / ratio(ours, theirs)
    );
}

fn ratio(ours: Duration, theirs: Duration) -> f64 {
    ours.as_secs_f64() / theirs.as_secs_f64()
}

fn main() {
    let options = options();
    witnesses(&options);
    permutations(&options);
}
