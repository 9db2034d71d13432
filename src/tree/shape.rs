//! The shape of the trees: their depths, and the ids of trees, leaves, nodes and versions.

/// Depth of the account tree and of each balance tree (docs/protocol/01-primitives.md §1).
pub(super) const DEPTH: usize = 32;

/// Depth of the left-most subtree of the account tree, which holds all account ids in use
/// (docs/protocol/01-primitives.md §1).
pub(super) const USED_SUBTREE_DEPTH: usize = 24;

/// One of the trees: the account tree, or the balance tree of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TreeId {
    /// The account tree.
    Accounts,
    /// The balance tree of the account with this id.
    Balances(u32),
}

/// A leaf: its tree, and its index, which is an account id or a token id.
pub(super) type LeafId = (TreeId, u32);

/// A node: its tree, its level counted from the leaves (0), its index within the level. It covers
/// the leaves `index·2^level .. (index+1)·2^level`.
pub(super) type NodeId = (TreeId, usize, u32);

/// An index into the sequence of leaf updates of a block. Version 0 is the state before the block,
/// version `v` the state after all updates with a version up to `v`.
pub(crate) type Version = u32;
