//! A tree of which only several leaves are known: the root follows from them and the nodes next to
//! their paths, before and after any change of these leaves.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use thiserror::Error;

use super::batch::compress_all;
use super::leaf::{self, AccountHeader, AccountLeaf, EMPTY_BALANCE, empty};
use super::multiproof::Multiproof;
use super::record::{self, Key, Roots};
use super::shape::{DEPTH, LeafId, NodeId, TreeId, USED_SUBTREE_DEPTH};
use super::source::{Entry, SourceError, TreeSource};
use crate::crypto::{Fr, fr};

/// Number of account ids in the used subtree.
const ACCOUNTS: u32 = 1 << USED_SUBTREE_DEPTH;

/// Returned when a multiproof does not describe a tree.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum MultiproofError {
    /// The multiproof has no account.
    #[error("there is no account, so no root follows")]
    Empty,
    /// An account id is outside the used subtree.
    #[error("account id {0} is above the largest account id 16777215")]
    AccountOutOfRange(u32),
    /// The account of a balance is missing.
    #[error("there is a balance of account {0}, but the account is missing")]
    NoOwner(u32),
    /// The balance root of an account differs from the root of its balances.
    #[error("the balances of account {account} lead to the root {computed}, but the account has {claimed}")]
    BalanceRoot {
        account: u32,
        /// Root of the balances, 64 hex digits.
        computed: String,
        /// Root in the account leaf, 64 hex digits.
        claimed: String,
    },
    /// A node is not next to a path.
    #[error("the node at level {level} and index {index} of {tree:?} is not next to a path")]
    Stray {
        tree: TreeId,
        /// Level counted from the leaves.
        level: usize,
        /// Index within the level.
        index: u32,
    },
}

/// A multiproof whose paths are hashed up to the root.
///
/// As a [`TreeSource`] it returns the leaves and the nodes on their paths, and fails for all other
/// keys: a record that is not part of the multiproof is not treated as absent.
#[derive(Clone, Debug)]
pub(crate) struct PartialTree {
    proof: Multiproof,
    /// The children of each node on a path.
    children: HashMap<NodeId, [Fr; 2]>,
    roots: Roots,
}

impl PartialTree {
    /// Hashes all paths.
    ///
    /// # Errors
    /// [`MultiproofError`] if a root does not follow, or the balance root of an account differs
    /// from the root of its balances.
    pub(crate) fn new(proof: Multiproof) -> Result<Self, MultiproofError> {
        if let Some(account) = proof.accounts.keys().find(|account| **account >= ACCOUNTS) {
            return Err(MultiproofError::AccountOutOfRange(*account));
        }
        if let Some((account, _)) = proof.balances.keys().find(|key| !proof.accounts.contains_key(&key.0)) {
            return Err(MultiproofError::NoOwner(*account));
        }
        let mut given = proof.nodes.clone();
        let mut children = HashMap::new();
        let balances: Vec<u128> = proof.balances.values().copied().collect();
        let ids = proof.balances.keys().map(|(account, token)| (TreeId::Balances(*account), *token));
        let leaves = ids.zip(leaf::balance_leaf_hashes(&balances)).collect();
        for ((tree, _), root) in raise(leaves, &mut given, &mut children) {
            let TreeId::Balances(account) = tree else { continue };
            let claimed = balance_root(&proof, account);
            if claimed != Some(root) {
                let claimed = claimed.map_or_else(|| "none".to_owned(), |root| fr::to_hex(&root));
                let computed = fr::to_hex(&root);
                return Err(MultiproofError::BalanceRoot { account, computed, claimed });
            }
        }
        let accounts: Vec<AccountLeaf> =
            proof.accounts.values().map(|leaf| leaf.unwrap_or_default()).collect();
        let ids = proof.accounts.keys().map(|account| (TreeId::Accounts, *account));
        let leaves = ids.zip(leaf::account_leaf_hashes(&accounts)).collect();
        let top = raise(leaves, &mut given, &mut children);
        if let Some((tree, level, index)) = given.into_keys().next() {
            return Err(MultiproofError::Stray { tree, level, index });
        }
        let root = top.get(&(TreeId::Accounts, 0)).copied().ok_or(MultiproofError::Empty)?;
        let above = children.get(&(TreeId::Accounts, USED_SUBTREE_DEPTH + 1, 0));
        let used_subtree = above.ok_or(MultiproofError::Empty)?[0];
        Ok(Self { proof, children, roots: Roots { root, used_subtree } })
    }

    /// Returns the root of the account tree.
    pub(crate) fn root(&self) -> Fr {
        self.roots.root
    }

    /// Returns the multiproof that the tree was made of.
    pub(crate) fn multiproof(&self) -> &Multiproof {
        &self.proof
    }

