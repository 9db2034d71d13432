//! Imported blocks, and which of them are quarantined.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::Quarantine;
use crate::store::chain::accounts::AccountChange;
use crate::store::chain::chain_store::ChainStore;
use crate::store::chain::change_log::{ACCOUNTS, ChangeLog};
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blob_reader::BlobReader;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::error::StoreError;
use crate::store::imported::Imported;
use crate::store::kv::batch::Batch;
use crate::store::kv::table::Table;
use crate::store::kv::{codec, keys};
use crate::tree::source::Entry;

/// A block to store.
#[derive(Clone, Debug)]
pub struct NewBlock<'a> {
    /// Block number; one more than [`ChainStore::head`].
    pub number: u32,
    /// Root of the account tree after the block, big-endian.
    pub root: [u8; 32],
    /// The block's commitment.
    pub commitment: [u8; 32],
    /// Size of the block in chunks.
    pub chunks: u32,
    /// Hash that tells one block from another with that number.
    pub content_hash: [u8; 32],
    /// `{"block":…,"accounts_updated":…}` as canonical JSON.
    pub body: &'a [u8],
    /// What the import learned and the witness will need, for instance the outcome of signature checks.
    pub extra: &'a [u8],
    /// The accounts as the block leaves them.
    pub changes: &'a [AccountChange],
    /// Set when the block is stored but not to be witnessed.
    pub quarantine: Option<Quarantine>,
}

/// A [`Quarantine`] as it is stored. Its layout never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QuarantineRow {
    pub operation: Option<u32>,
    pub kind: Option<String>,
    pub reason: String,
    pub at_ms: u64,
}

impl From<Quarantine> for QuarantineRow {
    fn from(Quarantine { reason, operation, kind, at_ms }: Quarantine) -> Self {
        Self { operation, kind, reason, at_ms }
    }
}

impl From<QuarantineRow> for Quarantine {
    fn from(QuarantineRow { operation, kind, reason, at_ms }: QuarantineRow) -> Self {
        Self { reason, operation, kind, at_ms }
    }
}

/// A stored block without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRecord {
    /// Block number.
    pub number: u32,
    /// Root of the account tree after the block, big-endian.
    pub root: [u8; 32],
    /// The block's commitment.
    pub commitment: [u8; 32],
    /// Size of the block in chunks.
    pub chunks: u32,
    /// Hash that tells one block from another with that number.
    pub content_hash: [u8; 32],
    /// When it was imported, in milliseconds since 1970.
    pub imported_at_ms: u64,
    /// Set when the block cannot be witnessed.
    pub quarantine: Option<Quarantine>,
    /// Whether its witness is stored.
    pub witnessed: bool,
    /// Length of [`NewBlock::extra`], in bytes.
    pub extra_len: u64,
}

/// Stored: frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlockRow {
    pub number: u32,
    pub root: [u8; 32],
    pub commitment: [u8; 32],
    pub chunks: u32,
    pub content_hash: [u8; 32],
    pub imported_at_ms: u64,
    pub body: BlobRef,
    pub extra: BlobRef,
}

/// The longest cause that is kept, in bytes: records stay small.
const MAX_CAUSE: usize = 1000;

impl ChainStore {
    /// Time since a block was imported, by the wall clock; `None` when it is not there.
    pub fn age_of_block(&self, number: u32) -> Result<Option<Duration>, StoreError> {
        let age = |block: BlockRecord| self.core.now_ms().saturating_sub(block.imported_at_ms);
        Ok(self.block(number)?.map(|block| Duration::from_millis(age(block))))
    }

    /// The last imported block; 0 when there is none.
    pub fn head(&self) -> Result<u32, StoreError> {
        ACCOUNTS.head(&self.core.kv)
    }

    /// Stores the next block; durable on return. The same block again is fine; another one with that number is
    /// [`StoreError::Different`], a number out of order [`StoreError::OutOfOrder`]; too little space [`StoreError::InsufficientStorage`].
    pub fn put_block(&self, block: NewBlock<'_>) -> Result<Imported, StoreError> {
        self.core.ready()?;
        let _chain = self.lock();
        let number = block.number;
        // A failure between recording and applying leaves this to do.
        ACCOUNTS.apply_pending(&self.core.kv, &self.core.blobs)?;
        if let Some(present) = self.block_row(number)? {
            if present.content_hash != block.content_hash {
                return Err(StoreError::Different { what: format!("block {number}") });
            }
            self.core.sync()?;
            return Ok(Imported::AlreadyThere);
        }
        if self.genesis()?.is_none() {
            return Err(StoreError::NotFound { what: "genesis: import it before the first block".into() });
        }
        let expected = self.head()?.saturating_add(1);
        if number != expected {
            return Err(StoreError::OutOfOrder { expected, got: number });
        }
        self.core.check_space()?;
        let prepare = |kind, bytes: &[u8]| self.core.prepare_blob(BlobLabel::block(kind, number), bytes);
        let change_set = self.account_change_set(block.changes)?;
        let prepared = prepare(BlobKind::AccountChanges, &ChangeLog::encode(&change_set)?)?;
        let body = prepare(BlobKind::Block, block.body)?;
        let extra = prepare(BlobKind::BlockExtra, block.extra)?;

        let entry = self.core.journalled(BlobLabel::block(BlobKind::Block, number), &body)?;
        let mut batch = Batch::new();
        let row = BlockRow {
            number,
            root: block.root,
            commitment: block.commitment,
            chunks: block.chunks,
            content_hash: block.content_hash,
            imported_at_ms: self.core.clock.wall_ms(),
            body: batch.adopt(body),
            extra: batch.adopt(extra),
        };
        batch.put(Table::Blocks, &keys::number(number), &row)?;
        let reason = block.quarantine.as_ref().map(|quarantine| quarantine.reason.clone());
        if let Some(quarantine) = block.quarantine {
            put_quarantine(&mut batch, number, quarantine, self.core.now_ms())?;
        }
        ACCOUNTS.record(&mut batch, number, block.root, prepared)?;
        self.core.apply_journalled(batch, entry)?;
        self.core.sync()?;
        ACCOUNTS.apply(&self.core.kv, number, &change_set)?;
        Ok(reason.map_or(Imported::Stored, Imported::Quarantined))
    }

