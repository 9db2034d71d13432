//! Counts permutations of the whole process.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use zksync_witness_server::testing::internals::crypto::rescue::PERMUTATIONS;
use zksync_witness_server::testing::internals::tree::build::InitialAccount;
use zksync_witness_server::testing::internals::tree::{AccountHeader, AccountTree, LeafUpdate, TreeView};
use zksync_witness_server::testing::internals::witness::{Planner, check_signatures, hash_run};
use zksync_witness_server::testing::internals::workers::TreeState;
use zksync_witness_server::testing::{Chain, Memory};

/// Permutations of an update: balance leaf, balance tree, account leaf, account tree.
const UPDATE: u64 = 1 + 32 + 3 + 32;

fn counted<R>(work: impl FnOnce() -> R) -> (u64, R) {
    let before = PERMUTATIONS.load(Ordering::Relaxed);
    let result = work();
    (PERMUTATIONS.load(Ordering::Relaxed) - before, result)
}

#[test]
fn a_block_costs_what_the_documentation_of_the_tree_says() {
    let _alone = crate::alone();
    let mut chain = Chain::with_accounts(50, 10);
    let view = TreeView::new(Arc::new(Memory::build(&chain.initial_accounts())));
    let tree = AccountTree::open(&view).unwrap();

    // Blocks of one transfer and of many, then the three together in one run.
    let blocks =
        [(26, 1), (390, 195), (26, 13)].map(|(chunks, count)| chain.next_block_of(chunks, count).block);
    let plans = || {
        let state = TreeState(&tree);
        let mut planner = Planner::new(&state);
        let plans = blocks.iter().map(|block| planner.next(block, &check_signatures(block)).unwrap());
        plans.collect::<Vec<_>>()
    };
    for together in [1, 3] {
        let run = blocks.iter().zip(plans()).take(together).collect();
        let (count, hashed) = counted(|| hash_run(run, &tree).unwrap());
        assert_eq!(hashed.len(), together);
        let updates = [3, 3 + 391 + 27][usize::from(together > 1)];
        assert_eq!(count, UPDATE * updates, "{together} blocks");
    }

    let header = |nonce| AccountHeader { nonce, pub_key_hash: [1; 20], address: [2; 20] };
    let accounts: Vec<InitialAccount> = (0..5)
        .map(|id| InitialAccount { id, header: header(id), balances: vec![(0, 5), (1, 6), (2, 7)] })
        .collect();
    let view = TreeView::new(Arc::new(Memory::build(&accounts)));
    let tree = AccountTree::open(&view).unwrap();
    let update = |token, balance| LeafUpdate { version: 1, account: 3, token, header: header(3), balance };

    let nothing = [update(0, 5), update(1, 6), update(2, 7)];
    assert_eq!(counted(|| tree.apply(&nothing, &[(3, 0), (4, 2)]).unwrap()).0, 0);
    let fees = [update(0, 10), update(1, 10), update(2, 10)];
    assert_eq!(counted(|| tree.apply(&fees, &[(3, 0)]).unwrap()).0, 3 + 2 + 31 + 3 + 32);
}
