//! The level-by-level engine: every version of every touched node of many trees, one batch of hashes a level.

use std::collections::HashMap;

use rayon::prelude::*;

use super::account_tree::Version;
use super::leaf::{self, EMPTY_ACCOUNT, EMPTY_BALANCE};
use super::record::{self, TreeId};
use super::source::{Change, SourceError, TreeSource};
use crate::crypto::{Fr, rescue};

/// Depth of both kinds of tree.
const DEPTH: usize = 32;

/// The values a leaf takes: from each version on, until the next. Ascending and never empty.
pub type History = Vec<(Version, Fr)>;

/// A leaf of one of the trees.
pub type LeafId = (TreeId, u32);

/// Hashes pairs of children, over all cores.
pub fn compress_all(pairs: &[[Fr; 2]]) -> Vec<Fr> {
    in_parallel(pairs, rescue::compress_batch)
}

/// Applies a batch function to slices of `items`, over all cores; a short batch stays on this thread.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], batch: impl Fn(&[T]) -> Vec<R> + Sync) -> Vec<R> {
    /// States that fill every lane of the widest engine a few times over.
    const LANES: usize = 32;
    let share = items.len().div_ceil(rayon::current_num_threads()).next_multiple_of(8);
    if share >= items.len() {
        return batch(items);
    }
    // Full registers matter more than even shares; long batches are cut finer so that no core waits long for another.
    let slice = if share >= 4 * LANES { share.div_ceil(4).next_multiple_of(LANES) } else { share };
    let parts: Vec<Vec<R>> = items.par_chunks(slice).map(&batch).collect();
    parts.into_iter().flatten().collect()
}

/// Hashes of the empty subtrees of a tree, by height.
pub fn empty(tree: TreeId) -> &'static [Fr; DEPTH + 1] {
    match tree {
        TreeId::Accounts => &EMPTY_ACCOUNT,
        TreeId::Balances(_) => &EMPTY_BALANCE,
    }
}

/// A node that takes new values, at some level.
struct Node {
    tree: TreeId,
    index: u32,
    history: History,
}

/// The children of a node on the way to a touched or read leaf, as they were before the first version.
struct Base {
    tree: TreeId,
    index: u32,
    children: [Fr; 2],
    /// Where the bases of the next level hold the parent.
    parent: usize,
    /// Where the level below holds the children that take new values.
    changing: [Option<usize>; 2],
}

/// All versions of the touched nodes of some trees, and what surrounds them.
pub struct Forest {
    /// By level, 0 = leaves; each sorted by tree and index.
    levels: Vec<Vec<Node>>,
    /// By level of the parent, 1..=32 (entry 0 is empty); sorted likewise.
    bases: Vec<Vec<Base>>,
}

