//! The result of a rebuild: the number of stored items, and the omitted ones.

use std::fmt::{self, Display};

use crate::store::BlobLabel;

/// An item that was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OmittedItem {
    /// Kind and blocks of the item.
    pub item: BlobLabel,
    /// The reason, as a sentence.
    pub reason: String,
}

impl Display for OmittedItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.item, self.reason)
    }
}

/// The number of items that a rebuild stored, and the items that it omitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// True if the genesis is stored.
    pub genesis: bool,
    /// Stored blocks.
    pub blocks: u32,
    /// Stored blocks that are quarantined, because their commitment is wrong.
    pub quarantined: u32,
    /// Stored aggregated operations.
    pub aggregated_operations: u32,
    /// Stored single proofs.
    pub proofs: u32,
    /// Stored aggregated proofs.
    pub aggregated_proofs: u32,
    /// Omitted items, in the order of the rebuild.
    pub omitted: Vec<OmittedItem>,
}
