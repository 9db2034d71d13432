//! A stored tree in memory that views share while it changes.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use crate::tree::build::InitialAccount;
use crate::tree::source::Entry;
use crate::tree::{ChangeSet, MemoryTree, SourceError, TreeSource};

/// A [`MemoryTree`] behind a lock.
#[derive(Default)]
pub struct Memory(Mutex<MemoryTree>);

impl Clone for Memory {
    fn clone(&self) -> Self {
        Self(Mutex::new(self.tree().clone()))
    }
}

impl Memory {
    /// Creates a tree from its records.
    pub fn new(records: BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        Self(Mutex::new(records.into()))
    }

    /// Builds the tree of these accounts, which are sorted by ascending id.
    ///
    /// # Panics
    /// If they are not.
    pub fn build(accounts: &[InitialAccount]) -> Self {
        Self(Mutex::new(MemoryTree::build(accounts).unwrap()))
    }

    /// Applies the changes of a block.
    pub fn apply(&self, change_set: &ChangeSet) {
        self.tree().apply(change_set);
    }

    fn tree(&self) -> MutexGuard<'_, MemoryTree> {
        self.0.lock().unwrap()
    }
}

impl TreeSource for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, SourceError> {
        self.tree().get(key)
    }
    fn first_in(&self, from: &[u8], to: &[u8]) -> Result<Option<Entry>, SourceError> {
        self.tree().first_in(from, to)
    }
    fn last_in(&self, from: &[u8], to: &[u8]) -> Result<Option<Entry>, SourceError> {
        self.tree().last_in(from, to)
    }
    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Entry>, SourceError> {
        self.tree().range(from, to, limit)
    }
}
