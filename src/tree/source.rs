//! The interface of the account tree to its storage: an ordered map of bytes, and the set of
//! changes that one block makes to it.

use serde::{Deserialize, Serialize};

/// A key with its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// An ordered map from bytes to bytes that holds an account tree. The store implements it.
pub trait TreeSource: Send + Sync {
    /// Returns the value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, SourceError>;
    /// Returns the entry with the smallest key in `from..to_exclusive`.
    fn first_in(&self, from: &[u8], to_exclusive: &[u8]) -> Result<Option<Entry>, SourceError>;
    /// Returns the entry with the largest key in `from..to_exclusive`.
    fn last_in(&self, from: &[u8], to_exclusive: &[u8]) -> Result<Option<Entry>, SourceError>;
    /// Returns the first `limit` entries of `from..to_exclusive`, by ascending key.
    fn range(&self, from: &[u8], to_exclusive: &[u8], limit: usize) -> Result<Vec<Entry>, SourceError>;
}

/// Returned when the stored tree cannot be read; holds the cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored account tree cannot be read: {0}")]
pub struct SourceError(pub String);

/// One entry of the map before and after a block; `None` if the key is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Key of the entry.
    pub key: Vec<u8>,
    /// Value before the block.
    pub old: Option<Vec<u8>>,
    /// Value after the block.
    pub new: Option<Vec<u8>>,
}

/// All entries of the map that a block changes. It is applied again after a crash, and undone by a
/// revert.
///
/// Each key occurs once, so the order of the changes does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// The changed entries.
    pub changes: Vec<Change>,
}