impl Forest {
    /// Computes every version of every node above `leaves`; `read` names further leaves whose paths will be asked for.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn hash(
        source: &dyn TreeSource,
        read: &[LeafId],
        leaves: Vec<(LeafId, History)>,
    ) -> Result<Self, SourceError> {
        let mut level: Vec<Node> =
            leaves.into_iter().map(|((tree, index), history)| Node { tree, index, history }).collect();
        level.sort_unstable_by_key(|node| (node.tree, node.index));
        let mut on_the_way: Vec<LeafId> = read.to_vec();
        on_the_way.extend(level.iter().map(|node| (node.tree, node.index)));
        on_the_way.sort_unstable();
        on_the_way.dedup();
        let mut bases = read_bases(source, &on_the_way)?;

        let mut levels = Vec::with_capacity(DEPTH + 1);
        for height in 0..DEPTH {
            let parents = raise(&level, &bases[height + 1]);
            levels.push(level);
            level = parents;
        }
        levels.push(level);
        link(&mut bases, &levels);
        Ok(Self { levels, bases })
    }

    /// The value of a node in a version. For the root before its first change, or a node that is neither on the way to a named
    /// leaf nor next to it, the answer is that of an empty subtree.
    pub fn at(&self, tree: TreeId, level: usize, index: u32, version: Version) -> Fr {
        let node = find(&self.levels[level], (tree, index), |node| (node.tree, node.index));
        node.and_then(|node| value_at(&node.history, version)).unwrap_or_else(|| {
            let parent = self.bases.get(level + 1).and_then(|bases| base_of(bases, tree, index >> 1));
            parent.map_or(empty(tree)[level], |base| base.children[(index & 1) as usize])
        })
    }

    /// The siblings of a leaf in a version, bottom-up. The leaf must be one of those named to [`Forest::hash`].
    pub fn path(&self, tree: TreeId, leaf: u32, version: Version) -> [Fr; DEPTH] {
        let key = (tree, leaf >> 1);
        let mut place = self.bases[1].binary_search_by_key(&key, |base| (base.tree, base.index)).ok();
        std::array::from_fn(|level| {
            let base = place.and_then(|place| self.bases[level + 1].get(place));
            let Some(base) = base else { return empty(tree)[level] };
            place = Some(base.parent);
            let side = (leaf >> level & 1 ^ 1) as usize;
            let node = base.changing[side].and_then(|at| self.levels[level].get(at));
            node.and_then(|node| value_at(&node.history, version)).unwrap_or(base.children[side])
        })
    }

    /// All values the root of a tree takes.
    pub fn roots(&self, tree: TreeId) -> &[(Version, Fr)] {
        find(&self.levels[DEPTH], (tree, 0), |node| (node.tree, node.index)).map_or(&[], |node| &node.history)
    }

    /// What the versions after `from` and up to `to` change in the stored nodes.
    pub fn changes(&self, from: Version, to: Version) -> Vec<Change> {
        let mut changes = Vec::new();
        for (height, parents) in self.levels.iter().enumerate().skip(1) {
            for Node { tree, index, history } in parents {
                let touched = history.partition_point(|(version, _)| *version <= from);
                if history.get(touched).is_none_or(|(version, _)| *version > to) {
                    continue;
                }
                let record = |version| {
                    let children =
                        [0, 1].map(|side| self.at(*tree, height - 1, child(*index, side), version));
                    let both = !children.contains(&empty(*tree)[height - 1]);
                    both.then(|| record::encode_pair(&children))
                };
                let (old, new) = (record(from), record(to));
                if old != new {
                    changes.push(Change { key: record::branch_key(*tree, height, *index), old, new });
                }
            }
        }
        changes
    }
}

/// Index of the left (0) or right (1) child.
fn child(parent: u32, side: u32) -> u32 {
    parent << 1 | side
}

fn find<T, K: Ord>(sorted: &[T], key: K, of: impl Fn(&T) -> K) -> Option<&T> {
    sorted.binary_search_by(|item| of(item).cmp(&key)).ok().map(|at| &sorted[at])
}

fn base_of(bases: &[Base], tree: TreeId, index: u32) -> Option<&Base> {
    find(bases, (tree, index), |base| (base.tree, base.index))
}

/// The value that holds at a version, if the first change is not later.
fn value_at(history: &[(Version, Fr)], version: Version) -> Option<Fr> {
    let after = history.partition_point(|(from, _)| *from <= version);
    after.checked_sub(1).map(|last| history[last].1)
}

/// The next level up: a parent changes whenever one of its children does.
fn raise(children: &[Node], bases: &[Base]) -> Vec<Node> {
    let mut parents: Vec<Node> = Vec::with_capacity(children.len());
    let mut pairs = Vec::with_capacity(children.len());
    let mut rest = children;
    while let Some(first) = rest.first() {
        let (tree, index) = (first.tree, first.index >> 1);
        let both = rest.get(1).is_some_and(|second| (second.tree, second.index >> 1) == (tree, index));
        let (own, others) = rest.split_at(if both { 2 } else { 1 });
        rest = others;
        // The bases cover every node on the way to a leaf of this level.
        let Some(base) = base_of(bases, tree, index) else { continue };
        let mut versions: Vec<Version> =
            own.iter().flat_map(|node| node.history.iter().map(|(version, _)| *version)).collect();
        versions.sort_unstable();
        versions.dedup();
        for &version in &versions {
            pairs.push([0, 1].map(|side| {
                let node = own.iter().find(|node| node.index & 1 == side);
                node.and_then(|node| value_at(&node.history, version)).unwrap_or(base.children[side as usize])
            }));
        }
        // The hashes follow when the whole level is there.
        let history = versions.into_iter().map(|version| (version, base.children[0])).collect();
        parents.push(Node { tree, index, history });
    }
    let hashes = compress_all(&pairs);
    let slots = parents.iter_mut().flat_map(|node| node.history.iter_mut());
    for ((_, value), hash) in slots.zip(hashes) {
        *value = hash;
    }
    parents
}

