//! Trees built from an empty one, of accounts with two balances each, all different or all equal,
//! against the naive baseline.

use std::time::Duration;

use anyhow::ensure;

use super::figure::{Bound, Figure};
use super::options::Options;
use super::timing::{Times, time};
use zksync_witness_server::testing::NaiveAccountTree;
use zksync_witness_server::testing::internals::crypto::Fr;
use zksync_witness_server::testing::internals::tree::AccountHeader;
use zksync_witness_server::testing::internals::tree::build::{InitialAccount, TreeBuilder};

/// Number of accounts that are hashed together.
const TOGETHER: usize = 4096;

/// Returns `count` accounts with two balances each, which are equal unless `different` is set.
pub fn accounts(count: u32, different: bool) -> Vec<InitialAccount> {
    let account = |id: u32| {
        let mut address = [0xc3; 20];
        address[16..].copy_from_slice(&id.to_be_bytes());
        let amount = 1_000_000_000 + if different { u128::from(id) } else { 0 };
        let header = AccountHeader { nonce: 0, pub_key_hash: [0; 20], address };
        InitialAccount { id, header, balances: vec![(0, amount), (1, 3 * amount)] }
    };
    (0..count).map(account).collect()
}

/// Measures how long an account takes in a tree that is built from an empty one.
///
/// # Errors
/// Fails if the two roots differ.
pub fn run(options: &Options, report: &mut dyn FnMut(Figure)) -> anyhow::Result<()> {
    let scale = &options.scale;
    let few = accounts(scale.naive_genesis, true);
    let (naive, root) = time(|| naive(&few));
    ensure!(built(&few)?.1 == root, "the root differs from that of the naive tree");
    let naive = naive / scale.naive_genesis;

    let per_account = |different| -> anyhow::Result<Times> {
        let accounts = accounts(scale.genesis, different);
        let repetitions = if different { 1 } else { scale.repetitions };
        (0..repetitions).map(|_| Ok(built(&accounts)?.0 / scale.genesis)).collect()
    };
    let (different, equal) = (per_account(true)?, per_account(false)?);
    let all = Times::new(vec![different.median() * scale.genesis]);
    report(Figure {
        name: "genesis",
        what: format!("an account of a new tree, {} with two different balances", scale.genesis),
        baseline: format!("naive, on {}", scale.naive_genesis),
        value: naive.as_secs_f64() / different.median().as_secs_f64(),
        unit: "×",
        bound: Bound::AtLeast(15.0),
        detail: format!("{different} against {}, all in {all}", Times::new(vec![naive])),
    });
    report(Figure {
        name: "genesis_equal",
        what: "the same with equal balances".into(),
        baseline: "ours with different ones".into(),
        value: equal.faster_than(&different),
        unit: "×",
        bound: Bound::AtLeast(4.0),
        detail: format!("{equal}"),
    });
    Ok(())
}

fn built(accounts: &[InitialAccount]) -> anyhow::Result<(Duration, Fr)> {
    let (took, root) = time(|| -> anyhow::Result<Fr> {
        let mut builder = TreeBuilder::default();
        builder.add_all(accounts, TOGETHER, drop)?;
        Ok(builder.finish().root)
    });
    Ok((took, root?))
}

/// Builds the tree account by account: each balance rehashes its path, then the account its own.
/// Returns the root.
fn naive(accounts: &[InitialAccount]) -> Fr {
    let mut tree = NaiveAccountTree::default();
    for account in accounts {
        tree.create(account);
    }
    tree.root()
}
