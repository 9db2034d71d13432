//! Witnesses, and the account tree that moves with them.

use std::io;

use serde::{Deserialize, Serialize};

use crate::store::chain::change_log::{ACCOUNTS, ChangeLog, TREE};
use crate::store::chain::tree_store::TreeStore;
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::blob_writer::BlobWriter;
use crate::store::durable::blobs::PreparedBlob;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::keys;
use crate::store::kv::table::Table;
use crate::tree::source::ChangeSet;

/// A witness whose JSON is on disk already; see [`TreeStore::prepare_witness`].
#[derive(Debug)]
pub struct NewWitness {
    /// The JSON of the witness.
    pub body: PreparedBlob,
    /// The second member of the job's `BlockProof`.
    pub operations: u32,
}

/// What block `number` does to the account tree, with its witness.
#[derive(Debug)]
pub struct WitnessCommit<'a> {
    /// Block number; one more than [`TreeStore::head`].
    pub number: u32,
    /// The witness; `None` when the block is quarantined and only the tree moves on.
    pub witness: Option<NewWitness>,
    /// The change of the account tree.
    pub change_set: &'a ChangeSet,
    /// The root after it, big-endian.
    pub root: [u8; 32],
}

/// A stored witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessRecord {
    /// Where the JSON is.
    pub body: BlobRef,
    /// The second member of the job's `BlockProof`.
    pub operations: u32,
    /// When it was stored, in milliseconds since 1970.
    pub stored_at_ms: u64,
}

/// Stored: frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WitnessRow {
    pub body: BlobRef,
    pub operations: u32,
    pub stored_at_ms: u64,
}

impl TreeStore {
    /// The last block whose change of the account tree is stored; 0 when there is none.
    pub fn head(&self) -> Result<u32, StoreError> {
        TREE.head(&self.core.kv)
    }

    /// Compresses a witness as it is written and makes it durable. The slow part, done before and outside of the ordered
    /// [`TreeStore::commit_witness`].
    pub fn prepare_witness(
        &self,
        number: u32,
        operations: u32,
        write: impl FnOnce(&mut BlobWriter) -> io::Result<()>,
    ) -> Result<NewWitness, StoreError> {
        let body = self.core.write_blob(BlobLabel::block(BlobKind::Witness, number), write)?;
        Ok(NewWitness { body, operations })
    }

    /// Stores the witness of the next block and moves the account tree on; durable on return. Changes of the tree older than the
    /// kept history are forgotten. The last block again, with the same root, is fine: that is how a failed call is repeated.
    pub fn commit_witness(&self, commit: WitnessCommit<'_>) -> Result<(), StoreError> {
        self.core.ready()?;
        let _tree = self.lock();
        let number = commit.number;
        TREE.apply_pending(&self.core.kv, &self.core.blobs)?;
        let head = self.head()?;
        if number == head && TREE.root(&self.core.kv, number)? == Some(commit.root) {
            // Recorded before a failure; now it is applied as well.
            return self.core.sync();
        }
        let expected = head.saturating_add(1);
        if number != expected {
            return Err(StoreError::OutOfOrder { expected, got: number });
        }
        if number > self.chain.head()? {
            return Err(StoreError::NotFound { what: format!("block {number}") });
        }
        let label = BlobLabel::block(BlobKind::TreeChanges, number);
        let change_set = self.core.prepare_blob(label, &ChangeLog::encode(commit.change_set)?)?;
        let mut batch = Batch::new();
        if let Some(witness) = commit.witness {
            self.put_witness_row(&mut batch, number, witness)?;
        }
        TREE.record(&mut batch, number, commit.root, change_set)?;
        if let Some(forgotten) = number.checked_sub(self.history) {
            TREE.trim(&self.core.kv, &mut batch, forgotten)?;
            ACCOUNTS.trim(&self.core.kv, &mut batch, forgotten)?;
        }
        self.core.apply(batch)?;
        self.core.sync()?;
        TREE.apply(&self.core.kv, number, commit.change_set)
    }

    /// The witness of a block; read it with [`crate::store::Store::read_blob`] or [`crate::store::Store::open_blob`].
    pub fn witness(&self, number: u32) -> Result<Option<WitnessRecord>, StoreError> {
        let row = self.witness_row(number)?;
        Ok(row.map(|WitnessRow { body, operations, stored_at_ms }| WitnessRecord {
            body,
            operations,
            stored_at_ms,
        }))
    }

    pub(crate) fn witness_row(&self, number: u32) -> Result<Option<WitnessRow>, StoreError> {
        self.core.kv.get(Table::Witnesses, &keys::number(number))
    }

    fn put_witness_row(&self, batch: &mut Batch, number: u32, witness: NewWitness) -> Result<(), StoreError> {
        let row = WitnessRow {
            body: batch.adopt(witness.body),
            operations: witness.operations,
            stored_at_ms: self.core.clock.wall_ms(),
        };
        batch.put(Table::Witnesses, &keys::number(number), &row)
    }
}
