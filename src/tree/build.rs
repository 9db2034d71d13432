//! Builds a tree from accounts by ascending id: the tree of a genesis.
//!
//! The account tree is built in *parts*: subtrees over 2^11 neighbouring ids. A part returns all of
//! its records at once and only its root is kept, so memory does not grow with the number of
//! accounts. The nodes above the parts are hashed last ([`TreeBuilder::finish`]). The root of a
//! part follows from a few of its records (`TreeBuilder::resume`), so an interrupted build
//! continues after the parts that are stored, and hashes almost nothing twice.
//!
//! # Cost
//!
//! An account with one balance takes 1 permutation for the balance leaf, 32 for the balance tree, 3
//! for the account leaf and 1 for the account tree. Equal sets of balances are hashed once while
//! the builder remembers them; an account with a remembered set takes 4 permutations.

use std::collections::HashMap;
use std::sync::Arc;

use super::batch::compress_all;
use super::error::TreeError;
use super::leaf::{self, AccountHeader, AccountLeaf, EMPTY_ACCOUNT, EMPTY_BALANCE};
use super::record::{self, Roots};
use super::shape::{DEPTH, TreeId, USED_SUBTREE_DEPTH};
use super::source::{Entry, TreeSource};
use super::subtree;
use crate::crypto::Fr;

/// An account of a new tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialAccount {
    /// Account id.
    pub id: u32,
    /// Nonce, key hash and address.
    pub header: AccountHeader,
    /// Balances by ascending token. Balances of zero are ignored.
    pub balances: Vec<(u32, u128)>,
}

/// Records of a stored tree: keys and values of [`record`].
pub(crate) type Records = Vec<Entry>;

/// Level of the roots of parts.
const PART_LEVEL: usize = 11;
/// Maximum number of records of remembered balance trees, of about 200 bytes each.
const REMEMBERED: usize = 1 << 17;

/// The last records of a build, and the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The records above the parts.
    pub records: Records,
    /// The record of the roots. A tree without it is not a tree, so it is stored last.
    pub roots: Entry,
    /// Root of the account tree.
    pub root: Fr,
}

/// A build in progress.
pub struct TreeBuilder {
    part_level: usize,
    /// Index and root of each part that holds an account.
    parts: Vec<(u32, Fr)>,
    /// All accounts below this id are added.
    next: u32,
    remembered: Remembered,
    hashed_sets: u64,
}

/// Balances other than zero by token, ascending.
type Balances = Vec<(u32, u128)>;

struct BalanceTree {
    root: Fr,
    /// Level, index and record of each junction.
    junctions: Vec<(usize, u32, Vec<u8>)>,
}

/// The balance trees of recent sets of balances.
#[derive(Default)]
struct Remembered {
    trees: HashMap<Balances, Arc<BalanceTree>>,
    /// Number of balances and junctions in `trees`, plus one for each tree.
    records: usize,
}

impl Remembered {
    fn get(&self, set: &Balances) -> Option<&Arc<BalanceTree>> {
        self.trees.get(set)
    }

