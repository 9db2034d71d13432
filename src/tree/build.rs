//! A tree from nothing: the genesis state, by ascending account id.
//!
//! The account tree is built in *parts*: subtrees over 2^11 neighbouring ids. A part gives all of its records at once, and only its
//! root is kept, so memory does not grow with the number of accounts, and what is above the parts is hashed last
//! ([`TreeBuilder::finish`]). The root of a part comes back out of its records ([`TreeBuilder::resume`]), so a build
//! that was interrupted goes on after the parts it has stored, and hashes next to nothing again.
//!
//! # Cost
//!
//! An account with one balance: 1 permutation for the balance leaf, 32 for its tree, 3 for the account leaf, 1 for the account tree.
//! Equal sets of balances are hashed once as long as the builder remembers them; such an account costs 4.

use std::collections::HashMap;
use std::sync::Arc;

use super::account_tree::TreeError;
use super::leaf::{self, AccountHeader, EMPTY_ACCOUNT, EMPTY_BALANCE};
use super::levels;
use super::record::{self, AccountLeaf, TreeId};
use super::source::{Entry, TreeSource};
use super::{ACCOUNT_TREE_DEPTH, BALANCE_TREE_DEPTH, USED_SUBTREE_DEPTH};
use crate::crypto::Fr;

/// An account to start with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialAccount {
    /// Account id.
    pub id: u32,
    /// Nonce, key hash and address.
    pub header: AccountHeader,
    /// Balances by token, ascending; zero ones may be present.
    pub balances: Vec<(u32, u128)>,
}

/// Records of a stored tree, see [`record`].
pub type Records = Vec<Entry>;

/// Level of the roots of parts.
const PART_LEVEL: usize = 11;
/// Records of balance trees that are remembered at most; some 200 bytes each.
const REMEMBERED: usize = 1 << 17;

/// What is left of a build once every account was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The records above the parts.
    pub records: Records,
    /// The record without which there is no tree: to be stored last.
    pub roots: Entry,
    /// Root of the account tree.
    pub root: Fr,
}

/// See the module.
pub struct TreeBuilder {
    part_level: usize,
    /// Index and root of each part that holds an account.
    parts: Vec<(u32, Fr)>,
    /// No account below this id is added any more.
    next: u32,
    remembered: Remembered,
    hashed_sets: u64,
}

/// Balances other than zero by token, ascending.
type Balances = Vec<(u32, u128)>;

/// A balance tree: its root, and level, index and record of each branch.
struct BalanceTree {
    root: Fr,
    branches: Vec<(usize, u32, Vec<u8>)>,
}

/// Trees of sets that were met before.
#[derive(Default)]
struct Remembered {
    trees: HashMap<Balances, Arc<BalanceTree>>,
    /// Balances and branches in `trees`, and one for each tree.
    records: usize,
}

impl Remembered {
    fn get(&self, set: &Balances) -> Option<&Arc<BalanceTree>> {
        self.trees.get(set)
    }

    /// Forgets everything when it is full: what still matters is soon met again.
    fn insert(&mut self, set: Balances, tree: Arc<BalanceTree>) {
        let size = 1 + set.len() + tree.branches.len();
        if self.records + size > REMEMBERED {
            *self = Self::default();
        }
        if size <= REMEMBERED {
            self.records += size;
            self.trees.insert(set, tree);
        }
    }
}

/// A node of one of several trees.
struct Node {
    tree: u32,
    index: u32,
    hash: Fr,
}

impl Default for TreeBuilder {
    fn default() -> Self {
        Self::with_part_level(PART_LEVEL)
    }
}

impl TreeBuilder {
    /// A builder whose parts are subtrees of that height, at most 24; tests use small ones.
    pub fn with_part_level(part_level: usize) -> Self {
        Self {
            part_level: part_level.min(USED_SUBTREE_DEPTH),
            parts: Vec::new(),
            next: 0,
            remembered: Remembered::default(),
            hashed_sets: 0,
        }
    }

