//! What the account tree needs of its persistence: an ordered map of bytes, and the change that one block makes to it.

use serde::{Deserialize, Serialize};

/// A key with its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// An ordered map from bytes to bytes: the committed account tree. The store implements it.
pub trait TreeSource: Send + Sync {
    /// The value under this key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, SourceError>;
    /// The entry with the smallest key in `from..to_exclusive`.
    fn first_in(&self, from: &[u8], to_exclusive: &[u8]) -> Result<Option<Entry>, SourceError>;
    /// The entry with the largest key in `from..to_exclusive`.
    fn last_in(&self, from: &[u8], to_exclusive: &[u8]) -> Result<Option<Entry>, SourceError>;
    /// The first `limit` entries of `from..to_exclusive`, in the order of their keys.
    fn range(&self, from: &[u8], to_exclusive: &[u8], limit: usize) -> Result<Vec<Entry>, SourceError>;
}

/// The persisted tree cannot be read; the text says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored account tree cannot be read: {0}")]
pub struct SourceError(pub String);

/// One entry of the map before and after a block; `None` is absence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The key of the entry.
    pub key: Vec<u8>,
    /// Its value before the block.
    pub old: Option<Vec<u8>>,
    /// Its value after the block.
    pub new: Option<Vec<u8>>,
}

/// Everything that one block changes in the map: redone after a crash, undone by a revert.
///
/// A key occurs once, so the order of the changes does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeDelta {
    /// The changed entries.
    pub changes: Vec<Change>,
}