    /// Adds a tree. If there is no room for it, all other trees are removed first: those of
    /// frequent sets are soon added again.
    fn insert(&mut self, set: Balances, tree: Arc<BalanceTree>) {
        let size = 1 + set.len() + tree.junctions.len();
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
    /// Creates a builder whose parts are subtrees of the given height, at most 24.
    fn with_part_level(part_level: usize) -> Self {
        Self {
            part_level: part_level.min(USED_SUBTREE_DEPTH),
            parts: Vec::new(),
            next: 0,
            remembered: Remembered::default(),
            hashed_sets: 0,
        }
    }

    /// Continues an interrupted build. `source` holds the records of all accounts with ids below
    /// `done`, which is a value that [`Self::done`] returned.
    pub(crate) fn resume(mut self, source: &dyn TreeSource, done: u32) -> Result<Self, TreeError> {
        let nodes: Vec<_> =
            (0..done >> self.part_level).map(|index| (TreeId::Accounts, self.part_level, index)).collect();
        let hashes = subtree::hashes(source, &nodes)?;
        self.parts = hashes.into_iter().map(|((_, _, index), hash)| (index, hash)).collect();
        self.parts.sort_unstable_by_key(|(index, _)| *index);
        self.next = done;
        Ok(self)
    }

    /// Returns how many of the given ascending ids make up whole parts of at least `least`
    /// accounts, or the number of all ids if there are fewer.
    pub(crate) fn whole_parts(&self, ids: impl IntoIterator<Item = u32>, least: usize) -> usize {
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

    /// Returns the id below which all accounts are added.
    pub(crate) fn done(&self) -> u32 {
        self.next
    }

    /// Returns the number of ids in a part. [`Self::done`] is a multiple of it.
    pub(crate) fn part_size(&self) -> u32 {
        1 << self.part_level
    }

    /// Returns the number of sets of balances that were hashed. Remembered sets are not counted.
    pub(crate) fn hashed_sets(&self) -> u64 {
        self.hashed_sets
    }

    /// Hashes the next accounts, which are whole parts, and returns their records by ascending key.
    ///
    /// # Errors
    /// [`TreeError::Order`] if the ids do not ascend or one is in a part that was added before.
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
            let leaf = AccountLeaf { header, balance_root: tree.root };
            ids.push(id);
            leaves.push(leaf);
            records.push((record::account_key(id), record::encode_account(&leaf)));
            for &(token, balance) in set {
                records.push((record::balance_key(id, token), balance.to_be_bytes().to_vec()));
            }
            for (level, index, value) in &tree.junctions {
                records.push((record::junction_key(TreeId::Balances(id), *level, *index), value.clone()));
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

    /// Adds all accounts, in whole parts of at least `least` accounts at a time, and passes the
    /// records of each addition to `take`.
    ///
    /// # Errors
    /// [`TreeError::Order`] if the ids do not ascend or one is in a part that was added before.
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

    /// Hashes the nodes above the parts.
    pub fn finish(self) -> Finished {
        let mut records = Records::new();
        let mut used_subtree = EMPTY_ACCOUNT[USED_SUBTREE_DEPTH];
        let mut nodes: Vec<Node> =
            self.parts.into_iter().map(|(index, hash)| Node { tree: 0, index, hash }).collect();
        for height in self.part_level..DEPTH {
            if height == USED_SUBTREE_DEPTH {
                used_subtree = nodes.first().map_or(used_subtree, |node| node.hash);
            }
            nodes = raise_accounts(&nodes, height, &mut records);
        }
        let root = nodes.first().map_or(EMPTY_ACCOUNT[DEPTH], |node| node.hash);
        records.sort_unstable();
        let roots = (record::ROOTS.to_vec(), Roots { root, used_subtree }.encode());
        Finished { records, roots, root }
    }

    /// Returns the tree of each set. All sets that are not remembered are hashed together.
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

/// Hashes the balance trees of sets of balances.
fn hash_sets(sets: &[&Balances]) -> Vec<BalanceTree> {
    let empty = || BalanceTree { root: EMPTY_BALANCE[DEPTH], junctions: Vec::new() };
    let mut trees: Vec<BalanceTree> = sets.iter().map(|_| empty()).collect();
    let balances =
        sets.iter().zip(0..).flat_map(|(set, tree)| set.iter().map(move |balance| (tree, *balance)));
    let balances: Vec<(u32, (u32, u128))> = balances.collect();
    let values: Vec<u128> = balances.iter().map(|(_, (_, balance))| *balance).collect();
    let hashes = leaf::balance_leaf_hashes(&values);
    let node = |((tree, (index, _)), hash)| Node { tree, index, hash };
    let mut nodes: Vec<Node> = balances.into_iter().zip(hashes).map(node).collect();
    for height in 0..DEPTH {
        nodes = raise(&nodes, &EMPTY_BALANCE[height], |tree, index, children| {
            trees[tree as usize].junctions.push((height + 1, index, record::encode_pair(children)));
        });
    }
    for node in nodes {
        trees[node.tree as usize].root = node.hash;
    }
    trees
}

/// Returns the next level of the account tree, and adds its junctions to `records`.
fn raise_accounts(nodes: &[Node], height: usize, records: &mut Records) -> Vec<Node> {
    raise(nodes, &EMPTY_ACCOUNT[height], |_, index, children| {
        records
            .push((record::junction_key(TreeId::Accounts, height + 1, index), record::encode_pair(children)));
    })
}

/// Returns the parents of nodes that are sorted by tree and index. Calls `junction` with tree,
/// index and children of each parent of two nodes. `empty` is the hash of an empty subtree of this
/// level.
fn raise(nodes: &[Node], empty: &Fr, mut junction: impl FnMut(u32, u32, &[Fr; 2])) -> Vec<Node> {
    let mut parents = Vec::with_capacity(nodes.len());
    let mut pairs = Vec::with_capacity(nodes.len());
    let mut rest = nodes.iter().peekable();
    while let Some(&Node { tree, index, hash }) = rest.next() {
        let parent = (tree, index >> 1);
        let right = rest.next_if(|next| (next.tree, next.index >> 1) == parent);
        pairs.push(match right {
            Some(right) => [hash, right.hash],
            None if index & 1 == 0 => [hash, *empty],
            None => [*empty, hash],
        });
        if let (Some(_), Some(children)) = (right, pairs.last()) {
            junction(tree, index >> 1, children);
        }
        parents.push(parent);
    }
    let hashes = compress_all(&pairs);
    parents.into_iter().zip(hashes).map(|((tree, index), hash)| Node { tree, index, hash }).collect()
}

#[cfg(test)]
mod tests;
