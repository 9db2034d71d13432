//! Chunks of an operation and the branches that they show.

use super::args::Args;
use crate::tree::{AccountHeader, Version};

/// One side of a chunk: an account and one of its balances, with the Merkle paths of some version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Id of the account.
    pub account: u32,
    /// Id of the token.
    pub token: u32,
    /// Shown header of the account.
    pub header: AccountHeader,
    /// Shown balance.
    pub balance: u128,
    /// Version of both Merkle paths.
    pub paths: Version,
}

impl Branch {
    /// Returns the same account and balance with the paths of another version.
    pub(super) fn with_paths(self, paths: Version) -> Self {
        Self { paths, ..self }
    }
}

/// One chunk of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Chunk {
    /// Left side.
    pub lhs: Branch,
    /// Right side.
    pub rhs: Branch,
    /// Version whose root is `new_root`.
    pub root: Version,
    /// Argument `a`.
    pub a: u128,
    /// Argument `b`.
    pub b: u128,
    /// Index of the chunk's signature among those of the operation.
    pub signature: usize,
}

impl Chunk {
    /// Returns a chunk with `a = b = 0` and the first signature.
    pub(super) fn new(lhs: Branch, rhs: Branch, root: Version) -> Self {
        Self { lhs, rhs, root, a: 0, b: 0, signature: 0 }
    }

    /// Returns a chunk that shows the same branch on both sides.
    pub(in crate::witness) fn both(branch: Branch, root: Version) -> Self {
        Self::new(branch, branch, root)
    }
}

/// The chunks of an operation and their common arguments.
#[derive(Debug)]
pub(super) struct PlannedChunks {
    pub(super) chunks: Vec<Chunk>,
    pub(super) args: Args,
}

impl PlannedChunks {
    /// Sets `a` and `b` of all chunks.
    pub(super) fn with_terms(mut chunks: Vec<Chunk>, a: u128, b: u128, args: Args) -> Self {
        for chunk in &mut chunks {
            chunk.a = a;
            chunk.b = b;
        }
        Self { chunks, args }
    }
}
