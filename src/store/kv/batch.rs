//! Writes to the kv that are applied together.

use serde::Serialize;

use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::blobs::PreparedBlob;
use crate::store::error::StoreError;
use crate::store::kv::codec;
use crate::store::kv::keys;
use crate::store::kv::table::Table;

/// Largest transaction, in bytes. In experiments with power failures, sled never lost a part of one
/// of this size.
pub(crate) const MAX_BATCH_BYTES: usize = 200_000;

#[derive(Debug)]
pub(crate) struct Write {
    pub table: Table,
    pub key: Vec<u8>,
    /// The new value; `None` removes the entry.
    pub sealed: Option<Vec<u8>>,
}

/// Writes that are applied together or not at all.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    writes: Vec<Write>,
    bytes: usize,
    /// Blobs to which these writes add a reference.
    adopted: Vec<PreparedBlob>,
    /// Blobs whose only reference these writes remove.
    released: Vec<BlobRef>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn put<T: Serialize>(
        &mut self,
        table: Table,
        key: &[u8],
        record: &T,
    ) -> Result<(), StoreError> {
        let sealed = codec::seal(record)?;
        self.write(table, key, Some(sealed));
        Ok(())
    }

    pub(crate) fn put_raw(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.write(table, key, Some(codec::seal_raw(value)));
    }

    pub(crate) fn remove(&mut self, table: Table, key: &[u8]) {
        self.write(table, key, None);
    }

    fn write(&mut self, table: Table, key: &[u8], sealed: Option<Vec<u8>>) {
        self.bytes += key.len() + sealed.as_ref().map_or(0, Vec::len);
        self.writes.push(Write { table, key: key.to_vec(), sealed });
    }

    /// Registers a blob and returns the reference for a record of this batch.
    pub(crate) fn adopt(&mut self, prepared: PreparedBlob) -> BlobRef {
        let blob = prepared.blob_ref().clone();
        if let BlobRef::File { id, .. } = blob {
            self.put_raw(Table::Blobs, &keys::blob(id), &[]);
        }
        self.adopted.push(prepared);
        blob
    }

    /// Unregisters the blob of a record that this batch removes.
    pub(crate) fn release(&mut self, blob: BlobRef) {
        if let BlobRef::File { id, .. } = blob {
            self.remove(Table::Blobs, &keys::blob(id));
            self.released.push(blob);
        }
    }

    pub(crate) fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// Returns the size of keys and values, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the writes, the blobs that have an owner once these are applied, and the blobs that
    /// have none once these are durable.
    pub(crate) fn into_parts(self) -> (Vec<Write>, Vec<PreparedBlob>, Vec<BlobRef>) {
        (self.writes, self.adopted, self.released)
    }
}
