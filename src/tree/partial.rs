//! A few leaves of a tree with the nodes beside their paths: the root follows from them, and every change of those leaves.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use thiserror::Error;

use super::account_tree::{AccountTree, TreeError};
use super::leaf::{self, AccountHeader, EMPTY_BALANCE};
use super::levels::{Forest, LeafId, compress_all, empty};
use super::record::{self, AccountLeaf, Roots, TreeId};
use super::source::{Entry, SourceError, TreeSource};
use super::{ACCOUNT_TREE_DEPTH, TreeView, USED_SUBTREE_DEPTH};
use crate::crypto::Fr;

/// Account ids from here on are outside the used subtree.
const ACCOUNTS: u32 = 1 << USED_SUBTREE_DEPTH;

/// A node: its tree, its level from the leaves (0) up, its index within the level.
pub type NodeId = (TreeId, u8, u32);

/// Leaves and the nodes beside their paths, as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Account leaves by id; `None` is the default leaf.
    pub accounts: BTreeMap<u32, Option<AccountLeaf>>,
    /// Balances by account and token, also those that are 0. The accounts are among [`Self::accounts`].
    pub balances: BTreeMap<(u32, u32), u128>,
    /// The nodes beside the paths of all these leaves: those that are neither on a path themselves nor empty.
    pub nodes: BTreeMap<NodeId, Fr>,
}

impl Parts {
    /// Takes leaves and what their paths need out of the tree that `view` shows. The accounts of `balances` are taken, too.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn take(
        view: &TreeView,
        accounts: &BTreeSet<u32>,
        balances: &BTreeSet<(u32, u32)>,
    ) -> Result<Self, TreeError> {
        let tree = AccountTree::open(view)?;
        let mut parts = Self::default();
        for &account in accounts.iter().chain(balances.iter().map(|(account, _)| account)) {
            parts.accounts.insert(account, tree.account(account)?);
        }
        for &(account, token) in balances {
            parts.balances.insert((account, token), tree.balance(account, token)?);
        }
        let owners = parts.accounts.keys().map(|account| (TreeId::Accounts, *account));
        let tokens = balances.iter().map(|(account, token)| (TreeId::Balances(*account), *token));
        let leaves: BTreeSet<LeafId> = owners.chain(tokens).collect();
        let read: Vec<LeafId> = leaves.iter().copied().collect();
        let forest = Forest::hash(view, &read, Vec::new())?;
        parts.nodes = beside(&forest, leaves);
        Ok(parts)
    }
}

/// The nodes beside the paths of some leaves.
fn beside(forest: &Forest, leaves: BTreeSet<LeafId>) -> BTreeMap<NodeId, Fr> {
    let mut nodes = BTreeMap::new();
    let mut on_path = leaves;
    for level in 0..ACCOUNT_TREE_DEPTH {
        for &(tree, index) in &on_path {
            if on_path.contains(&(tree, index ^ 1)) {
                continue;
            }
            let hash = forest.at(tree, level, index ^ 1, 0);
            if hash != empty(tree)[level] {
                nodes.insert((tree, level as u8, index ^ 1), hash);
            }
        }
        on_path = on_path.iter().map(|(tree, index)| (*tree, index >> 1)).collect();
    }
    nodes
}

/// Why parts make no tree.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PartsError {
    /// No account at all.
    #[error("there is no account, so no root follows")]
    Empty,
    /// An account id outside the used subtree.
    #[error("account id {0} is above the largest account id 16777215")]
    AccountOutOfRange(u32),
    /// A balance of an account that is not there.
    #[error("there is a balance of account {0}, and not the account")]
    NoOwner(u32),
    /// The balance root of an account is not that of its balances.
    #[error("the balances of account {account} lead to the root {computed}, the account says {claimed}")]
    BalanceRoot {
        /// The account.
        account: u32,
        /// The root that follows, 64 hex digits.
        computed: String,
        /// The root in the account leaf.
        claimed: String,
    },
    /// A node that is beside no path.
    #[error("the node at level {level} and index {index} of {tree:?} is beside no path")]
    Stray {
        /// The tree.
        tree: TreeId,
        /// Level from the leaves up.
        level: u8,
        /// Index within the level.
        index: u32,
    },
}