    /// Returns the header of an account, or `None` if its leaf is the default leaf or its id is
    /// outside the used subtree.
    ///
    /// # Errors
    /// If the account is not part of the multiproof.
    pub(crate) fn account(&self, account: u32) -> Result<Option<AccountHeader>, SourceError> {
        if account >= ACCOUNTS {
            return Ok(None);
        }
        Ok(self.leaf(account)?.map(|leaf| leaf.header))
    }

    fn leaf(&self, account: u32) -> Result<&Option<AccountLeaf>, SourceError> {
        self.proof.accounts.get(&account).ok_or_else(|| lacking(format!("account {account}")))
    }

    /// Returns the balance of an account in a token.
    ///
    /// # Errors
    /// If the balance is not part of the multiproof.
    pub(crate) fn balance(&self, account: u32, token: u32) -> Result<u128, SourceError> {
        let balance = self.proof.balances.get(&(account, token)).copied();
        balance.ok_or_else(|| lacking(format!("the balance of account {account} in token {token}")))
    }

    /// Returns all balances other than zero of an account in tokens `0..tokens`, by ascending
    /// token.
    ///
    /// # Errors
    /// If the multiproof does not show that these are all of them.
    pub(crate) fn balances(&self, account: u32, tokens: u32) -> Result<Vec<(u32, u128)>, SourceError> {
        let tree = TreeId::Balances(account);
        let known = self.children.contains_key(&(tree, DEPTH, 0))
            || balance_root(&self.proof, account) == Some(EMPTY_BALANCE[DEPTH]);
        let mut siblings = self.proof.nodes.range((tree, 0, 0)..=(tree, usize::MAX, u32::MAX));
        // Any balance can be below a node that is given as a hash.
        let hidden = siblings.any(|((_, level, index), _)| u64::from(*index) << level < u64::from(tokens));
        if !known || hidden {
            return Err(lacking(format!("all balances of account {account}")));
        }
        let balances = self.proof.balances.range((account, 0)..(account, tokens));
        Ok(balances.filter(|(_, b)| **b != 0).map(|((_, token), b)| (*token, *b)).collect())
    }
}

fn balance_root(proof: &Multiproof, account: u32) -> Option<Fr> {
    let leaf = proof.accounts.get(&account)?;
    Some(leaf.unwrap_or_default().balance_root)
}

fn lacking(what: String) -> SourceError {
    SourceError(format!("{what} is not among the given leaves and paths"))
}

/// Hashes leaves up to their roots. Removes the nodes next to their paths from `given`, and adds
/// the children of each node on a path to `children`.
fn raise(
    leaves: BTreeMap<LeafId, Fr>,
    given: &mut BTreeMap<NodeId, Fr>,
    children: &mut HashMap<NodeId, [Fr; 2]>,
) -> BTreeMap<LeafId, Fr> {
    let mut level = leaves;
    for height in 0..DEPTH {
        let parents: BTreeSet<LeafId> = level.keys().map(|(tree, index)| (*tree, index >> 1)).collect();
        let mut child = |tree, index| {
            let sibling = || given.remove(&(tree, height, index));
            level.get(&(tree, index)).copied().or_else(sibling).unwrap_or(empty(tree)[height])
        };
        let pairs: Vec<[Fr; 2]> = parents
            .iter()
            .map(|&(tree, index)| [child(tree, index << 1), child(tree, index << 1 | 1)])
            .collect();
        let hashes = compress_all(&pairs);
        for (&(tree, index), pair) in parents.iter().zip(&pairs) {
            children.insert((tree, height + 1, index), *pair);
        }
        level = parents.into_iter().zip(hashes).collect();
    }
    level
}

impl TreeSource for PartialTree {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, SourceError> {
        let key = record::decode_key(key).ok_or_else(|| lacking("a record".to_owned()))?;
        match key {
            Key::Roots => Ok(Some(self.roots.encode())),
            Key::Leaf((TreeId::Accounts, account)) => {
                Ok(self.leaf(account)?.as_ref().map(record::encode_account))
            }
            Key::Leaf((TreeId::Balances(account), token)) => {
                Ok(record::encode_balance(self.balance(account, token)?))
            }
            Key::Junction(node) => {
                // Also returned if a child is empty, where a whole tree has no record: see
                // `first_in`.
                let pair = self.children.get(&node).map(record::encode_pair);
                pair.map(Some).ok_or_else(|| lacking(format!("a node at level {} of {:?}", node.1, node.0)))
            }
        }
    }

    /// Returns `None`. Neighbours are only read to hash the subtree below a node without a record,
    /// and here each node on a path has a record.
    fn first_in(&self, _: &[u8], _: &[u8]) -> Result<Option<Entry>, SourceError> {
        Ok(None)
    }

    fn last_in(&self, _: &[u8], _: &[u8]) -> Result<Option<Entry>, SourceError> {
        Ok(None)
    }

    fn range(&self, _: &[u8], _: &[u8], _: usize) -> Result<Vec<Entry>, SourceError> {
        Err(lacking("a range of records".to_owned()))
    }
}
