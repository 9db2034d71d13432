//! A stored tree in memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::build::{InitialAccount, TreeBuilder};
use super::error::TreeError;
use super::source::{ChangeSet, Entry, SourceError, TreeSource};

/// Number of accounts that are hashed together when a tree is built.
const TOGETHER: usize = 4096;

/// A stored tree in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree(BTreeMap<Vec<u8>, Vec<u8>>);

impl MemoryTree {
    /// Builds the tree of these accounts, which are sorted by ascending id.
    ///
    /// # Errors
    /// [`TreeError::Order`] if the ids do not ascend or one does not fit 24 bits.
    pub fn build(accounts: &[InitialAccount]) -> Result<Self, TreeError> {
        let mut builder = TreeBuilder::default();
        let mut records = BTreeMap::new();
        builder.add_all(accounts, TOGETHER, |part| records.extend(part))?;
        let finished = builder.finish();
        records.extend(finished.records);
        records.extend([finished.roots]);
        Ok(Self(records))
    }

    /// Applies the changes of a block to the tree before it.
    pub fn apply(&mut self, change_set: &ChangeSet) {
        for change in &change_set.changes {
            let old = match &change.new {
                Some(value) => self.0.insert(change.key.clone(), value.clone()),
                None => self.0.remove(&change.key),
            };
            debug_assert_eq!(old, change.old, "the change set starts from another tree");
        }
    }

    fn entries(&self, from: &[u8], to: &[u8]) -> impl DoubleEndedIterator<Item = Entry> {
        let bounds = (Bound::Included(from), Bound::Excluded(to.max(from)));
        self.0.range::<[u8], _>(bounds).map(|(key, value)| (key.clone(), value.clone()))
    }
}

impl From<BTreeMap<Vec<u8>, Vec<u8>>> for MemoryTree {
    /// Creates a tree from its records.
    fn from(records: BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        Self(records)
    }
}

impl TreeSource for MemoryTree {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.0.get(key).cloned())
    }

    fn first_in(&self, from: &[u8], to: &[u8]) -> Result<Option<Entry>, SourceError> {
        Ok(self.entries(from, to).next())
    }

    fn last_in(&self, from: &[u8], to: &[u8]) -> Result<Option<Entry>, SourceError> {
        Ok(self.entries(from, to).next_back())
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Entry>, SourceError> {
        Ok(self.entries(from, to).take(limit).collect())
    }
}