/// Parts whose paths were hashed up to one root.
///
/// As a [`TreeSource`] it answers for its leaves and the nodes on their paths, and fails for anything else: nothing that it was not
/// given is taken for empty.
#[derive(Clone, Debug)]
pub struct PartialTree {
    parts: Parts,
    /// The children of every node on a path.
    children: HashMap<NodeId, [Fr; 2]>,
    roots: Roots,
}

impl PartialTree {
    /// Hashes all paths.
    ///
    /// # Errors
    /// See [`PartsError`]. Balances must lead to the balance root of their account.
    pub fn new(parts: Parts) -> Result<Self, PartsError> {
        if let Some(account) = parts.accounts.keys().find(|account| **account >= ACCOUNTS) {
            return Err(PartsError::AccountOutOfRange(*account));
        }
        if let Some((account, _)) = parts.balances.keys().find(|key| !parts.accounts.contains_key(&key.0)) {
            return Err(PartsError::NoOwner(*account));
        }
        let mut given = parts.nodes.clone();
        let mut children = HashMap::new();
        let balances: Vec<u128> = parts.balances.values().copied().collect();
        let ids = parts.balances.keys().map(|(account, token)| (TreeId::Balances(*account), *token));
        let leaves = ids.zip(leaf::balance_leaf_hashes(&balances)).collect();
        for ((tree, _), root) in raise(leaves, &mut given, &mut children) {
            let TreeId::Balances(account) = tree else { continue };
            let claimed = balance_root(&parts, account);
            if claimed != Some(root) {
                let hex = crate::crypto::fr::to_hex;
                let claimed = claimed.map_or_else(|| "none".to_owned(), |root| hex(&root));
                return Err(PartsError::BalanceRoot { account, computed: hex(&root), claimed });
            }
        }
        let accounts: Vec<(AccountHeader, Fr)> = parts
            .accounts
            .values()
            .map(|leaf| {
                leaf.map_or((AccountHeader::default(), EMPTY_BALANCE[32]), |l| (l.header, l.balance_root))
            })
            .collect();
        let ids = parts.accounts.keys().map(|account| (TreeId::Accounts, *account));
        let leaves = ids.zip(leaf::account_leaf_hashes(&accounts)).collect();
        let top = raise(leaves, &mut given, &mut children);
        if let Some((tree, level, index)) = given.into_keys().next() {
            return Err(PartsError::Stray { tree, level, index });
        }
        let root = top.get(&(TreeId::Accounts, 0)).copied().ok_or(PartsError::Empty)?;
        let above = children.get(&(TreeId::Accounts, USED_SUBTREE_DEPTH as u8 + 1, 0));
        let used_subtree = above.ok_or(PartsError::Empty)?[0];
        Ok(Self { parts, children, roots: Roots { root, used_subtree } })
    }

    /// The root that follows.
    pub fn root(&self) -> Fr {
        self.roots.root
    }

    /// What it was made of.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Header of an account; `None` when its leaf is the default leaf, or its id outside the used subtree.
    ///
    /// # Errors
    /// When that account is not among the parts.
    pub fn account(&self, account: u32) -> Result<Option<AccountHeader>, SourceError> {
        if account >= ACCOUNTS {
            return Ok(None);
        }
        let leaf = self.parts.accounts.get(&account).ok_or_else(|| lacking(format!("account {account}")))?;
        Ok(leaf.map(|leaf| leaf.header))
    }

    /// Balance of an account in a token.
    ///
    /// # Errors
    /// When that balance is not among the parts.
    pub fn balance(&self, account: u32, token: u32) -> Result<u128, SourceError> {
        let balance = self.parts.balances.get(&(account, token)).copied();
        balance.ok_or_else(|| lacking(format!("the balance of account {account} in token {token}")))
    }

