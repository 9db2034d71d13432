//! Change logs: a table moves from block to block as a whole, although the changes of a block are
//! larger than a transaction.
//!
//! The change set of a block is first recorded, in one transaction with the other records of the
//! block, and synced. Then it is applied to the table in batches. Its entries are absolute values,
//! so it may be applied twice: the next start applies every set that is recorded but not marked as
//! applied. The old values stay in the log for as long as a revert may need them.

use serde::{Deserialize, Serialize};

use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::blobs::{Blobs, PreparedBlob};
use crate::store::error::StoreError;
use crate::store::kv::batch::{Batch, MAX_BATCH_BYTES};
use crate::store::kv::codec;
use crate::store::kv::handle::Kv;
use crate::store::kv::keys;
use crate::store::kv::keys::meta;
use crate::store::kv::table::Table;
use crate::tree::source::ChangeSet;

/// Size of a batch, well below the limit: readers wait while a transaction is written.
const APPLY_BYTES: usize = MAX_BATCH_BYTES / 3;

/// A log and the table that it moves.
#[derive(Debug)]
pub(crate) struct ChangeLog {
    pub log: Table,
    pub target: Table,
    pub head_key: &'static [u8],
    pub applied_key: &'static [u8],
}

/// The log of the accounts, by imported block.
pub(crate) const ACCOUNTS: ChangeLog = ChangeLog {
    log: Table::AccountUpdates,
    target: Table::Accounts,
    head_key: meta::HEAD,
    applied_key: meta::ACCOUNTS_APPLIED,
};

/// The log of the account tree, by witnessed block.
pub(crate) const TREE: ChangeLog = ChangeLog {
    log: Table::TreeUpdates,
    target: Table::AccountTree,
    head_key: meta::TREE_HEAD,
    applied_key: meta::TREE_APPLIED,
};

/// One entry of a log. Stored; the layout is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChangeRow {
    pub number: u32,
    pub root: [u8; 32],
    pub change_set: BlobRef,
}

impl ChangeLog {
    /// Returns the last recorded block.
    pub(crate) fn head(&self, kv: &Kv) -> Result<u32, StoreError> {
        kv.meta_number(self.head_key)
    }

    /// Puts the state after block `number`, which the table holds already, into the batch.
    pub(crate) fn begin(&self, batch: &mut Batch, number: u32) -> Result<(), StoreError> {
        batch.put(Table::Meta, self.head_key, &number)?;
        batch.put(Table::Meta, self.applied_key, &number)
    }

    /// Returns the root after block `number`, if the log still has it.
    pub(crate) fn root(&self, kv: &Kv, number: u32) -> Result<Option<[u8; 32]>, StoreError> {
        Ok(kv.get::<ChangeRow>(self.log, &keys::number(number))?.map(|row| row.root))
    }

    /// Returns a change set as the bytes of a blob.
    pub(crate) fn encode(change_set: &ChangeSet) -> Result<Vec<u8>, StoreError> {
        codec::encode("the changes of a block", change_set)
    }

    /// Puts the change set of block `number` and the new head into the batch.
    pub(crate) fn record(
        &self,
        batch: &mut Batch,
        number: u32,
        root: [u8; 32],
        change_set: PreparedBlob,
    ) -> Result<(), StoreError> {
        let row = ChangeRow { number, root, change_set: batch.adopt(change_set) };
        batch.put(self.log, &keys::number(number), &row)?;
        batch.put(Table::Meta, self.head_key, &number)
    }

    /// Applies every recorded change set that is not applied yet.
    pub(crate) fn apply_pending(&self, kv: &Kv, blobs: &Blobs) -> Result<(), StoreError> {
        for number in kv.meta_number(self.applied_key)?.saturating_add(1)..=self.head(kv)? {
            let change_set = self.read(kv, blobs, number)?;
            self.apply(kv, number, &change_set)?;
        }
        Ok(())
    }

