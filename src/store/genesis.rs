//! The state before block 1, once it is loaded; `genesis_load` is how it gets there.

use serde::{Deserialize, Serialize};

use super::batch::Table;
use super::body::BodyRef;
use super::error::StoreError;
use super::keys::meta;
use super::{BodyReader, Store};

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
pub(super) struct GenesisRow {
    pub root: [u8; 32],
    pub content_hash: [u8; 32],
    pub accounts: u64,
    pub body: BodyRef,
}

impl Store {
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
        self.genesis_row()?.map(|row| self.read_body(&row.body)).transpose()
    }

    /// As [`Store::genesis_body`], to be read in parts.
    pub fn open_genesis(&self) -> Result<Option<BodyReader>, StoreError> {
        self.genesis_row()?.map(|row| self.open_body(&row.body)).transpose()
    }

    pub(super) fn genesis_body_ref(&self) -> Result<Option<BodyRef>, StoreError> {
        Ok(self.genesis_row()?.map(|row| row.body))
    }

    pub(super) fn genesis_row(&self) -> Result<Option<GenesisRow>, StoreError> {
        self.db.get(Table::Meta, meta::GENESIS)
    }
}
