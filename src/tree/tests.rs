//! Comparison of the tree with a naive one on random sequences of blocks.

use std::sync::Arc;

use proptest::prelude::*;

use super::build::InitialAccount;
use super::view::Overlay;
use super::*;
use crate::testing::{Memory, NaiveAccountTree};

fn header(seed: u8, nonce: u32) -> AccountHeader {
    AccountHeader { nonce, pub_key_hash: [seed; 20], address: [seed.wrapping_add(1); 20] }
}

/// Account ids. They are few, so that chains of single children split, join and become empty again.
fn account() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..6, Just(37), Just((1 << 24) - 1)]
}

fn token() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..4, Just(1000), Just(65536), Just((1 << 31) - 2)]
}

#[derive(Clone, Debug)]
struct Step {
    account: u32,
    token: u32,
    header: AccountHeader,
    balance: u128,
    same_version: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (account(), token(), prop_oneof![Just(AccountHeader::default()), Just(header(1, 1)), Just(header(2, 7))])
        .prop_flat_map(|(account, token, header)| {
            (prop_oneof![2 => Just(0u128), 3 => 1u128..4, 1 => Just(u128::MAX)], any::<bool>()).prop_map(
                move |(balance, same_version)| Step { account, token, header, balance, same_version },
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn every_version_equals_the_naive_tree(
        genesis in proptest::collection::btree_map(account(), proptest::collection::btree_map(token(), 0u128..3, 0..3), 0..5),
        blocks in proptest::collection::vec(proptest::collection::vec(step(), 0..6), 1..4),
        reads in proptest::collection::vec((account(), token()), 1..4),
        keep_overlays in any::<bool>(),
        split in 0usize..4,
    ) {
        let mut naive = NaiveAccountTree::default();
        let accounts: Vec<InitialAccount> = genesis
            .into_iter()
            .map(|(id, balances)| InitialAccount {
                id, header: header(9, 0), balances: balances.into_iter().collect(),
            })
            .collect();
        for account in &accounts {
            naive.set(account.id, 0, account.header, 0);
            for &(token, balance) in &account.balances {
                naive.set(account.id, token, account.header, balance);
            }
        }
        let memory = Arc::new(Memory::build(&accounts));
        let mut view = TreeView::new(memory.clone());
        for steps in &blocks {
            let tree = AccountTree::open(&view).unwrap();
            prop_assert_eq!(tree.root(), naive.root());
            let mut updates: Vec<LeafUpdate> = Vec::new();
            let mut states = vec![naive.clone()];
            for step in steps {
                naive.set(step.account, step.token, step.header, step.balance);
                if step.same_version && states.len() > 1 {
                    states.pop();
                }
                states.push(naive.clone());
                updates.push(LeafUpdate {
                    version: states.len() as u32 - 1,
                    account: step.account, token: step.token, header: step.header, balance: step.balance,
                });
            }
            let versions = tree.apply(&updates, &reads).unwrap();
            for (version, state) in states.iter().enumerate() {
                let version = version as u32;
                prop_assert_eq!(versions.root(version), state.root());
                prop_assert_eq!(versions.used_subtree_root(version), state.used_subtree_root());
                for &(account, token) in &reads {
                    prop_assert_eq!(versions.account_path(account, version).to_vec(), state.account_path(account));
                    prop_assert_eq!(
                        versions.balance_path(account, token, version).to_vec(),
                        state.balance_path(account, token)
                    );
                }
            }
            // Two change sets, as if two blocks had been hashed together.
            let last = states.len() as u32 - 1;
            let middle = last.min(split as u32);
            for (from, to) in [(0, middle), (middle, last)] {
                let set = versions.change_set(from, to);
                if keep_overlays {
                    view.push(Arc::new(Overlay::default().then(&set)));
                } else {
                    memory.apply(&set);
                }
                let tree = AccountTree::open(&view).unwrap();
                prop_assert_eq!(tree.root(), states[to as usize].root());
            }
        }
        prop_assert_eq!(AccountTree::open(&view).unwrap().root(), naive.root());
    }
}

/// The size of a change set depends on the leaves it changes. Doubling the number of accounts adds
/// at most one junction.
#[test]
fn change_sets_grow_with_the_logarithm_of_the_accounts() {
    const TOUCHED: u32 = 26;
    let sizes = |accounts: u32| {
        let account = |id| InitialAccount { id, header: header(id as u8, 0), balances: vec![(0, 1_000)] };
        let memory = Arc::new(Memory::build(&(0..accounts).map(account).collect::<Vec<_>>()));
        let view = TreeView::new(memory);
        let update = |n: u32| LeafUpdate {
            version: n + 1,
            account: n * 37,
            token: 0,
            header: header(n as u8, 1),
            balance: 1_000 - u128::from(n),
        };
        let updates: Vec<LeafUpdate> = (0..TOUCHED).map(update).collect();
        let versions = AccountTree::open(&view).unwrap().apply(&updates, &[]).unwrap();
        let changes = versions.change_set(0, TOUCHED).changes;
        let size = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
        (changes.len(), changes.iter().map(|c| c.key.len() + size(&c.old) + size(&c.new)).sum::<usize>())
    };
    let (small, small_bytes) = sizes(1_000);
    let (large, large_bytes) = sizes(4_000);
    // All touched accounts are below 1,000, so each further level adds one junction above them.
    let levels = (4_000f64 / 1_000.).log2().ceil() as usize;
    assert!(large <= small + levels, "{small} records of 1,000 accounts, {large} of 4,000");
    assert!(large_bytes <= small_bytes + levels * (6 + 2 * 64), "{small_bytes} bytes, then {large_bytes}");
    // Root, account leaves, balances (one is unchanged), and less than a whole path for each.
    let leaves = 1 + 2 * TOUCHED as usize - 1;
    assert!(small > leaves && small <= leaves + 10 * TOUCHED as usize, "{small} records");
}

#[test]
fn a_view_reads_the_same_after_its_overlay_is_applied_to_the_source() {
    let memory =
        Arc::new(Memory::build(&[InitialAccount { id: 1, header: header(1, 0), balances: vec![(0, 5)] }]));
    let mut view = TreeView::new(memory.clone());
    let update =
        |version, account, balance| LeafUpdate { version, account, token: 0, header: header(1, 0), balance };
    let first = AccountTree::open(&view).unwrap().apply(&[update(1, 2, 7)], &[]).unwrap();
    view.push(Arc::new(Overlay::default().then(&first.change_set(0, 1))));
    let before = AccountTree::open(&view).unwrap().apply(&[update(1, 3, 9)], &[(0, 0)]).unwrap();
    memory.apply(&first.change_set(0, 1));
    let after = AccountTree::open(&view).unwrap().apply(&[update(1, 3, 9)], &[(0, 0)]).unwrap();
    assert_eq!(before.root(1), after.root(1));
    assert_eq!(before.account_path(0, 1), after.account_path(0, 1));
    view.pop_oldest();
    assert_eq!(AccountTree::open(&view).unwrap().root(), first.root(1));
}
