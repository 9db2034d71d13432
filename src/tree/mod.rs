//! The account tree: a versioned sparse Merkle tree over accounts, each with a sparse Merkle tree
//! of balances (docs/protocol/01-primitives.md §5).
//!
//! A block takes one call: [`AccountTree::apply`] applies all leaf updates of the block, in order,
//! and returns [`Versions`], from which the root and any Merkle path of each *version* can be read.
//! Version `v` is the state after the first `v` steps of the block.
//!
//! # Why a whole block at a time
//!
//! No leaf update depends on a hash, so all hashes of one level in all versions are independent.
//! `forest` computes them level by level, one batch for each level, over all cores. A leaf update
//! costs 1 permutation in the balance leaf, 32 in the balance tree, 3 in the account leaf and 32 in
//! the account tree: 68 in total. Updates with the same version (the fees of a block) share their
//! common ancestors, and an update that changes nothing costs nothing. A new leaf costs up to 32
//! permutations more, see below.
//!
//! | block | permutations |
//! | --- | --- |
//! | `t` transfers between existing accounts | `68·(2·t + 1)`: two updates each, and the fees |
//! | fees in tokens 0, 1 and 2 alone | 71: three leaves and `2 + 31` nodes above them, then `3 + 32` |
//!
//! `tests/alone/a_block_costs_the_documented_permutations.rs` counts them.
//!
//! # Stored records
//!
//! The store holds plain leaves, and one record for each *junction*: a node with two non-empty
//! children ([`record`]). The nodes of a chain of single children are not stored: above an existing
//! leaf, a missing record means that the sibling is empty. Only if a new leaf splits such a chain
//! is the hash of a node in its middle needed; `subtree` computes it again, also in batches. So `n`
//! leaves have `n - 1` node records, and opening a tree of any size reads one record and hashes
//! nothing.
//!
//! | module | contents |
//! | --- | --- |
//! | `shape` | depths, ids of trees, leaves, nodes and versions |
//! | [`source`] | the ordered byte map that holds a tree, and the change set of a block |
//! | [`record`] | keys and values in that map |
//! | [`view`] | a source below the change sets of blocks that are not yet applied to it |
//! | `leaf` | account and balance leaves, hashes of empty subtrees |
//! | `history` | the values of a leaf or node by version |
//! | `batch` | batches of hashes over all cores |
//! | `forest` | every version of every touched node of several trees |
//! | `subtree` | hashes of nodes that are not stored |
//! | `account_tree` | reads leaves, applies a block |
//! | `versions` | roots, paths and change set of a block that was applied |
//! | `multiproof` | several leaves with the nodes next to their paths |
//! | `partial` | a tree of which only a multiproof is known |
//! | `memory` | a stored tree in memory |
//! | [`build`] | a new tree (genesis), part by part, so that it can be interrupted |
//! | `error` | the errors of reading and updating a tree |

mod account_tree;
pub(crate) mod batch;
pub(crate) mod build;
mod error;
mod forest;
mod history;
pub(crate) mod leaf;
mod memory;
mod multiproof;
mod partial;
pub(crate) mod record;
mod shape;
pub(crate) mod source;
mod subtree;
mod versions;
pub(crate) mod view;

pub use account_tree::{AccountTree, LeafUpdate};
pub(crate) use error::TreeError;
pub use leaf::AccountHeader;
pub(crate) use leaf::AccountLeaf;
pub use memory::MemoryTree;
pub(crate) use multiproof::Multiproof;
pub(crate) use partial::PartialTree;
pub use shape::TreeId;
pub(crate) use shape::Version;
pub use source::ChangeSet;
pub(crate) use source::{Change, SourceError, TreeSource};
pub(crate) use versions::Versions;
pub use view::TreeView;

#[cfg(test)]
mod tests;
