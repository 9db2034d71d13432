//! Loading a genesis: it is larger than a transaction, and a large one takes minutes.
//!
//! Accounts are added by ascending id, one *part* of the ids after the other, and the progress is
//! marked from time to time. The last transaction removes the markers and writes the genesis record
//! and the roots of the tree: only then a genesis exists.

use std::sync::MutexGuard;

use crate::store::chain::accounts::{AccountChange, AccountState, account_entries};
use crate::store::chain::chain_store::ChainStore;
use crate::store::chain::change_log::{ACCOUNTS, TREE, load};
use crate::store::chain::genesis::{GenesisRow, NumberedGenesis};
use crate::store::chain::genesis_progress::{ProgressRow, resume_or_begin, wipe};
use crate::store::core::Core;
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blobs::PreparedBlob;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::keys::meta;
use crate::store::kv::table::Table;
use crate::store::store::Store;
use crate::tree::source::Entry;

/// An account of the genesis: id, account, non-zero balances by token.
pub(crate) type GenesisAccount = (u32, AccountState, Vec<(u32, u128)>);

/// The data that completes a load.
pub struct GenesisEnd {
    /// The genesis as canonical JSON.
    pub blob: PreparedBlob,
    /// Root of the account tree, big-endian.
    pub root: [u8; 32],
    /// Number of accounts.
    pub accounts: u64,
    /// The remaining entries of the account tree.
    pub tree: Vec<Entry>,
    /// The entry without which the tree does not exist.
    pub roots: Entry,
}

/// A load in progress. If it is dropped before its end, another load can resume it.
pub struct GenesisLoad<'a> {
    core: &'a Core,
    progress: ProgressRow,
    _chain: MutexGuard<'a, ()>,
    _tree: MutexGuard<'a, ()>,
}

impl Store {
    /// Begins to load the genesis with this identity, such as its hash, in parts of `part_size`
    /// account ids, or resumes it; returns `None` if it is stored.
    ///
    /// # Errors
    /// [`StoreError::Different`] if another genesis is stored.
    pub fn load_genesis(
        &self,
        identity: [u8; 32],
        part_size: u32,
    ) -> Result<Option<GenesisLoad<'_>>, StoreError> {
        let core = self.core();
        core.ready()?;
        let chain = self.chain().lock();
        let tree = self.tree().lock();
        if let Some(present) = self.chain().genesis_row()? {
            if present.row.content_hash != identity {
                return Err(StoreError::Different { what: "genesis".into() });
            }
            core.sync()?;
            return Ok(None);
        }
        core.check_space()?;
        let progress = resume_or_begin(core, identity, part_size)?;
        Ok(Some(GenesisLoad { core, progress, _chain: chain, _tree: tree }))
    }
}

impl ChainStore {
    /// Returns the identity of an interrupted load.
    pub(crate) fn interrupted_load(&self) -> Result<Option<[u8; 32]>, StoreError> {
        let progress: Option<ProgressRow> = self.core.kv.get(Table::Meta, meta::GENESIS_PROGRESS)?;
        Ok(progress.map(|progress| progress.content_hash))
    }
}

impl GenesisLoad<'_> {
    /// Returns the account id below which all accounts are on disk.
    pub fn done(&self) -> u32 {
        self.progress.done
    }

    /// Writes accounts and entries of the account tree. They may be written more than once.
    pub fn add(
        &self,
        accounts: impl IntoIterator<Item = GenesisAccount>,
        tree: Vec<Entry>,
    ) -> Result<(), StoreError> {
        let mut failed = None;
        let entries = accounts.into_iter().map_while(|(id, state, balances)| {
            let entries = account_entries(&AccountChange { id, state: Some(state), balances });
            entries.map_err(|error| failed = Some(error)).ok()
        });
        load(&self.core.kv, Table::Accounts, entries.flatten())?;
        if let Some(error) = failed {
            return Err(error);
        }
        load(&self.core.kv, Table::AccountTree, tree.into_iter().map(|(key, value)| (key, Some(value))))
    }

    /// Marks that all accounts below an id were added: the next load resumes there. Durable on
    /// return.
    ///
    /// # Errors
    /// [`StoreError::InsufficientStorage`] if less than the floor is free for the rest of the load.
    /// The mark is stored in this case, too.
    pub fn mark(&mut self, done: u32) -> Result<(), StoreError> {
        // Sync the entries first: the marker must not cover entries that are not on disk.
        self.core.sync()?;
        let progress = ProgressRow { done, ..self.progress.clone() };
        let mut batch = Batch::new();
        batch.put(Table::Meta, meta::GENESIS_PROGRESS, &progress)?;
        self.core.apply(batch)?;
        self.core.sync()?;
        self.progress = progress;
        self.core.check_space()
    }

    /// Removes everything that was loaded.
    pub(crate) fn discard(self) -> Result<(), StoreError> {
        wipe(self.core)
    }

    /// Completes the genesis, whose hash is its identity; durable on return.
    pub fn finish(self, end: GenesisEnd) -> Result<(), StoreError> {
        let content_hash = self.progress.content_hash;
        self.finish_at(0, content_hash, end)
    }

    /// Completes the state after block `number`, with the hash of its canonical JSON; durable on
    /// return. The folder begins with the next block.
    pub(crate) fn finish_at(
        self,
        number: u32,
        content_hash: [u8; 32],
        end: GenesisEnd,
    ) -> Result<(), StoreError> {
        self.add([], end.tree)?;
        self.core.sync()?;
        let entry = self.core.journalled(BlobLabel::block(BlobKind::Genesis, number), &end.blob)?;
        let mut batch = Batch::new();
        let row =
            GenesisRow { root: end.root, content_hash, accounts: end.accounts, blob: batch.adopt(end.blob) };
        NumberedGenesis { row, number }.put(&mut batch)?;
        if number > 0 {
            ACCOUNTS.begin(&mut batch, number)?;
            TREE.begin(&mut batch, number)?;
        }
        let (key, value) = end.roots;
        batch.put_raw(Table::AccountTree, &key, &value);
        batch.remove(Table::Meta, meta::GENESIS_LOADING);
        batch.remove(Table::Meta, meta::GENESIS_PROGRESS);
        self.core.apply_journalled(batch, entry)?;
        self.core.sync()
    }
}
