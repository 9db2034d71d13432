//! The committed account tree as the tree module reads it: table `account_tree`, keys and values of the tree's own making.

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
    /// The account tree after [`TreeStore::head`]. It moves on with every [`TreeStore::commit_witness`]; a reader that overlays
    /// the changes of the blocks it works on sees the same before, while and after that.
    pub fn source(&self) -> Arc<dyn TreeSource> {
        Arc::new(StoredTree { kv: self.core.kv.clone() })
    }

    /// How many entries the account tree has, counted one by one.
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
