//! What a rebuild stores.

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

/// An item of a rebuild. A block was parsed and its signatures checked, unless it is alone.
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
        let is_block = |item: &RebuildItem| item.kind == DurableKind::Block;
        let bodies: Vec<&[u8]> =
            items.iter().filter(|item| is_block(item)).map(|item| &item.content[..]).collect();
        let mut checked = CheckedBlock::all(&bodies).into_iter();
        items
            .into_iter()
            .map(|item| {
                let block = if is_block(&item) { checked.next() } else { None };
                Self { item, block }
            })
            .collect()
    }
}

impl From<RebuildItem> for PreparedItem {
    fn from(item: RebuildItem) -> Self {
        Self { item, block: None }
    }
}
