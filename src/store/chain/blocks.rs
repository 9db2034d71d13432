//! Imported blocks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::Quarantine;
use crate::store::chain::accounts::AccountChange;
use crate::store::chain::chain_store::ChainStore;
use crate::store::chain::change_log::{ACCOUNTS, ChangeLog};
use crate::store::chain::quarantine::put_quarantine;
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blob_reader::BlobReader;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::error::StoreError;
use crate::store::imported::Imported;
use crate::store::kv::batch::Batch;
use crate::store::kv::keys;
use crate::store::kv::table::Table;

/// A block to be stored.
#[derive(Clone, Debug)]
pub struct NewBlock<'a> {
    /// Block number; one more than [`ChainStore::head`].
    pub number: u32,
    /// Root of the account tree after the block, big-endian.
    pub root: [u8; 32],
    /// Commitment of the block.
    pub commitment: [u8; 32],
    /// Size of the block in chunks.
    pub chunks: u32,
    /// Hash that tells the block from others with that number.
    pub content_hash: [u8; 32],
    /// `{"block":…,"accounts_updated":…}` as canonical JSON.
    pub json: &'a [u8],
    /// The outcomes of the signature checks, which the witness needs.
    pub extra: &'a [u8],
    /// The accounts after the block.
    pub changes: &'a [AccountChange],
    /// The reason why no witness can be built, if the import found one. The store sets its time.
    pub quarantine: Option<Quarantine>,
}

/// A stored block without its JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRecord {
    /// Block number.
    pub number: u32,
    /// Root of the account tree after the block, big-endian.
    pub root: [u8; 32],
    /// Commitment of the block.
    pub commitment: [u8; 32],
    /// Size of the block in chunks.
    pub chunks: u32,
    /// Hash that tells the block from others with that number.
    pub content_hash: [u8; 32],
    /// Time of the import in milliseconds since 1970.
    pub imported_at_ms: u64,
    /// The reason why no witness can be built, if there is one.
    pub quarantine: Option<Quarantine>,
    /// True if the witness is stored.
    pub witnessed: bool,
    /// Length of [`NewBlock::extra`] in bytes.
    pub extra_len: u64,
}

/// Stored; the layout is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlockRow {
    pub number: u32,
    pub root: [u8; 32],
    pub commitment: [u8; 32],
    pub chunks: u32,
    pub content_hash: [u8; 32],
    pub imported_at_ms: u64,
    pub blob: BlobRef,
    pub extra: BlobRef,
}

impl ChainStore {
    /// Returns the number of the last imported block; 0 before block 1.
    pub fn head(&self) -> Result<u32, StoreError> {
        ACCOUNTS.head(&self.core.kv)
    }

    /// Stores the next block; durable on return. The same block may be stored again.
    ///
    /// # Errors
    /// [`StoreError::Different`] if another block with this number is stored;
    /// [`StoreError::OutOfOrder`] if another number comes next.
    pub fn put_block(&self, block: NewBlock<'_>) -> Result<Imported, StoreError> {
        self.core.ready()?;
        let _chain = self.lock();
        let number = block.number;
        // After a failure, the last block may be recorded but not applied.
        ACCOUNTS.apply_pending(&self.core.kv, &self.core.blobs)?;
        if let Some(present) = self.block_row(number)? {
            if present.content_hash != block.content_hash {
                return Err(StoreError::Different { what: format!("block {number}") });
            }
            self.core.sync()?;
            return Ok(Imported::AlreadyThere);
        }
        if self.genesis_row()?.is_none() {
            return Err(StoreError::NotFound { what: "the genesis".into() });
        }
        let expected = self.head()?.saturating_add(1);
        if number != expected {
            return Err(StoreError::OutOfOrder { expected, got: number });
        }
        self.core.check_space()?;
        let prepare = |kind, bytes: &[u8]| self.core.prepare_blob(BlobLabel::block(kind, number), bytes);
        let change_set = self.account_change_set(block.changes)?;
        let change_blob = prepare(BlobKind::AccountChanges, &ChangeLog::encode(&change_set)?)?;
        let blob = prepare(BlobKind::Block, block.json)?;
        let extra = prepare(BlobKind::BlockExtra, block.extra)?;

        let entry = self.core.journalled(BlobLabel::block(BlobKind::Block, number), &blob)?;
        let mut batch = Batch::new();
        let row = BlockRow {
            number,
            root: block.root,
            commitment: block.commitment,
            chunks: block.chunks,
            content_hash: block.content_hash,
            imported_at_ms: self.core.now_ms(),
            blob: batch.adopt(blob),
            extra: batch.adopt(extra),
        };
        batch.put(Table::Blocks, &keys::number(number), &row)?;
        let reason = block.quarantine.as_ref().map(|quarantine| quarantine.reason.clone());
        if let Some(quarantine) = block.quarantine {
            put_quarantine(&mut batch, number, quarantine, row.imported_at_ms)?;
        }
        ACCOUNTS.record(&mut batch, number, block.root, change_blob)?;
        self.core.apply_journalled(batch, entry)?;
        self.core.sync()?;
        ACCOUNTS.apply(&self.core.kv, number, &change_set)?;
        Ok(reason.map_or(Imported::Stored, Imported::Quarantined))
    }

    /// Returns a block without its JSON.
    pub fn block(&self, number: u32) -> Result<Option<BlockRecord>, StoreError> {
        let Some(row) = self.block_row(number)? else { return Ok(None) };
        Ok(Some(BlockRecord {
            number: row.number,
            root: row.root,
            commitment: row.commitment,
            chunks: row.chunks,
            content_hash: row.content_hash,
            imported_at_ms: row.imported_at_ms,
            quarantine: self.quarantine(number)?,
            witnessed: self.core.kv.contains(Table::Witnesses, &keys::number(number))?,
            extra_len: row.extra.raw_len(),
        }))
    }

    /// Returns the time since the import of a block, by the wall clock.
    pub fn age_of_block(&self, number: u32) -> Result<Option<Duration>, StoreError> {
        let age = |row: BlockRow| self.core.now_ms().saturating_sub(row.imported_at_ms);
        Ok(self.block_row(number)?.map(|row| Duration::from_millis(age(row))))
    }

    /// Returns the canonical JSON of a block, [`NewBlock::json`].
    pub fn block_json(&self, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.block_row(number)?.map(|row| self.core.read_blob(&row.blob)).transpose()
    }

    /// Opens the canonical JSON of a block.
    pub fn open_block(&self, number: u32) -> Result<Option<BlobReader>, StoreError> {
        self.block_row(number)?.map(|row| self.core.open_blob(&row.blob)).transpose()
    }

    /// Returns [`NewBlock::extra`] of a block.
    pub fn block_extra(&self, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.block_row(number)?.map(|row| self.core.read_blob(&row.extra)).transpose()
    }

    pub(crate) fn block_row(&self, number: u32) -> Result<Option<BlockRow>, StoreError> {
        self.core.kv.get(Table::Blocks, &keys::number(number))
    }
}
