//! A stored tree in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::tree::build::{InitialAccount, TreeBuilder};
use crate::tree::{ChangeSet, SourceError, TreeSource};

/// Number of accounts that are hashed together when a tree is built.
const TOGETHER: usize = 4096;

/// A stored tree in memory.
#[derive(Default)]
pub struct Memory(Mutex<BTreeMap<Vec<u8>, Vec<u8>>>);

type Entry = (Vec<u8>, Vec<u8>);

impl Memory {
    /// Creates a tree from its records.
    pub fn new(records: BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        Self(Mutex::new(records))
    }

    /// Builds the tree of these accounts, which are sorted by ascending id.
    pub fn build(accounts: &[InitialAccount]) -> Self {
        let mut builder = TreeBuilder::default();
        let mut records = BTreeMap::new();
        builder.add_all(accounts, TOGETHER, |part| records.extend(part)).unwrap();
        let finished = builder.finish();
        records.extend(finished.records);
        records.extend([finished.roots]);
        Self::new(records)
    }

    #[cfg(any(test, feature = "testing"))]
    /// Returns a copy of the tree.
    pub fn copy(&self) -> Self {
        Self::new(self.0.lock().unwrap().clone())
    }

    /// Applies the changes of a block.
    ///
    /// # Panics
    /// If the old value of a change differs from the value in the tree.
    pub fn apply(&self, change_set: &ChangeSet) {
        let mut map = self.0.lock().unwrap();
        for change in &change_set.changes {
            assert_eq!(map.get(&change.key), change.old.as_ref(), "a change starts from what is there");
            match &change.new {
                Some(value) => map.insert(change.key.clone(), value.clone()),
                None => map.remove(&change.key),
            };
        }
    }

    /// Applies `read` to the entries of a range.
    fn entries<R: Default>(
        &self,
        from: &[u8],
        to: &[u8],
        read: impl FnOnce(&mut dyn DoubleEndedIterator<Item = Entry>) -> R,
    ) -> R {
        if from >= to {
            return R::default();
        }
        let map = self.0.lock().unwrap();
        let mut range =
            map.range(from.to_vec()..to.to_vec()).map(|(key, value)| (key.clone(), value.clone()));
        read(&mut range)
    }
}

impl TreeSource for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }
    fn first_in(&self, from: &[u8], to: &[u8]) -> Result<Option<Entry>, SourceError> {
        Ok(self.entries(from, to, |range| range.next()))
    }
    fn last_in(&self, from: &[u8], to: &[u8]) -> Result<Option<Entry>, SourceError> {
        Ok(self.entries(from, to, |range| range.next_back()))
    }
    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Entry>, SourceError> {
        Ok(self.entries(from, to, |range| range.take(limit).collect()))
    }
}
