//! Several leaves of a tree with the nodes next to their paths, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use super::account_tree::AccountTree;
use super::error::TreeError;
use super::forest::Forest;
use super::leaf::{AccountLeaf, empty};
use super::shape::{DEPTH, LeafId, NodeId, TreeId};
use super::view::TreeView;
use crate::crypto::Fr;

/// A Merkle multiproof: leaves, and the nodes from which the root follows together with the leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Multiproof {
    /// Account leaves by id; `None` is the default leaf.
    pub(crate) accounts: BTreeMap<u32, Option<AccountLeaf>>,
    /// Balances by account and token, including those that are 0. All accounts are in
    /// [`Self::accounts`].
    pub(crate) balances: BTreeMap<(u32, u32), u128>,
    /// The nodes next to the paths of all leaves that are neither on a path themselves nor empty.
    pub(crate) nodes: BTreeMap<NodeId, Fr>,
}

impl Multiproof {
    /// Reads leaves, and the nodes next to their paths, from the tree that `view` shows. The
    /// accounts of `balances` are included.
    pub(crate) fn read(
        view: &TreeView,
        accounts: &BTreeSet<u32>,
        balances: &BTreeSet<(u32, u32)>,
    ) -> Result<Self, TreeError> {
        let tree = AccountTree::open(view)?;
        let mut proof = Self::default();
        for &account in accounts.iter().chain(balances.iter().map(|(account, _)| account)) {
            proof.accounts.insert(account, tree.account(account)?);
        }
        for &(account, token) in balances {
            proof.balances.insert((account, token), tree.balance(account, token)?);
        }
        let owners = proof.accounts.keys().map(|account| (TreeId::Accounts, *account));
        let tokens = balances.iter().map(|(account, token)| (TreeId::Balances(*account), *token));
        let leaves: BTreeSet<LeafId> = owners.chain(tokens).collect();
        let read: Vec<LeafId> = leaves.iter().copied().collect();
        let forest = Forest::hash(view, &read, Vec::new())?;
        proof.nodes = siblings(&forest, leaves);
        Ok(proof)
    }
}

/// Returns the nodes next to the paths of leaves.
fn siblings(forest: &Forest, leaves: BTreeSet<LeafId>) -> BTreeMap<NodeId, Fr> {
    let mut nodes = BTreeMap::new();
    let mut on_path = leaves;
    for level in 0..DEPTH {
        for &(tree, index) in &on_path {
            if on_path.contains(&(tree, index ^ 1)) {
                continue;
            }
            let hash = forest.at(tree, level, index ^ 1, 0);
            if hash != empty(tree)[level] {
                nodes.insert((tree, level, index ^ 1), hash);
            }
        }
        on_path = on_path.iter().map(|(tree, index)| (*tree, index >> 1)).collect();
    }
    nodes
}