    /// Applies the recorded change set of block `number`, the next one.
    pub(crate) fn apply(&self, kv: &Kv, number: u32, change_set: &ChangeSet) -> Result<(), StoreError> {
        self.write(kv, change_set.changes.iter().map(|change| (&change.key, &change.new)))?;
        let mut batch = Batch::new();
        batch.put(Table::Meta, self.applied_key, &number)?;
        kv.apply(batch).map(|_| ())
    }

    /// Undoes the changes of block `number`, the head, in the table. The entry of the log stays
    /// until the batch of [`Self::remove_head`], so an interrupted undo is repeated.
    pub(crate) fn undo(&self, kv: &Kv, blobs: &Blobs, number: u32) -> Result<(), StoreError> {
        let change_set = self.read(kv, blobs, number)?;
        self.write(kv, change_set.changes.iter().map(|change| (&change.key, &change.old)))
    }

    /// Removes the entry of the head and moves the head back by one.
    pub(crate) fn remove_head(&self, kv: &Kv, batch: &mut Batch, number: u32) -> Result<(), StoreError> {
        if let Some(row) = kv.get::<ChangeRow>(self.log, &keys::number(number))? {
            batch.release(row.change_set);
        }
        batch.remove(self.log, &keys::number(number));
        batch.put(Table::Meta, self.head_key, &number.saturating_sub(1))?;
        batch.put(Table::Meta, self.applied_key, &number.saturating_sub(1))
    }

    /// Removes entries of blocks up to `last`, a few per call.
    pub(crate) fn trim(&self, kv: &Kv, batch: &mut Batch, last: u32) -> Result<(), StoreError> {
        let end = keys::number(last.saturating_add(1));
        for (key, row) in kv.range(self.log, &keys::number(0), &end, 16)? {
            let row: ChangeRow = codec::decode(self.log.name(), &row)?;
            batch.release(row.change_set);
            batch.remove(self.log, &key);
        }
        Ok(())
    }

    /// Returns the oldest block that a revert can go to: the one before the oldest entry.
    pub(crate) fn oldest_target(&self, kv: &Kv) -> Result<u32, StoreError> {
        let first = kv.range(self.log, &keys::number(0), &[0xff; 5], 1)?;
        match first.first().and_then(|(key, _)| keys::head_number(key)) {
            Some(number) => Ok(number.saturating_sub(1)),
            None => self.head(kv),
        }
    }

    /// Returns the length of the change set of block `number`, in bytes.
    pub(crate) fn change_len(&self, kv: &Kv, number: u32) -> Result<u64, StoreError> {
        Ok(self.row(kv, number)?.change_set.raw_len())
    }

    /// Reads the change set of block `number`.
    pub(crate) fn read(&self, kv: &Kv, blobs: &Blobs, number: u32) -> Result<ChangeSet, StoreError> {
        let row = self.row(kv, number)?;
        let bytes = blobs.open_blob(&row.change_set)?.bytes()?;
        codec::decode(&format!("the changes of block {number}"), &bytes)
    }

    fn row(&self, kv: &Kv, number: u32) -> Result<ChangeRow, StoreError> {
        let missing =
            || StoreError::corrupt(format!("block {number} is missing in the table `{}`", self.log.name()));
        kv.get(self.log, &keys::number(number))?.ok_or_else(missing)
    }

    fn write<'a>(
        &self,
        kv: &Kv,
        entries: impl Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)>,
    ) -> Result<(), StoreError> {
        load(kv, self.target, entries.map(|(key, value)| (key.as_slice(), value.as_deref())))
    }
}

/// Writes many entries of one table in transactions of a safe size.
pub(crate) fn load<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    kv: &Kv,
    table: Table,
    entries: impl Iterator<Item = (K, Option<V>)>,
) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    for (key, value) in entries {
        match value {
            Some(value) => batch.put_raw(table, key.as_ref(), value.as_ref()),
            None => batch.remove(table, key.as_ref()),
        }
        if batch.bytes() >= APPLY_BYTES {
            kv.apply(std::mem::take(&mut batch))?;
        }
    }
    // These batches release no blob.
    kv.apply(batch).map(|_| ())
}
