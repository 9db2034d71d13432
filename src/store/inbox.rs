//! Records of requests that no block contains yet: the mempool of a devnet.
//!
//! They share the group commit of the store. Their keys and values are those of their writer
//! (`devnet/inbox.rs`); a revert of blocks does not touch them, and backups and repairs leave them
//! out.

use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::table::Table;
use crate::store::store::Store;

/// Number of records that are removed in one transaction.
const REMOVED_TOGETHER: usize = 1000;

/// Key and value of a record.
pub(crate) type InboxRecord = (Vec<u8>, Vec<u8>);

impl Store {
    /// Writes records of the inbox, all or none; they are durable after
    /// [`sync_generation`](Self::sync_generation) with the returned generation of the kv.
    ///
    /// # Errors
    /// [`StoreError::InsufficientStorage`] below the floor of the free space, and
    /// [`StoreError::TooLarge`] above 200 kB.
    pub(crate) fn put_in_inbox(&self, records: &[InboxRecord]) -> Result<u64, StoreError> {
        self.core().ready()?;
        self.core().check_space()?;
        let generation = self.generation();
        let mut batch = Batch::new();
        records.iter().for_each(|(key, value)| batch.put_raw(Table::Inbox, key, value));
        self.core().apply(batch)?;
        Ok(generation)
    }

    /// Writes a record of the inbox; durable on return.
    ///
    /// # Errors
    /// Those of [`put_in_inbox`](Self::put_in_inbox).
    pub(crate) fn put_in_inbox_durably(&self, record: &InboxRecord) -> Result<(), StoreError> {
        let generation = self.put_in_inbox(std::slice::from_ref(record))?;
        self.sync_generation(generation)
    }

    /// Removes records of the inbox; a crash may bring back those that were not synced.
    pub(crate) fn remove_from_inbox(&self, keys: &[Vec<u8>]) -> Result<(), StoreError> {
        self.core().ready()?;
        for keys in keys.chunks(REMOVED_TOGETHER) {
            let mut batch = Batch::new();
            keys.iter().for_each(|key| batch.remove(Table::Inbox, key));
            self.core().apply(batch)?;
        }
        Ok(())
    }

    /// Returns all records of the inbox, by their keys.
    pub(crate) fn inbox(&self) -> Result<Vec<InboxRecord>, StoreError> {
        let mut pages = self.core().kv.walk(Table::Inbox);
        let mut records = Vec::new();
        loop {
            let page = pages.next_page()?;
            if page.is_empty() {
                return Ok(records);
            }
            records.extend(page);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::store::testing::open;

    #[test]
    fn records_are_kept_in_the_order_of_their_keys_until_they_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let record = |n: u32| (n.to_be_bytes().to_vec(), vec![n as u8; 3]);
        store.put_in_inbox(&[record(3), record(1)]).unwrap();
        store.put_in_inbox(&(4..3000).map(record).collect::<Vec<_>>()).unwrap();
        store.sync().unwrap();
        drop(store);
        let store = open(dir.path());
        let records = store.inbox().unwrap();
        assert_eq!(records.len(), 2998);
        assert_eq!(records[..2], [record(1), record(3)]);
        let keys: Vec<_> = (4..3000).map(|n| record(n).0).collect();
        store.remove_from_inbox(&keys).unwrap();
        assert_eq!(store.inbox().unwrap(), [record(1), record(3)]);
    }
}
