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

/// A witness whose JSON is already on disk, made by [`TreeStore::prepare_witness`].
#[derive(Debug)]
pub struct NewWitness {
    /// The JSON of the witness.
    pub blob: PreparedBlob,
    /// Second element of `BlockProof` in the data of the job.
    pub operations: u32,
}

/// The witness of a block, and what the block changes in the account tree.
#[derive(Debug)]
pub struct WitnessCommit<'a> {
    /// Block number; one more than [`TreeStore::head`].
    pub number: u32,
    /// The witness; `None` if it is stored already, or if only the tree moves over the block.
    pub witness: Option<NewWitness>,
    /// True if the block has to have a witness afterwards.
    pub required: bool,
    /// The changes of the account tree.
    pub change_set: &'a ChangeSet,
    /// Root of the account tree after the block, big-endian.
    pub root: [u8; 32],
}

/// A stored witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessRecord {
    /// The JSON, for [`Store::read_blob`](crate::store::Store::read_blob).
    pub blob: BlobRef,
    /// Second element of `BlockProof` in the data of the job.
    pub operations: u32,
    /// Time of its storage in milliseconds since 1970.
    pub stored_at_ms: u64,
}

/// Stored; the layout is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WitnessRow {
    pub blob: BlobRef,
    pub operations: u32,
    pub stored_at_ms: u64,
}

impl TreeStore {
    /// Returns the last block whose change of the account tree is stored; 0 before block 1.
    pub fn head(&self) -> Result<u32, StoreError> {
        TREE.head(&self.core.kv)
    }

    /// Compresses a witness while `write` writes it, and makes it durable. This is the slow part;
    /// it needs no order among blocks, unlike [`TreeStore::commit_witness`].
    pub fn prepare_witness(
        &self,
        number: u32,
        operations: u32,
        write: impl FnOnce(&mut BlobWriter) -> io::Result<()>,
    ) -> Result<NewWitness, StoreError> {
        let blob = self.core.write_blob(BlobLabel::block(BlobKind::Witness, number), write)?;
        Ok(NewWitness { blob, operations })
    }

    /// Stores the witness of the next block and moves the account tree over the block; durable on
    /// return. Change sets beyond the history are removed.
    ///
    /// The last block may be committed again with the same root, so that a failed call can be
    /// repeated.
    ///
    /// # Errors
    /// [`StoreError::Interrupted`] if a required witness is neither given nor stored: the caller saw
    /// one that a reopen has lost.
    pub fn commit_witness(&self, commit: WitnessCommit<'_>) -> Result<(), StoreError> {
        self.core.ready()?;
        let _tree = self.lock();
        let kv = &self.core.kv;
        let number = commit.number;
        TREE.apply_pending(kv, &self.core.blobs)?;
        let head = self.head()?;
        if number == head && TREE.root(kv, number)? == Some(commit.root) {
            // An earlier call recorded the block and then failed; the block is applied now.
            return self.core.sync();
        }
        let expected = head.saturating_add(1);
        if number != expected {
            return Err(StoreError::OutOfOrder { expected, got: number });
        }
        if number > self.chain.head()? {
            return Err(StoreError::NotFound { what: format!("block {number}") });
        }
        if commit.required && commit.witness.is_none() && self.witness(number)?.is_none() {
            return Err(StoreError::Interrupted);
        }
        let label = BlobLabel::block(BlobKind::TreeChanges, number);
        let change_set = self.core.prepare_blob(label, &ChangeLog::encode(commit.change_set)?)?;
        let mut batch = Batch::new();
        if let Some(NewWitness { blob, operations }) = commit.witness {
            let stored_at_ms = self.core.now_ms();
            let row = WitnessRow { blob: batch.adopt(blob), operations, stored_at_ms };
            batch.put(Table::Witnesses, &keys::number(number), &row)?;
        }
        TREE.record(&mut batch, number, commit.root, change_set)?;
        if let Some(last) = number.checked_sub(self.history) {
            TREE.trim(kv, &mut batch, last)?;
            ACCOUNTS.trim(kv, &mut batch, last)?;
        }
        self.core.apply(batch)?;
        self.core.sync()?;
        TREE.apply(kv, number, commit.change_set)
    }

    /// Returns the witness of a block.
    pub fn witness(&self, number: u32) -> Result<Option<WitnessRecord>, StoreError> {
        let row = self.witness_row(number)?;
        let record =
            |WitnessRow { blob, operations, stored_at_ms }| WitnessRecord { blob, operations, stored_at_ms };
        Ok(row.map(record))
    }

    pub(crate) fn witness_row(&self, number: u32) -> Result<Option<WitnessRow>, StoreError> {
        self.core.kv.get(Table::Witnesses, &keys::number(number))
    }
}
