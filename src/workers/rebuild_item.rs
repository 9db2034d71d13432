//! Items of a rebuild.

use super::import::{CheckedBlock, ImportError};
use crate::store::{DurableKind, ImportedProof};

/// An item of a rebuild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RebuildItem {
    /// The kind.
    pub kind: DurableKind,
    /// The first block of its range; the block before the first one for genesis.
    pub first: u32,
    /// The last block of its range; the block before the first one for genesis.
    pub last: u32,
    /// The prover of a proof, if known.
    pub prover: Option<String>,
    /// Time of the publication of a proof, in milliseconds since 1970.
    pub stored_at_ms: u64,
    /// The content, in its stored form.
    pub content: Vec<u8>,
}

impl RebuildItem {
    pub(super) fn into_proof(self) -> ImportedProof {
        let Self { first, last, prover, stored_at_ms, content: json, .. } = self;
        ImportedProof { first, last, prover, stored_at_ms, json }
    }
}

/// An item that is ready to be stored. `block` is the parsed block with its checked signatures; it
/// is `None` for other kinds, and for a block that is checked when it is stored.
pub(crate) struct PreparedItem {
    pub(super) item: RebuildItem,
    pub(super) block: Option<Result<CheckedBlock, ImportError>>,
}

impl PreparedItem {
    /// Returns the kind.
    pub(crate) fn kind(&self) -> DurableKind {
        self.item.kind
    }

    /// Returns the last block of its range.
    pub(crate) fn last(&self) -> u32 {
        self.item.last
    }

    /// Prepares items on all cores.
    pub(crate) fn all(items: Vec<RebuildItem>) -> Vec<Self> {
        let is_block = |item: &&RebuildItem| item.kind == DurableKind::Block;
        let bodies: Vec<&[u8]> = items.iter().filter(is_block).map(|item| &item.content[..]).collect();
        let checked = CheckedBlock::all(&bodies);
        let mut items: Vec<Self> = items.into_iter().map(Self::from).collect();
        let blocks = items.iter_mut().filter(|item| item.kind() == DurableKind::Block);
        for (item, checked) in blocks.zip(checked) {
            item.block = Some(checked);
        }
        items
    }
}

impl From<RebuildItem> for PreparedItem {
    fn from(item: RebuildItem) -> Self {
        Self { item, block: None }
    }
}