    /// Goes on with a build whose records of accounts with ids below `done`, as [`Self::done`] gave it, are in `source`.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn resume(mut self, source: &dyn TreeSource, done: u32) -> Result<Self, TreeError> {
        let nodes: Vec<_> =
            (0..done >> self.part_level).map(|index| (TreeId::Accounts, self.part_level, index)).collect();
        let hashes = levels::subtree_hashes(source, &nodes)?;
        self.parts = hashes.into_iter().map(|((_, _, index), hash)| (index, hash)).collect();
        self.parts.sort_unstable_by_key(|(index, _)| *index);
        self.next = done;
        Ok(self)
    }

    /// How many of the given ids, ascending, make up whole parts of at least `least` accounts; all if there are not so many.
    pub fn whole_parts(&self, ids: impl IntoIterator<Item = u32>, least: usize) -> usize {
        let (mut count, mut part) = (0, 0);
        for id in ids {
            if count >= least.max(1) && id >> self.part_level != part {
                break;
            }
            part = id >> self.part_level;
            count += 1;
        }
        count
    }

    /// All accounts with ids below this are added.
    pub fn done(&self) -> u32 {
        self.next
    }

    /// Ids a part covers: [`Self::done`] is a multiple of it.
    pub fn part_size(&self) -> u32 {
        1 << self.part_level
    }

    /// Sets of balances that were hashed; accounts with a set that was remembered are not counted.
    pub fn hashed_sets(&self) -> u64 {
        self.hashed_sets
    }

    /// Hashes the next accounts, whole parts of them, and gives their records by ascending key.
    ///
    /// # Errors
    /// [`TreeError::Order`] when they do not come by ascending id or one belongs to a part that was added before.
    pub fn add(&mut self, accounts: &[InitialAccount]) -> Result<Records, TreeError> {
        for account in accounts {
            if account.id < self.next || account.id >> USED_SUBTREE_DEPTH != 0 {
                return Err(TreeError::Order { account: account.id });
            }
            self.next = account.id + 1;
        }
        self.next = self.next.next_multiple_of(self.part_size());

        let sets: Vec<Balances> = accounts
            .iter()
            .map(|account| account.balances.iter().copied().filter(|(_, balance)| *balance != 0).collect())
            .collect();
        let trees = self.balance_trees(&sets);
        let mut records = Records::new();
        let (mut ids, mut leaves) = (Vec::new(), Vec::new());
        for ((account, set), tree) in accounts.iter().zip(&sets).zip(&trees) {
            let (id, header) = (account.id, account.header);
            if header == AccountHeader::default() && set.is_empty() {
                continue;
            }
            ids.push(id);
            leaves.push((header, tree.root));
            let stored = AccountLeaf { header, balance_root: tree.root };
            records.push((record::account_key(id), record::encode_account(&stored)));
            for &(token, balance) in set {
                records.push((record::balance_key(id, token), balance.to_be_bytes().to_vec()));
            }
            for (level, index, value) in &tree.branches {
                records.push((record::branch_key(TreeId::Balances(id), *level, *index), value.clone()));
            }
        }
        let hashes = leaf::account_leaf_hashes(&leaves);
        let node = |(index, hash)| Node { tree: 0, index, hash };
        let mut nodes: Vec<Node> = ids.into_iter().zip(hashes).map(node).collect();
        for height in 0..self.part_level {
            nodes = raise_accounts(&nodes, height, &mut records);
        }
        self.parts.extend(nodes.into_iter().map(|node| (node.index, node.hash)));
        records.sort_unstable();
        Ok(records)
    }

    /// Adds all accounts, whole parts of at least `least` at a time, and gives away the records of each addition.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn add_all(
        &mut self,
        accounts: &[InitialAccount],
        least: usize,
        mut take: impl FnMut(Records),
    ) -> Result<(), TreeError> {
        let mut rest = accounts;
        while !rest.is_empty() {
            let (parts, after) =
                rest.split_at(self.whole_parts(rest.iter().map(|account| account.id), least));
            take(self.add(parts)?);
            rest = after;
        }
        Ok(())
    }

    /// Hashes what is above the parts.
    pub fn finish(self) -> Finished {
        let mut records = Records::new();
        let mut used_subtree = EMPTY_ACCOUNT[USED_SUBTREE_DEPTH];
        let mut nodes: Vec<Node> =
            self.parts.into_iter().map(|(index, hash)| Node { tree: 0, index, hash }).collect();
        for height in self.part_level..ACCOUNT_TREE_DEPTH {
            if height == USED_SUBTREE_DEPTH {
                used_subtree = nodes.first().map_or(used_subtree, |node| node.hash);
            }
            nodes = raise_accounts(&nodes, height, &mut records);
        }
        let root = nodes.first().map_or(EMPTY_ACCOUNT[ACCOUNT_TREE_DEPTH], |node| node.hash);
        records.sort_unstable();
        let roots = (record::ROOTS.to_vec(), record::encode_pair(&[root, used_subtree]));
        Finished { records, roots, root }
    }

    /// The tree of each set: a remembered one, or hashed together with all that are new.
    fn balance_trees(&mut self, sets: &[Balances]) -> Vec<Arc<BalanceTree>> {
        let mut fresh: Vec<&Balances> = Vec::new();
        let mut slots: HashMap<&Balances, usize> = HashMap::new();
        for set in sets {
            if self.remembered.get(set).is_none() {
                slots.entry(set).or_insert_with(|| {
                    fresh.push(set);
                    fresh.len() - 1
                });
            }
        }
        let hashed: Vec<Arc<BalanceTree>> = hash_sets(&fresh).into_iter().map(Arc::new).collect();
        let tree = |set: &Balances| slots.get(set).map(|slot| &hashed[*slot]).or(self.remembered.get(set));
        let trees = sets.iter().filter_map(|set| tree(set).cloned()).collect();
        self.hashed_sets += fresh.len() as u64;
        for (set, tree) in fresh.into_iter().zip(hashed) {
            self.remembered.insert(set.clone(), tree);
        }
        trees
    }
}