/// Reads the children of every node above the given leaves.
fn read_bases(source: &dyn TreeSource, leaves: &[LeafId]) -> Result<Vec<Vec<Base>>, SourceError> {
    let lifted = lift(source, leaves)?;
    let mut bases = vec![Vec::new()];
    let mut nodes = leaves.to_vec();
    for height in 1..=DEPTH {
        for (_, index) in &mut nodes {
            *index >>= 1;
        }
        nodes.dedup();
        let read = |&(tree, index): &LeafId| -> Result<Base, SourceError> {
            let stored = source.get(&record::branch_key(tree, height, index))?;
            let children = match &stored {
                Some(bytes) => record::decode_pair(bytes)?,
                None => [0, 1].map(|side| {
                    let key = (tree, height - 1, child(index, side));
                    lifted.get(&key).copied().unwrap_or(empty(tree)[height - 1])
                }),
            };
            Ok(Base { tree, index, children, parent: 0, changing: [None; 2] })
        };
        bases.push(nodes.par_iter().with_min_len(64).map(read).collect::<Result<_, _>>()?);
    }
    Ok(bases)
}

/// Tells each base where its neighbours above and below are: a path is then read step by step, without a search at each level.
fn link(bases: &mut [Vec<Base>], levels: &[Vec<Node>]) {
    for (height, nodes) in levels.iter().enumerate().take(DEPTH) {
        let (own, above) = bases.split_at_mut(height + 2);
        let (own, above) = (own.last_mut().into_iter().flatten(), above.first());
        let (mut parent, mut node) = (0, 0);
        // All of them are sorted by tree and index.
        for base in own {
            let key = (base.tree, base.index >> 1);
            let before = |above: &Base| (above.tree, above.index) < key;
            while above.and_then(|above| above.get(parent)).is_some_and(before) {
                parent += 1;
            }
            base.parent = parent;
            for side in [0, 1] {
                let key = (base.tree, child(base.index, side));
                if nodes.get(node).is_some_and(|node| (node.tree, node.index) == key) {
                    base.changing[side as usize] = Some(node);
                    node += 1;
                }
            }
        }
    }
}

/// A node inside a chain of single children, whose hash is not stored.
struct Lift {
    tree: TreeId,
    /// Where the chain is cut: the node whose hash is wanted.
    level: usize,
    /// Some leaf below it.
    leaf: u32,
    /// Where the chain ends: a leaf or a node with two children.
    reached: usize,
    hash: Fr,
}

/// For each leaf that is not there: the hash of the subtree it would split off from, where that is no stored one.
fn lift(
    source: &dyn TreeSource,
    leaves: &[LeafId],
) -> Result<HashMap<(TreeId, usize, u32), Fr>, SourceError> {
    let mut cuts = Vec::new();
    for &(tree, leaf) in leaves {
        if source.get(&record::leaf_key(tree, leaf))?.is_none() {
            cuts.extend(neighbour(source, tree, leaf)?);
        }
    }
    cuts.sort_unstable();
    cuts.dedup();
    subtree_hashes(source, &cuts)
}

