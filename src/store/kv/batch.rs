//! The tables of the index, and writes to them that happen together.

use serde::Serialize;

use crate::store::durable::blobs::{BlobRef, PreparedBlob};
use crate::store::error::StoreError;
use crate::store::kv::codec;
use crate::store::kv::keys;

/// The largest transaction that was never lost by a power failure in experiments.
pub(crate) const MAX_BATCH_BYTES: usize = 200_000;

macro_rules! tables {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// A table of the index; the module `store` says what each holds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Table { $($variant),* }

        impl Table {
            pub const ALL: &[Table] = &[$(Table::$variant),*];

            pub fn name(self) -> &'static str {
                match self { $(Table::$variant => $name),* }
            }
        }
    };
}

tables! {
    Meta = "meta",
    Blobs = "bodies",
    Blocks = "blocks",
    Quarantine = "quarantine",
    Accounts = "accounts",
    AccountUpdates = "account_updates",
    AccountTree = "account_tree",
    TreeUpdates = "tree_updates",
    Witnesses = "witnesses",
    Jobs = "jobs",
    JobIndex = "job_index",
    Proofs = "proofs",
    AggregatedProofs = "aggregated_proofs",
    AggregatedOperations = "aggregated_operations",
    Rejected = "rejected",
}

/// A new value, or with `None` the removal of an entry.
#[derive(Debug)]
pub(crate) struct Write {
    pub table: Table,
    pub key: Vec<u8>,
    pub sealed: Option<Vec<u8>>,
}

/// Writes that happen together or not at all.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    writes: Vec<Write>,
    bytes: usize,
    adopted: Vec<PreparedBlob>,
    released: Vec<BlobRef>,
}

impl Batch {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn put<T: Serialize>(&mut self, table: Table, key: &[u8], record: &T) -> Result<(), StoreError> {
        let sealed = codec::seal(record)?;
        self.write(table, key, Some(sealed));
        Ok(())
    }

    pub fn put_raw(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.write(table, key, Some(codec::seal_raw(value)));
    }

    pub fn remove(&mut self, table: Table, key: &[u8]) {
        self.write(table, key, None);
    }

    fn write(&mut self, table: Table, key: &[u8], sealed: Option<Vec<u8>>) {
        self.bytes += key.len() + sealed.as_ref().map_or(0, Vec::len);
        self.writes.push(Write { table, key: key.to_vec(), sealed });
    }

    /// Makes this batch the owner of a body; the reference goes into a record of the same batch.
    pub fn adopt(&mut self, prepared: PreparedBlob) -> BlobRef {
        let body = prepared.body().clone();
        if let BlobRef::File { id, .. } = body {
            self.put_raw(Table::Blobs, &keys::body(id), &[]);
        }
        self.adopted.push(prepared);
        body
    }

    /// Gives up a body whose record this batch removes.
    pub fn release(&mut self, body: BlobRef) {
        if let BlobRef::File { id, .. } = body {
            self.remove(Table::Blobs, &keys::body(id));
            self.released.push(body);
        }
    }

    /// The writes until now.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// Size of keys and values in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The writes, the bodies that have an owner once they are done, and the bodies that have none once they are durable.
    pub fn into_parts(self) -> (Vec<Write>, Vec<PreparedBlob>, Vec<BlobRef>) {
        (self.writes, self.adopted, self.released)
    }
}
