//! The stored account tree as the module `tree` reads it: keys and values of table `account_tree`
//! are those of that module.

use std::sync::Arc;

use crate::store::chain::tree_store::TreeStore;
use crate::store::error::StoreError;
use crate::store::kv::handle::Kv;
use crate::store::kv::table::Table;
use crate::tree::source::{Entry, SourceError, TreeSource};

const TABLE: Table = Table::AccountTree;

struct StoredTree {
    kv: Arc<Kv>,
}

impl TreeStore {
    /// Returns the account tree after [`TreeStore::head`]. Every [`TreeStore::commit_witness`]
    /// moves it; a reader that overlays the changes of the blocks it works on sees no difference.
    pub fn source(&self) -> Arc<dyn TreeSource> {
        Arc::new(StoredTree { kv: self.core.kv.clone() })
    }

    /// Counts the entries of the account tree, by reading all of them.
    pub fn count_records(&self) -> Result<u64, StoreError> {
        self.core.kv.count(TABLE)
    }
}

impl TreeSource for StoredTree {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.kv.get_raw(TABLE, key)?)
    }

    fn first_in(&self, from: &[u8], to_exclusive: &[u8]) -> Result<Option<Entry>, SourceError> {
        Ok(self.kv.range(TABLE, from, to_exclusive, 1)?.pop())
    }

    fn last_in(&self, from: &[u8], to_exclusive: &[u8]) -> Result<Option<Entry>, SourceError> {
        Ok(self.kv.range_back(TABLE, from, to_exclusive, 1)?.pop())
    }

    fn range(&self, from: &[u8], to_exclusive: &[u8], limit: usize) -> Result<Vec<Entry>, SourceError> {
        Ok(self.kv.range(TABLE, from, to_exclusive, limit)?)
    }
}