/// Hashes of nodes (tree, level below 32, index) from the records below them; one that covers no leaf is left out.
///
/// # Errors
/// When the source cannot be read.
pub fn subtree_hashes(
    source: &dyn TreeSource,
    nodes: &[(TreeId, usize, u32)],
) -> Result<HashMap<(TreeId, usize, u32), Fr>, SourceError> {
    let mut lifts = start(source, nodes)?;
    for height in 0..DEPTH {
        let mut rising: Vec<&mut Lift> =
            lifts.iter_mut().filter(|lift| lift.reached == height && lift.level > height).collect();
        let pairs: Vec<[Fr; 2]> = rising
            .iter()
            .map(|lift| {
                let nothing = empty(lift.tree)[height];
                if lift.leaf >> height & 1 == 0 { [lift.hash, nothing] } else { [nothing, lift.hash] }
            })
            .collect();
        for (lift, hash) in rising.iter_mut().zip(compress_all(&pairs)) {
            lift.hash = hash;
            lift.reached += 1;
        }
    }
    Ok(lifts.into_iter().map(|lift| ((lift.tree, lift.level, lift.leaf >> lift.level), lift.hash)).collect())
}

/// The largest non-empty subtree that a new leaf would become the sibling of; none in an empty tree.
fn neighbour(
    source: &dyn TreeSource,
    tree: TreeId,
    leaf: u32,
) -> Result<Option<(TreeId, usize, u32)>, SourceError> {
    let (from, to) = record::leaf_range(tree, DEPTH, 0);
    let here = record::leaf_key(tree, leaf);
    let before = source.last_in(&from, &here)?;
    let after = source.first_in(&here, &to)?;
    let mut nearest: Option<usize> = None;
    for (key, _) in before.into_iter().chain(after) {
        let level = (record::leaf_index(&key)? ^ leaf).ilog2() as usize;
        nearest = Some(nearest.map_or(level, |least| least.min(level)));
    }
    Ok(nearest.map(|level| (tree, level, (leaf >> level) ^ 1)))
}

/// The hashes at the lower ends of chains.
fn start(source: &dyn TreeSource, cuts: &[(TreeId, usize, u32)]) -> Result<Vec<Lift>, SourceError> {
    let mut lifts = Vec::with_capacity(cuts.len());
    let mut branches = Vec::new();
    let mut accounts = Vec::new();
    let mut balances = Vec::new();
    for &(tree, level, index) in cuts {
        let (from, to) = record::leaf_range(tree, level, index);
        let (Some((first, value)), Some((last, _))) =
            (source.first_in(&from, &to)?, source.last_in(&from, &to)?)
        else {
            continue;
        };
        let (leaf, last) = (record::leaf_index(&first)?, record::leaf_index(&last)?);
        let reached = (leaf ^ last).checked_ilog2().map_or(0, |bit| bit as usize + 1);
        let slot = lifts.len();
        lifts.push(Lift { tree, level, leaf, reached, hash: empty(tree)[0] });
        if reached > 0 {
            let key = record::branch_key(
                tree,
                reached,
                u64::from(leaf).checked_shr(reached as u32).unwrap_or(0) as u32,
            );
            let bytes = source.get(&key)?.ok_or_else(|| missing(tree, reached))?;
            branches.push((slot, record::decode_pair(&bytes)?));
        } else if tree == TreeId::Accounts {
            let leaf = record::decode_account(&value)?;
            accounts.push((slot, (leaf.header, leaf.balance_root)));
        } else {
            balances.push((slot, record::decode_balance(&value)?));
        }
    }
    fn fill<T: Copy>(lifts: &mut [Lift], items: &[(usize, T)], hash: impl Fn(&[T]) -> Vec<Fr>) {
        let values: Vec<T> = items.iter().map(|(_, value)| *value).collect();
        for ((slot, _), hash) in items.iter().zip(hash(&values)) {
            lifts[*slot].hash = hash;
        }
    }
    fill(&mut lifts, &branches, compress_all);
    fill(&mut lifts, &accounts, leaf::account_leaf_hashes);
    fill(&mut lifts, &balances, leaf::balance_leaf_hashes);
    Ok(lifts)
}

fn missing(tree: TreeId, level: usize) -> SourceError {
    SourceError(format!(
        "the account tree lacks a node of {tree:?} at level {level}; restore a copy of the data folder, or import the chain into a new one"
    ))
}
