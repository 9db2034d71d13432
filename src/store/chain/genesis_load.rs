//! Loading genesis: more than a transaction holds, and a matter of minutes when it is large.
//!
//! Its accounts come by ascending id, a *part* of the ids after the other. From the first entry on `meta` holds two markers: one that
//! a load is under way, one that says of which genesis, and below which id everything is on disk. A load that is
//! interrupted, by a kill or a failed write, stays as it is; the next load of the same genesis goes on behind that id and writes
//! again what was there beyond it. Any other genesis first wipes it.
//!
//! The last transaction removes the markers and puts the genesis record and the roots of the tree: only then is there a genesis.

use std::sync::MutexGuard;

use serde::{Deserialize, Serialize};

use crate::store::chain::accounts::account_entries;
use crate::store::chain::accounts::{AccountChange, AccountState};
use crate::store::chain::change_log::load;
use crate::store::chain::genesis::GenesisRow;
use crate::store::core::Core;
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blobs::PreparedBlob;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::keys::meta;
use crate::store::kv::table::Table;
use crate::store::store::Store;
use crate::tree::source::Entry;

/// An account of genesis: id, account, non-zero balances by token.
pub type GenesisAccount = (u32, AccountState, Vec<(u32, u128)>);

/// How far a load is. Stored: frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProgressRow {
    pub content_hash: [u8; 32],
    /// Ids a part covers.
    pub part_size: u32,
    /// Everything of accounts below this id is on disk.
    pub done: u32,
}

/// What completes a genesis.
pub struct GenesisEnd {
    /// The genesis map as canonical JSON.
    pub body: PreparedBlob,
    /// Root of the account tree, big-endian.
    pub root: [u8; 32],
    /// Number of accounts.
    pub accounts: u64,
    /// The remaining entries of the account tree.
    pub tree: Vec<Entry>,
    /// The entry without which there is no tree.
    pub roots: Entry,
}

/// A load under way. Dropped before its end, it can be taken up again.
pub struct GenesisLoad<'a> {
    core: &'a Core,
    progress: ProgressRow,
    _chain: MutexGuard<'a, ()>,
    _tree: MutexGuard<'a, ()>,
}

impl Store {
    /// Begins to load the genesis with that hash in parts of `part_size` ids, or resumes it; returns `None` if it is stored.
    ///
    /// # Errors
    /// [`StoreError::Different`] if another genesis is stored; [`StoreError::InsufficientStorage`] if space is short.
    pub fn load_genesis(
        &self,
        content_hash: [u8; 32],
        part_size: u32,
    ) -> Result<Option<GenesisLoad<'_>>, StoreError> {
        let core = self.core();
        core.ready()?;
        let chain = self.chain().lock();
        let tree = self.tree().lock();
        if let Some(present) = self.chain().genesis_row()? {
            if present.content_hash != content_hash {
                return Err(StoreError::Different { what: "genesis".into() });
            }
            core.sync()?;
            return Ok(None);
        }
        let begun: Option<ProgressRow> = core.kv.get(Table::Meta, meta::GENESIS_PROGRESS)?;
        // A program that knows only the first marker wipes what it finds, and leaves the second.
        let loading = core.kv.contains(Table::Meta, meta::GENESIS_LOADING)?;
        let same = |begun: &ProgressRow| begun.content_hash == content_hash && begun.part_size == part_size;
        core.check_space()?;
        let progress = match begun.filter(|begun| loading && same(begun)) {
            Some(progress) => progress,
            None => {
                wipe(core)?;
                let progress = ProgressRow { content_hash, part_size, done: 0 };
                let mut batch = Batch::new();
                batch.put(Table::Meta, meta::GENESIS_LOADING, &true)?;
                batch.put(Table::Meta, meta::GENESIS_PROGRESS, &progress)?;
                core.apply(batch)?;
                progress
            }
        };
        Ok(Some(GenesisLoad { core, progress, _chain: chain, _tree: tree }))
    }
}

/// Removes a partially loaded genesis without a progress marker: a wipe was interrupted, or an older program wrote it.
pub(crate) fn wipe_unmarked(core: &Core) -> Result<(), StoreError> {
    if core.kv.contains(Table::Meta, meta::GENESIS_PROGRESS)? { Ok(()) } else { wipe(core) }
}

/// Removes what an interrupted load left behind.
fn wipe(core: &Core) -> Result<(), StoreError> {
    if !core.kv.contains(Table::Meta, meta::GENESIS_LOADING)? {
        return Ok(());
    }
    tracing::info!("removing a partially loaded genesis");
    // Without its progress marker no load resumes it.
    let mut batch = Batch::new();
    batch.remove(Table::Meta, meta::GENESIS_PROGRESS);
    core.apply(batch)?;
    core.sync()?;
    core.kv.clear(Table::Accounts)?;
    core.kv.clear(Table::AccountTree)?;
    let mut batch = Batch::new();
    batch.remove(Table::Meta, meta::GENESIS_LOADING);
    core.apply(batch)
}

impl GenesisLoad<'_> {
    /// Everything of accounts below this id is on disk.
    pub fn done(&self) -> u32 {
        self.progress.done
    }

    /// Writes accounts and entries of the account tree; again is fine.
    ///
    /// # Errors
    /// When they cannot be written.
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

    /// Everything of accounts below that id was added: the next load goes on there. Durable on return.
    ///
    /// # Errors
    /// When it cannot be written. [`StoreError::InsufficientStorage`] when it is written and there is too little space to go on.
    pub fn mark(&mut self, done: u32) -> Result<(), StoreError> {
        // First the entries, then the marker, or it could say more than is there.
        self.core.sync()?;
        let progress = ProgressRow { done, ..self.progress.clone() };
        let mut batch = Batch::new();
        batch.put(Table::Meta, meta::GENESIS_PROGRESS, &progress)?;
        self.core.apply(batch)?;
        self.core.sync()?;
        self.progress = progress;
        self.core.check_space()
    }

    /// Makes the genesis exist; durable on return.
    ///
    /// # Errors
    /// When it cannot be written; there is no genesis then.
    pub fn finish(self, end: GenesisEnd) -> Result<(), StoreError> {
        self.add([], end.tree)?;
        self.core.sync()?;
        let entry = self.core.journalled(BlobLabel::block(BlobKind::Genesis, 0), &end.body)?;
        let mut batch = Batch::new();
        let row = GenesisRow {
            root: end.root,
            content_hash: self.progress.content_hash,
            accounts: end.accounts,
            body: batch.adopt(end.body),
        };
        batch.put(Table::Meta, meta::GENESIS, &row)?;
        let (key, value) = end.roots;
        batch.put_raw(Table::AccountTree, &key, &value);
        batch.remove(Table::Meta, meta::GENESIS_LOADING);
        batch.remove(Table::Meta, meta::GENESIS_PROGRESS);
        self.core.apply_journalled(batch, entry)?;
        self.core.sync()
    }
}