    /// A block without its body.
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

    /// The block as it was put: `{"block":…,"accounts_updated":…}`.
    pub fn block_body(&self, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.block_row(number)?.map(|row| self.core.read_blob(&row.body)).transpose()
    }

    /// As [`ChainStore::block_body`], to be read in parts.
    pub fn open_block(&self, number: u32) -> Result<Option<BlobReader>, StoreError> {
        self.block_row(number)?.map(|row| self.core.open_blob(&row.body)).transpose()
    }

    /// What the import learned about the block.
    pub fn block_extra(&self, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.block_row(number)?.map(|row| self.core.read_blob(&row.extra)).transpose()
    }

    /// Why the block cannot be witnessed, if so.
    pub fn quarantine(&self, number: u32) -> Result<Option<Quarantine>, StoreError> {
        let row: Option<QuarantineRow> = self.core.kv.get(Table::Quarantine, &keys::number(number))?;
        Ok(row.map(Quarantine::from))
    }

    /// Quarantines a stored block, or frees it. Not durable by itself: the reason can be found again.
    pub fn set_quarantine(&self, number: u32, quarantine: Option<Quarantine>) -> Result<(), StoreError> {
        self.core.ready()?;
        let _chain = self.lock();
        if self.block_row(number)?.is_none() {
            return Err(StoreError::NotFound { what: format!("block {number}") });
        }
        let mut batch = Batch::new();
        match quarantine {
            Some(quarantine) => put_quarantine(&mut batch, number, quarantine, self.core.now_ms())?,
            None => batch.remove(Table::Quarantine, &keys::number(number)),
        }
        self.core.apply(batch)
    }

    /// Frees a quarantined block, so that it is tried again; durable on return. Whether it was quarantined.
    pub fn free(&self, number: u32) -> Result<bool, StoreError> {
        self.core.ready()?;
        let chain = self.lock();
        if self.block_row(number)?.is_none() {
            return Err(StoreError::NotFound { what: format!("block {number}") });
        }
        let was = self.core.kv.contains(Table::Quarantine, &keys::number(number))?;
        if was {
            let mut batch = Batch::new();
            batch.remove(Table::Quarantine, &keys::number(number));
            self.core.apply(batch)?;
        }
        drop(chain);
        self.core.sync()?;
        Ok(was)
    }

    /// Up to `limit` quarantined blocks, the first ones.
    pub fn quarantined(&self, limit: usize) -> Result<Vec<(u32, Quarantine)>, StoreError> {
        self.quarantined_from(0, limit)
    }

    /// Up to `limit` quarantined blocks from a number on, the first ones.
    pub fn quarantined_from(&self, number: u32, limit: usize) -> Result<Vec<(u32, Quarantine)>, StoreError> {
        let entries = self.core.kv.range(Table::Quarantine, &keys::number(number), &[0xff; 5], limit)?;
        let parse = |(key, payload): Entry| {
            let number = keys::head_number(&key).ok_or_else(|| StoreError::corrupt("a key is cut short"))?;
            let row: QuarantineRow = codec::decode("a quarantine", &payload)?;
            Ok((number, row.into()))
        };
        entries.into_iter().map(parse).collect()
    }

    pub(crate) fn block_row(&self, number: u32) -> Result<Option<BlockRow>, StoreError> {
        self.core.kv.get(Table::Blocks, &keys::number(number))
    }
}

fn put_quarantine(
    batch: &mut Batch,
    number: u32,
    quarantine: Quarantine,
    at_ms: u64,
) -> Result<(), StoreError> {
    let mut row = QuarantineRow { at_ms, ..quarantine.into() };
    let mut end = row.reason.len().min(MAX_CAUSE);
    while !row.reason.is_char_boundary(end) {
        end -= 1;
    }
    row.reason.truncate(end);
    batch.put(Table::Quarantine, &keys::number(number), &row)
}
