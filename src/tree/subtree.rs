//! Hashes of subtrees that are not stored, computed from the records below them.
//!
//! A node with a single child has no record. The hash of such a node is needed if a new leaf
//! becomes its sibling. It is computed by *lifting*: from the leaf or junction at the lower end of
//! the chain of single children up to the node, one batch of hashes for each level.

use std::collections::HashMap;

use super::batch::compress_all;
use super::leaf::{self, empty};
use super::record;
use super::shape::{DEPTH, LeafId, NodeId, TreeId};
use super::source::{SourceError, TreeSource};
use crate::crypto::Fr;

/// A node whose hash is being lifted.
struct Lift {
    node: NodeId,
    /// A leaf below the node.
    leaf: u32,
    /// Level of the ancestor of the leaf whose hash is known.
    reached: usize,
    /// Hash of that ancestor.
    hash: Fr,
}

/// Returns the hash of the subtree that each leaf which is not stored would become a sibling of.
pub(super) fn beside_new_leaves(
    source: &dyn TreeSource,
    leaves: &[LeafId],
) -> Result<HashMap<NodeId, Fr>, SourceError> {
    let mut nodes = Vec::new();
    for &(tree, leaf) in leaves {
        if source.get(&record::leaf_key(tree, leaf))?.is_none() {
            nodes.extend(neighbour(source, tree, leaf)?);
        }
    }
    nodes.sort_unstable();
    nodes.dedup();
    hashes(source, &nodes)
}

/// Returns the hashes of nodes below the root. Nodes without a leaf are left out.
pub(super) fn hashes(source: &dyn TreeSource, nodes: &[NodeId]) -> Result<HashMap<NodeId, Fr>, SourceError> {
    let mut lifts = start(source, nodes)?;
    for height in 0..DEPTH {
        let mut rising: Vec<&mut Lift> =
            lifts.iter_mut().filter(|lift| lift.reached == height && lift.node.1 > height).collect();
        let pairs: Vec<[Fr; 2]> = rising
            .iter()
            .map(|lift| {
                let sibling = empty(lift.node.0)[height];
                if lift.leaf >> height & 1 == 0 { [lift.hash, sibling] } else { [sibling, lift.hash] }
            })
            .collect();
        for (lift, hash) in rising.iter_mut().zip(compress_all(&pairs)) {
            lift.hash = hash;
            lift.reached += 1;
        }
    }
    Ok(lifts.into_iter().map(|lift| (lift.node, lift.hash)).collect())
}

/// Returns the largest non-empty subtree that a new leaf would become a sibling of, or `None` if
/// the tree is empty.
fn neighbour(source: &dyn TreeSource, tree: TreeId, leaf: u32) -> Result<Option<NodeId>, SourceError> {
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

/// Hashes the leaves and junctions at the lower ends of the chains.
fn start(source: &dyn TreeSource, nodes: &[NodeId]) -> Result<Vec<Lift>, SourceError> {
    let mut lifts = Vec::with_capacity(nodes.len());
    let mut junctions = Vec::new();
    let mut accounts = Vec::new();
    let mut balances = Vec::new();
    for &node in nodes {
        let (tree, level, index) = node;
        let (from, to) = record::leaf_range(tree, level, index);
        let first = source.first_in(&from, &to)?;
        let last = source.last_in(&from, &to)?;
        let (Some((first, value)), Some((last, _))) = (first, last) else { continue };
        let (leaf, last) = (record::leaf_index(&first)?, record::leaf_index(&last)?);
        // The lowest common ancestor of all leaves below the node.
        let reached = (leaf ^ last).checked_ilog2().map_or(0, |bit| bit as usize + 1);
        let slot = lifts.len();
        lifts.push(Lift { node, leaf, reached, hash: empty(tree)[0] });
        if reached > 0 {
            let index = leaf.checked_shr(reached as u32).unwrap_or(0);
            let bytes = source
                .get(&record::junction_key(tree, reached, index))?
                .ok_or_else(|| missing(tree, reached))?;
            junctions.push((slot, record::decode_pair(&bytes)?));
        } else if tree == TreeId::Accounts {
            accounts.push((slot, record::decode_account(&value)?));
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
    fill(&mut lifts, &junctions, compress_all);
    fill(&mut lifts, &accounts, leaf::account_leaf_hashes);
    fill(&mut lifts, &balances, leaf::balance_leaf_hashes);
    Ok(lifts)
}

fn missing(tree: TreeId, level: usize) -> SourceError {
    SourceError(format!(
        "the account tree lacks a node of {tree:?} at level {level}; restore a copy of the data folder, or import the chain into a new one"
    ))
}
