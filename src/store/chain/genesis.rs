//! The genesis: the state before the first block of the folder, which is block 1 unless the folder
//! began with the state after a later block.

use serde::{Deserialize, Serialize};

use crate::store::chain::chain_store::ChainStore;
use crate::store::durable::blob_reader::BlobReader;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::codec;
use crate::store::kv::keys::meta;
use crate::store::kv::table::Table;

/// The stored genesis without its JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisRecord {
    /// The block after which this is the state; 0 before block 1.
    pub number: u32,
    /// Root of the account tree, big-endian.
    pub root: [u8; 32],
    /// Hash of the canonical JSON.
    pub content_hash: [u8; 32],
    /// Number of accounts.
    pub accounts: u64,
}

/// Stored; the layout is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GenesisRow {
    pub root: [u8; 32],
    pub content_hash: [u8; 32],
    pub accounts: u64,
    pub blob: BlobRef,
}

/// The genesis record with the block after which it is the state. Number 0 is not stored, so that
/// the record is a [`GenesisRow`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NumberedGenesis {
    pub row: GenesisRow,
    pub number: u32,
}

impl NumberedGenesis {
    /// Decodes a record.
    pub(crate) fn decode(payload: &[u8]) -> Result<Self, StoreError> {
        // A record without a number ends too early for the longer layout.
        if let Ok((row, number)) = codec::open_payload("meta", payload) {
            return Ok(Self { row, number });
        }
        Ok(Self { row: codec::open_payload("meta", payload)?, number: 0 })
    }

    /// Puts the record into the batch.
    pub(crate) fn put(&self, batch: &mut Batch) -> Result<(), StoreError> {
        match self.number {
            0 => batch.put(Table::Meta, meta::GENESIS, &self.row),
            number => batch.put(Table::Meta, meta::GENESIS, &(&self.row, number)),
        }
    }
}

impl ChainStore {
    /// Returns the genesis; `None` until it is imported completely.
    pub fn genesis(&self) -> Result<Option<GenesisRecord>, StoreError> {
        let stored = self.genesis_row()?;
        let record = |NumberedGenesis { row, number }| GenesisRecord {
            number,
            root: row.root,
            content_hash: row.content_hash,
            accounts: row.accounts,
        };
        Ok(stored.map(record))
    }

    /// Returns the block after which the genesis is the state, which is before the first block of
    /// the folder: 0 if that is block 1, and without a genesis.
    pub fn base(&self) -> Result<u32, StoreError> {
        Ok(self.genesis_row()?.map_or(0, |stored| stored.number))
    }

    /// Returns the canonical JSON of the genesis.
    pub fn genesis_json(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.genesis_row()?.map(|stored| self.core.read_blob(&stored.row.blob)).transpose()
    }

    /// Opens the canonical JSON of the genesis.
    pub fn open_genesis(&self) -> Result<Option<BlobReader>, StoreError> {
        self.genesis_row()?.map(|stored| self.core.open_blob(&stored.row.blob)).transpose()
    }

    /// Returns true if the blocks have come from a node.
    pub(crate) fn has_followed(&self) -> Result<bool, StoreError> {
        self.core.kv.contains(Table::Meta, meta::FOLLOWED)
    }

    /// Records that the blocks come from a node. Not synced: each session with the node does it
    /// again.
    pub(crate) fn note_followed(&self) -> Result<(), StoreError> {
        if self.has_followed()? {
            return Ok(());
        }
        self.core.ready()?;
        let _chain = self.lock();
        let mut batch = Batch::new();
        batch.put(Table::Meta, meta::FOLLOWED, &true)?;
        self.core.apply(batch)
    }

    pub(crate) fn genesis_row(&self) -> Result<Option<NumberedGenesis>, StoreError> {
        let payload = self.core.kv.get_raw(Table::Meta, meta::GENESIS)?;
        payload.map(|payload| NumberedGenesis::decode(&payload)).transpose()
    }
}