/// Hashes the balance trees of these sets.
fn hash_sets(sets: &[&Balances]) -> Vec<BalanceTree> {
    let empty = || BalanceTree { root: EMPTY_BALANCE[BALANCE_TREE_DEPTH], branches: Vec::new() };
    let mut trees: Vec<BalanceTree> = sets.iter().map(|_| empty()).collect();
    let balances =
        sets.iter().zip(0..).flat_map(|(set, tree)| set.iter().map(move |balance| (tree, *balance)));
    let balances: Vec<(u32, (u32, u128))> = balances.collect();
    let values: Vec<u128> = balances.iter().map(|(_, (_, balance))| *balance).collect();
    let hashes = leaf::balance_leaf_hashes(&values);
    let node = |((tree, (index, _)), hash)| Node { tree, index, hash };
    let mut nodes: Vec<Node> = balances.into_iter().zip(hashes).map(node).collect();
    for height in 0..BALANCE_TREE_DEPTH {
        nodes = raise(&nodes, &EMPTY_BALANCE[height], |tree, index, children| {
            trees[tree as usize].branches.push((height + 1, index, record::encode_pair(children)));
        });
    }
    for node in nodes {
        trees[node.tree as usize].root = node.hash;
    }
    trees
}

/// The next level of the account tree, its branches added to `records`.
fn raise_accounts(nodes: &[Node], height: usize, records: &mut Records) -> Vec<Node> {
    raise(nodes, &EMPTY_ACCOUNT[height], |_, index, children| {
        records
            .push((record::branch_key(TreeId::Accounts, height + 1, index), record::encode_pair(children)));
    })
}

/// The parents of nodes that are sorted by tree and index; `branch` is told of each that has two children.
fn raise(nodes: &[Node], nothing: &Fr, mut branch: impl FnMut(u32, u32, &[Fr; 2])) -> Vec<Node> {
    let mut parents = Vec::with_capacity(nodes.len());
    let mut pairs = Vec::with_capacity(nodes.len());
    let mut rest = nodes.iter().peekable();
    while let Some(&Node { tree, index, hash }) = rest.next() {
        let parent = (tree, index >> 1);
        let right = rest.next_if(|next| (next.tree, next.index >> 1) == parent);
        pairs.push(match right {
            Some(right) => [hash, right.hash],
            None if index & 1 == 0 => [hash, *nothing],
            None => [*nothing, hash],
        });
        if let (Some(_), Some(children)) = (right, pairs.last()) {
            branch(tree, index >> 1, children);
        }
        parents.push(parent);
    }
    let hashes = levels::compress_all(&pairs);
    parents.into_iter().zip(hashes).map(|((tree, index), hash)| Node { tree, index, hash }).collect()
}

#[cfg(test)]
mod tests;