    /// All balances other than zero of an account in tokens `0..tokens`, ascending.
    ///
    /// # Errors
    /// When the parts do not show that these are all of them.
    pub fn balances(&self, account: u32, tokens: u32) -> Result<Vec<(u32, u128)>, SourceError> {
        let tree = TreeId::Balances(account);
        let known = self.children.contains_key(&(tree, ACCOUNT_TREE_DEPTH as u8, 0))
            || balance_root(&self.parts, account) == Some(EMPTY_BALANCE[32]);
        let mut beside = self.parts.nodes.range((tree, 0, 0)..=(tree, u8::MAX, u32::MAX));
        // Behind a node that is given as a hash may be any balance.
        let hidden =
            beside.any(|((_, level, index), _)| u64::from(*index) << u32::from(*level) < u64::from(tokens));
        if !known || hidden {
            return Err(lacking(format!("all balances of account {account}")));
        }
        let balances = self.parts.balances.range((account, 0)..(account, tokens));
        Ok(balances.filter(|(_, b)| **b != 0).map(|((_, token), b)| (*token, *b)).collect())
    }
}

fn balance_root(parts: &Parts, account: u32) -> Option<Fr> {
    let leaf = parts.accounts.get(&account)?;
    Some(leaf.map_or(EMPTY_BALANCE[32], |leaf| leaf.balance_root))
}

fn lacking(what: String) -> SourceError {
    SourceError(format!("{what} is not among the given leaves and paths"))
}

/// Hashes leaves up to their roots. Takes the nodes beside the paths out of `given`.
fn raise(
    leaves: BTreeMap<LeafId, Fr>,
    given: &mut BTreeMap<NodeId, Fr>,
    children: &mut HashMap<NodeId, [Fr; 2]>,
) -> BTreeMap<LeafId, Fr> {
    let mut level = leaves;
    for height in 0..ACCOUNT_TREE_DEPTH {
        let parents: BTreeSet<LeafId> = level.keys().map(|(tree, index)| (*tree, index >> 1)).collect();
        let mut child = |tree, index| {
            let beside = || given.remove(&(tree, height as u8, index));
            level.get(&(tree, index)).copied().or_else(beside).unwrap_or(empty(tree)[height])
        };
        let pairs: Vec<[Fr; 2]> = parents
            .iter()
            .map(|&(tree, index)| [child(tree, index << 1), child(tree, index << 1 | 1)])
            .collect();
        let hashes = compress_all(&pairs);
        for (&(tree, index), pair) in parents.iter().zip(&pairs) {
            children.insert((tree, height as u8 + 1, index), *pair);
        }
        level = parents.into_iter().zip(hashes).collect();
    }
    level
}

impl TreeSource for PartialTree {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, SourceError> {
        let number = |bytes: &[u8]| bytes.try_into().map(u32::from_be_bytes).unwrap_or(u32::MAX);
        let node = |tree: TreeId, level: u8, index: u32| {
            let pair = self.children.get(&(tree, level, index)).map(record::encode_pair);
            // Also where a child is empty and a whole tree would hold no record: see `first_in`.
            pair.map(Some).ok_or_else(|| lacking(format!("a node at level {level} of {tree:?}")))
        };
        match key {
            record::ROOTS => Ok(Some(record::encode_pair(&[self.roots.root, self.roots.used_subtree]))),
            [1, account @ ..] => {
                let account = number(account);
                let leaf = self.parts.accounts.get(&account);
                let leaf = leaf.ok_or_else(|| lacking(format!("account {account}")))?;
                Ok(leaf.as_ref().map(record::encode_account))
            }
            [2, a, b, c, d, token @ ..] => {
                let balance = self.balance(number(&[*a, *b, *c, *d]), number(token))?;
                Ok((balance != 0).then(|| balance.to_be_bytes().to_vec()))
            }
            [3, level, index @ ..] => node(TreeId::Accounts, *level, number(index)),
            [4, a, b, c, d, level, index @ ..] => {
                node(TreeId::Balances(number(&[*a, *b, *c, *d])), *level, number(index))
            }
            _ => Err(lacking("a record".to_owned())),
        }
    }

    /// Nothing: neighbours are looked for to hash what lies below a node without a record, and here every node on a path has one.
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
