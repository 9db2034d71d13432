//! The state before block 1, once it is loaded; `genesis_load` is how it gets there.

use serde::{Deserialize, Serialize};

use crate::store::chain::chain_store::ChainStore;
use crate::store::durable::blob_reader::BlobReader;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::error::StoreError;
use crate::store::kv::keys::meta;
use crate::store::kv::table::Table;

/// What is known of genesis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisRecord {
    /// Root of the account tree, big-endian.
    pub root: [u8; 32],
    /// Hash of the canonical genesis map.
    pub content_hash: [u8; 32],
    /// Number of accounts.
    pub accounts: u64,
}

/// Stored: frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GenesisRow {
    pub root: [u8; 32],
    pub content_hash: [u8; 32],
    pub accounts: u64,
    pub body: BlobRef,
}

impl ChainStore {
    /// Genesis, if it was imported.
    pub fn genesis(&self) -> Result<Option<GenesisRecord>, StoreError> {
        let row = self.genesis_row()?;
        Ok(row.map(|row| GenesisRecord {
            root: row.root,
            content_hash: row.content_hash,
            accounts: row.accounts,
        }))
    }

    /// The genesis map as it was put.
    pub fn genesis_body(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.genesis_row()?.map(|row| self.core.read_blob(&row.body)).transpose()
    }

    /// As [`ChainStore::genesis_body`], to be read in parts.
    pub fn open_genesis(&self) -> Result<Option<BlobReader>, StoreError> {
        self.genesis_row()?.map(|row| self.core.open_blob(&row.body)).transpose()
    }

    pub(crate) fn genesis_row(&self) -> Result<Option<GenesisRow>, StoreError> {
        self.core.kv.get(Table::Meta, meta::GENESIS)
    }
}
