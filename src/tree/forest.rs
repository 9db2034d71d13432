//! Every version of every touched node of several trees, hashed level by level: one batch for each
//! level of all trees and versions.

use rayon::prelude::*;

use super::batch::compress_all;
use super::history::{History, distinct, value_at};
use super::leaf::empty;
use super::record;
use super::shape::{DEPTH, LeafId, TreeId, Version};
use super::source::{Change, SourceError, TreeSource};
use super::subtree;
use crate::crypto::Fr;

/// A touched node of some level, with its new values.
struct Node {
    tree: TreeId,
    index: u32,
    history: History<Fr>,
}

/// A node on the path of a touched or read leaf, with its children in version 0.
struct Base {
    tree: TreeId,
    index: u32,
    children: [Fr; 2],
    /// Position of the parent among the bases of the next level.
    parent: usize,
    /// Positions of the touched children among the nodes of the level below.
    touched: [Option<usize>; 2],
}

/// All versions of the touched nodes of several trees, and the nodes next to them.
pub(super) struct Forest {
    /// Touched nodes by level, 0 = leaves; each level sorted by tree and index.
    levels: Vec<Vec<Node>>,
    /// Nodes on paths by level, 1..=32 (entry 0 is empty); each level sorted by tree and index.
    bases: Vec<Vec<Base>>,
}

impl Forest {
    /// Computes every version of every node above `leaves`, whose histories are not empty. `read`
    /// holds further leaves whose paths can be read.
    pub(super) fn hash(
        source: &dyn TreeSource,
        read: &[LeafId],
        leaves: Vec<(LeafId, History<Fr>)>,
    ) -> Result<Self, SourceError> {
        let mut level: Vec<Node> =
            leaves.into_iter().map(|((tree, index), history)| Node { tree, index, history }).collect();
        level.sort_unstable_by_key(|node| (node.tree, node.index));
        let mut paths: Vec<LeafId> = read.to_vec();
        paths.extend(level.iter().map(|node| (node.tree, node.index)));
        paths.sort_unstable();
        paths.dedup();
        let mut bases = read_bases(source, &paths)?;

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

    /// Returns the hash of a node in a version. The node must be on the path of a leaf passed to
    /// [`Self::hash`] or next to it; for other nodes, and for the root before its first change,
    /// this is the hash of an empty subtree.
    pub(super) fn at(&self, tree: TreeId, level: usize, index: u32, version: Version) -> Fr {
        let node = find(&self.levels[level], (tree, index), |node| (node.tree, node.index));
        node.and_then(|node| value_at(&node.history, version)).unwrap_or_else(|| {
            let parent = self.bases.get(level + 1).and_then(|bases| base_of(bases, tree, index >> 1));
            parent.map_or(empty(tree)[level], |base| base.children[(index & 1) as usize])
        })
    }

    /// Returns the siblings of a leaf in a version, bottom-up. The leaf must have been passed to
    /// [`Self::hash`].
    pub(super) fn path(&self, tree: TreeId, leaf: u32, version: Version) -> [Fr; DEPTH] {
        let key = (tree, leaf >> 1);
        let mut place = self.bases[1].binary_search_by_key(&key, |base| (base.tree, base.index)).ok();
        std::array::from_fn(|level| {
            let base = place.and_then(|place| self.bases[level + 1].get(place));
            let Some(base) = base else { return empty(tree)[level] };
            place = Some(base.parent);
            let side = (leaf >> level & 1 ^ 1) as usize;
            let node = base.touched[side].and_then(|at| self.levels[level].get(at));
            node.and_then(|node| value_at(&node.history, version)).unwrap_or(base.children[side])
        })
    }

    /// Returns the new values of the root of a tree.
    pub(super) fn roots(&self, tree: TreeId) -> &[(Version, Fr)] {
        find(&self.levels[DEPTH], (tree, 0), |node| (node.tree, node.index)).map_or(&[], |node| &node.history)
    }

    /// Returns the changes of the junctions between the states of two versions.
    pub(super) fn changes(&self, from: Version, to: Version) -> Vec<Change> {
        let mut changes = Vec::new();
        for (height, parents) in self.levels.iter().enumerate().skip(1) {
            for Node { tree, index, history } in parents {
                let next = history.partition_point(|(version, _)| *version <= from);
                if history.get(next).is_none_or(|(version, _)| *version > to) {
                    continue;
                }
                let record = |version| {
                    let children =
                        [0, 1].map(|side| self.at(*tree, height - 1, child(*index, side), version));
                    let is_junction = !children.contains(&empty(*tree)[height - 1]);
                    is_junction.then(|| record::encode_pair(&children))
                };
                let (old, new) = (record(from), record(to));
                if old != new {
                    changes.push(Change { key: record::junction_key(*tree, height, *index), old, new });
                }
            }
        }
        changes
    }
}

/// Returns the index of the left (0) or right (1) child.
fn child(parent: u32, side: u32) -> u32 {
    parent << 1 | side
}

fn find<T, K: Ord>(sorted: &[T], key: K, of: impl Fn(&T) -> K) -> Option<&T> {
    sorted.binary_search_by(|item| of(item).cmp(&key)).ok().map(|at| &sorted[at])
}

fn base_of(bases: &[Base], tree: TreeId, index: u32) -> Option<&Base> {
    find(bases, (tree, index), |base| (base.tree, base.index))
}

/// Returns the touched nodes of the next level: a parent has a new value whenever a child has one.
fn raise(children: &[Node], bases: &[Base]) -> Vec<Node> {
    let mut parents: Vec<Node> = Vec::with_capacity(children.len());
    let mut pairs = Vec::with_capacity(children.len());
    let mut rest = children;
    while let Some(first) = rest.first() {
        let (tree, index) = (first.tree, first.index >> 1);
        let both = rest.get(1).is_some_and(|second| (second.tree, second.index >> 1) == (tree, index));
        let (own, others) = rest.split_at(if both { 2 } else { 1 });
        rest = others;
        // Every touched leaf is on a path, so there is a base for each of its ancestors.
        let Some(base) = base_of(bases, tree, index) else { continue };
        let versions = distinct(own.iter().flat_map(|node| node.history.iter().map(|(version, _)| *version)));
        for &version in &versions {
            pairs.push([0, 1].map(|side| {
                let node = own.iter().find(|node| node.index & 1 == side);
                node.and_then(|node| value_at(&node.history, version)).unwrap_or(base.children[side as usize])
            }));
        }
        // A placeholder; the whole level is hashed in one batch below.
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
    let lifted = subtree::beside_new_leaves(source, leaves)?;
    let mut bases = vec![Vec::new()];
    let mut nodes = leaves.to_vec();
    for height in 1..=DEPTH {
        for (_, index) in &mut nodes {
            *index >>= 1;
        }
        nodes.dedup();
        let read = |&(tree, index): &LeafId| -> Result<Base, SourceError> {
            let stored = source.get(&record::junction_key(tree, height, index))?;
            let children = match &stored {
                Some(bytes) => record::decode_pair(bytes)?,
                None => [0, 1].map(|side| {
                    let key = (tree, height - 1, child(index, side));
                    lifted.get(&key).copied().unwrap_or(empty(tree)[height - 1])
                }),
            };
            Ok(Base { tree, index, children, parent: 0, touched: [None; 2] })
        };
        bases.push(nodes.par_iter().with_min_len(64).map(read).collect::<Result<_, _>>()?);
    }
    Ok(bases)
}

/// Sets the positions in each base, so that a path is read without a search in each level.
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
                    base.touched[side as usize] = Some(node);
                    node += 1;
                }
            }
        }
    }
}
