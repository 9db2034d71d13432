//! An open data folder: its three parts, and the operations across them.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use crate::store::chain::chain_store::ChainStore;
use crate::store::chain::tree_store::TreeStore;
use crate::store::core::Core;
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blob_reader::BlobReader;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::blob_writer::BlobWriter;
use crate::store::durable::blobs::{Blobs, PreparedBlob};
use crate::store::durable::folder_lock::FolderLock;
use crate::store::durable::free_space::SpaceState;
use crate::store::durable::journal::Journal;
use crate::store::durable_kinds::{DurableKind, DurableRecord};
use crate::store::error::StoreError;
use crate::store::kv::handle::Kv;
use crate::store::options::StoreOptions;
use crate::store::parts::Parts;
use crate::store::queue::job_queue::JobQueue;

/// An open data folder.
pub struct Store {
    pub(crate) parts: Arc<Parts>,
    /// The folder of the copy of the kv, if the store is read-only. Removed last.
    pub(crate) copy: Option<TempDir>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("dir", &self.dir()).finish_non_exhaustive()
    }
}

impl Store {
    /// Assembles the pieces of an open folder; reads and writes nothing.
    pub(crate) fn assemble(
        dir: &Path,
        kv: Kv,
        blobs: Blobs,
        journal: Option<Journal>,
        options: &StoreOptions,
        lock: Option<FolderLock>,
    ) -> Self {
        let core = Core::new(dir, kv, blobs, journal, options, lock);
        Self { parts: Parts::new(core, options), copy: None }
    }

    /// Returns genesis, blocks, accounts, quarantine and aggregated operations.
    pub fn chain(&self) -> &ChainStore {
        &self.parts.chain
    }

    /// Returns the account tree, its change sets, and the witnesses.
    pub fn tree(&self) -> &TreeStore {
        &self.parts.tree
    }

    /// Returns jobs, leases and proofs.
    pub fn queue(&self) -> &JobQueue {
        &self.parts.queue
    }

    pub(crate) fn core(&self) -> &Core {
        &self.parts.core
    }

    /// Returns the data folder.
    pub fn dir(&self) -> &Path {
        &self.core().dir
    }

    /// Leaves a note for other processes that want to open the folder: [`FolderLock::note`].
    pub(crate) fn set_lock_note(&self, note: &str) {
        self.core().set_lock_note(note);
    }

    /// Makes the store writable again if a write has failed, for an operation that reads before it
    /// writes.
    ///
    /// # Errors
    /// [`StoreError::Closed`] if the store cannot be reopened yet; also if the disk is full.
    pub fn ready(&self) -> Result<(), StoreError> {
        self.core().ready()
    }

    /// Opens the store again if it is closed to reads.
    ///
    /// # Errors
    /// [`StoreError::Closed`] if it cannot be reopened yet.
    pub fn readable(&self) -> Result<(), StoreError> {
        self.core().readable()
    }

    /// Returns the free space, as of at most a second ago.
    pub fn space(&self) -> SpaceState {
        self.core().space()
    }

    /// Checks that the folder is where it was opened, as of at most a second ago.
    ///
    /// # Errors
    /// [`StoreError::Moved`] if it was moved or removed.
    pub fn check_folder(&self) -> Result<(), StoreError> {
        self.core().check_folder()
    }

    /// Checks that there is space to begin something new, before the work for it is done.
    ///
    /// # Errors
    /// [`StoreError::InsufficientStorage`] when less space is free than the floor.
    pub fn check_space(&self) -> Result<(), StoreError> {
        self.core().check_space()
    }

    /// Lets every write return before it is durable, until [`Store::sync_deferred`]: for a folder
    /// that does not count before it is complete. If a write fails meanwhile, all later ones do.
    pub(crate) fn defer_syncs(&self) {
        self.core().defer_syncs();
    }

    /// Makes all writes since [`Store::defer_syncs`] durable, and all later ones when they are made.
    pub(crate) fn sync_deferred(&self) -> Result<(), StoreError> {
        self.core().sync_deferred()
    }

    /// Returns once everything that was written before this call is durable. Concurrent callers
    /// share one flush.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.core().sync()
    }

    /// Returns a number that changes whenever the kv is opened again.
    pub(crate) fn generation(&self) -> u64 {
        self.core().kv.generation()
    }

    /// Syncs what was written at a generation of the kv.
    ///
    /// # Errors
    /// [`StoreError::Interrupted`] if the kv was opened again since then: the write may be lost.
    pub(crate) fn sync_generation(&self, generation: u64) -> Result<(), StoreError> {
        self.core().sync_generation(generation)
    }

    /// Returns the records of a kind, by their keys. An unreadable record is an error of the
    /// iterator, which continues after it.
    pub fn records(&self, kind: DurableKind) -> impl Iterator<Item = Result<DurableRecord, StoreError>> {
        let records = kind.walk(&*self.core().kv);
        records.map(|record| Ok(record?.1))
    }

    /// Returns the records of a kind that reach to a block or beyond, by their keys.
    pub(crate) fn records_from(
        &self,
        kind: DurableKind,
        block: u32,
    ) -> impl Iterator<Item = Result<DurableRecord, StoreError>> {
        let records = kind.walk_from(&*self.core().kv, block);
        records.map(|record| Ok(record?.1))
    }

    /// Compresses a blob and makes it durable. A blob that no record adopts is removed when it is
    /// dropped.
    pub fn prepare_blob(&self, label: BlobLabel, bytes: &[u8]) -> Result<PreparedBlob, StoreError> {
        self.core().prepare_blob(label, bytes)
    }

    /// Begins a blob that is written in pieces and then passed to [`Store::finish_blob`].
    pub fn begin_blob(&self, kind: BlobKind) -> Result<BlobWriter, StoreError> {
        self.core().begin_blob(kind)
    }

    /// Makes a written blob durable. A blob that no record adopts is removed when it is dropped.
    pub fn finish_blob(&self, label: BlobLabel, writer: BlobWriter) -> Result<PreparedBlob, StoreError> {
        self.core().finish_blob(label, writer)
    }

    /// Reads a whole blob and checks it against its hash.
    pub fn read_blob(&self, blob: &BlobRef) -> Result<Vec<u8>, StoreError> {
        self.core().read_blob(blob)
    }

    /// Opens a blob, to be passed on compressed or decompressed while it is read. Its file is
    /// checked against its hash first.
    pub fn open_blob(&self, blob: &BlobRef) -> Result<BlobReader, StoreError> {
        self.core().open_blob(blob)
    }

    /// Makes the n-th write from now on fail, counted from 1, or none if `n` is 0. Returns the
    /// remaining count of the last call.
    #[cfg(test)]
    pub(crate) fn fail_write(&self, n: u64) -> u64 {
        self.core().kv.fault.swap(n, std::sync::atomic::Ordering::SeqCst)
    }

    /// Puts or removes a raw entry of the kv; returns the old value.
    #[cfg(test)]
    #[allow(clippy::unwrap_used)]
    pub(crate) fn tamper(&self, table: &str, key: &[u8], sealed: Option<&[u8]>) -> Option<Vec<u8>> {
        use crate::store::kv::table::Table;
        let table = *Table::ALL.iter().find(|known| known.name() == table).unwrap();
        self.core().kv.tamper(table, key, sealed)
    }
}
