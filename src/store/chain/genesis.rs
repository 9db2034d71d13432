//! The genesis: the state before block 1.

use serde::{Deserialize, Serialize};

use crate::store::chain::chain_store::ChainStore;
use crate::store::durable::blob_reader::BlobReader;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::error::StoreError;
use crate::store::kv::keys::meta;
use crate::store::kv::table::Table;

/// The stored genesis without its JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisRecord {
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

impl ChainStore {
    /// Returns the genesis; `None` until it is imported completely.
    pub fn genesis(&self) -> Result<Option<GenesisRecord>, StoreError> {
        let row = self.genesis_row()?;
        let record = |row: GenesisRow| GenesisRecord {
            root: row.root,
            content_hash: row.content_hash,
            accounts: row.accounts,
        };
        Ok(row.map(record))
    }

    /// Returns the canonical JSON of the genesis.
    pub fn genesis_json(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.genesis_row()?.map(|row| self.core.read_blob(&row.blob)).transpose()
    }

    /// Opens the canonical JSON of the genesis.
    pub fn open_genesis(&self) -> Result<Option<BlobReader>, StoreError> {
        self.genesis_row()?.map(|row| self.core.open_blob(&row.blob)).transpose()
    }

    pub(crate) fn genesis_row(&self) -> Result<Option<GenesisRow>, StoreError> {
        self.core.kv.get(Table::Meta, meta::GENESIS)
    }
}
