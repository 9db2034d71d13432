//! The account tree: a versioned sparse Merkle tree over accounts, each with a sparse Merkle tree of balances (spec 01 §5).
//!
//! A block is one call: [`AccountTree::apply`] takes every leaf update of the block at once, in order, and returns
//! a [`Versions`] that answers, for each *version* (the state after so many updates), the root and any Merkle path.
//!
//! # Why a whole block at once
//!
//! No decision depends on a hash, so all hashes of one level of all versions are independent. [`levels`] computes
//! them level by level, one batch a level, over all cores. A leaf update costs
//! 1 permutation in the balance leaf, 32 in the balance tree, 3 in the account leaf and 32 in the account tree, 68 in all; where several
//! updates carry the same version (the fees of a block) they share their common ancestors, and an update that
//! changes nothing costs nothing. A leaf that appears for the first time costs up to 32 more, see below.
//!
//! | block | permutations |
//! | --- | --- |
//! | `t` transfers between accounts that are there | `68·(2·t + 1)`: two updates each, and the fees |
//! | fees in tokens 0, 1 and 2 alone | 71: three leaves and `2 + 31` nodes above them, then `3 + 32` |
//!
//! `tests/a_block_costs_no_more_permutations.rs` counts them.
//!
//! # What is persisted
//!
//! Plain leaves, and one record for each node that has *two* non-empty children ([`record`]). A chain of
//! single children is not stored: for a leaf that is there, no record at a parent means an empty sibling. Only when a new leaf
//! splits such a chain is the hash in the middle of it needed; [`levels`] then recomputes it ("lifting"), in batches too.
//! So `n` leaves cost `n - 1` node records, and opening a tree of any size reads and hashes nothing.
//!
//! | module | noun |
//! | --- | --- |
//! | [`source`] | the ordered byte map a tree is stored in, and the change set of a block |
//! | [`record`] | keys and values in that map |
//! | [`view`] | a source under the change sets of blocks that are not applied to it yet |
//! | [`leaf`] | account and balance leaves, default hashes |
//! | [`levels`] | the level-by-level engine over many trees at once |
//! | [`account_tree`] | balance trees and account tree together: apply a block, read paths |
//! | [`partial`] | a few leaves with the nodes beside their paths, which can be moved on without the rest |
//! | [`build`] | a tree from nothing (genesis), part by part, so that it can be interrupted |

pub mod account_tree;
pub mod build;
pub mod leaf;
pub mod levels;
pub mod partial;
pub mod record;
pub mod source;
pub mod view;

pub use account_tree::{AccountTree, LeafUpdate, TreeError, Version, Versions};
pub use leaf::AccountHeader;
pub use partial::{PartialTree, Parts, PartsError};
pub use source::{Change, SourceError, TreeDelta, TreeSource};
pub use view::TreeView;

/// Depth of the account tree (spec 01 §1).
pub const ACCOUNT_TREE_DEPTH: usize = 32;
/// Depth of every balance tree (spec 01 §1).
pub const BALANCE_TREE_DEPTH: usize = 32;
/// Depth of the left-most subtree that holds every account id in use (spec 01 §1).
pub const USED_SUBTREE_DEPTH: usize = 24;

#[cfg(test)]
mod tests;
