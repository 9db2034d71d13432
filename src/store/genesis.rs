//! The state before block 1. Loaded once, in many transactions that end in the record; an interrupted load leaves no record and
//! is wiped by the next one.

use serde::{Deserialize, Serialize};

use super::accounts::account_entries;
use super::batch::{Batch, Table};
use super::body::{BodyKind, BodyLabel, BodyRef};
use super::delta::load;
use super::error::StoreError;
use super::keys::meta;
use super::{AccountChange, AccountState, BodyReader, PutOutcome, Store};

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

/// An account of genesis: id, account, non-zero balances by token.
pub type GenesisAccount = (u32, AccountState, Vec<(u32, u128)>);

/// Everything that genesis consists of.
pub struct GenesisInput<'a, A, T> {
    /// The genesis map as canonical JSON.
    pub body: &'a [u8],
    /// Root of the account tree, big-endian.
    pub root: [u8; 32],
    /// Hash that tells one genesis from another.
    pub content_hash: [u8; 32],
    /// The accounts.
    pub accounts: A,
    /// The entries of the account tree.
    pub tree: T,
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

    /// Loads genesis; durable on return. The same one again is fine, another one is [`StoreError::Different`].
    pub fn put_genesis<A, T>(&self, input: GenesisInput<'_, A, T>) -> Result<PutOutcome, StoreError>
    where
        A: IntoIterator<Item = GenesisAccount>,
        T: IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    {
        self.ready()?;
        let _chain = self.lock_chain();
        let _tree = self.lock_tree();
        if let Some(present) = self.genesis_row()? {
            if present.content_hash != input.content_hash {
                return Err(StoreError::Different { what: "genesis".into() });
            }
            self.sync()?;
            return Ok(PutOutcome::AlreadyThere);
        }
        self.wipe_unfinished_genesis()?;
        let mut marker = Batch::new();
        marker.put(Table::Meta, meta::GENESIS_LOADING, &true)?;
        self.apply(marker)?;

        let body = self.prepare_body(BodyLabel::block(BodyKind::Genesis, 0), input.body)?;
        let (mut accounts, mut failed) = (0u64, None);
        let entries = input.accounts.into_iter().map_while(|(id, state, balances)| {
            accounts += 1;
            let entries = account_entries(&AccountChange { id, state: Some(state), balances });
            entries.map_err(|error| failed = Some(error)).ok()
        });
        load(&self.db, Table::Accounts, entries.flatten())?;
        if let Some(error) = failed {
            return Err(error);
        }
        load(&self.db, Table::AccountTree, input.tree.into_iter().map(|(key, value)| (key, Some(value))))?;
        self.sync()?;

        let mut batch = Batch::new();
        let body = batch.adopt(body);
        let row = GenesisRow { root: input.root, content_hash: input.content_hash, accounts, body };
        batch.put(Table::Meta, meta::GENESIS, &row)?;
        batch.remove(Table::Meta, meta::GENESIS_LOADING);
        self.apply(batch)?;
        self.sync()?;
        Ok(PutOutcome::Stored)
    }

    /// Removes what an interrupted load left behind.
    pub(super) fn wipe_unfinished_genesis(&self) -> Result<(), StoreError> {
        if self.db.contains(Table::Meta, meta::GENESIS_LOADING)? {
            self.db.clear(Table::Accounts)?;
            self.db.clear(Table::AccountTree)?;
            let mut batch = Batch::new();
            batch.remove(Table::Meta, meta::GENESIS_LOADING);
            self.apply(batch)?;
        }
        Ok(())
    }

    pub(super) fn genesis_body_ref(&self) -> Result<Option<BodyRef>, StoreError> {
        Ok(self.genesis_row()?.map(|row| row.body))
    }

    fn genesis_row(&self) -> Result<Option<GenesisRow>, StoreError> {
        self.db.get(Table::Meta, meta::GENESIS)
    }
}
