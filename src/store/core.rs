//! The resources that the three parts of the store share: kv, blobs, journal, group commit, free
//! space, and the open read views.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blob_reader::BlobReader;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::blob_writer::{BlobWriter, Compressed};
use crate::store::durable::blobs::{Blobs, PreparedBlob};
use crate::store::durable::folder_lock::FolderLock;
use crate::store::durable::free_space::{Space, SpaceState};
use crate::store::durable::group_commit::Committer;
use crate::store::durable::journal::{Journal, Pending};
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::handle::Kv;
use crate::store::kv::keys::meta;
use crate::store::kv::table::Table;
use crate::store::options::StoreOptions;
use crate::store::view_registry::ViewRegistry;

/// Longest time between two checks that the folder is in its place, in milliseconds.
const LOOK_INTERVAL_MS: u64 = 1_000;

/// Reopens the kv after a failed write and recovers all three parts.
type Reopen = Box<dyn Fn() -> Result<(), StoreError> + Send + Sync>;

/// The resources that the three parts share. It does not depend on the parts.
pub(crate) struct Core {
    pub dir: PathBuf,
    pub kv: Arc<Kv>,
    pub blobs: Blobs,
    /// `None` in a folder that is only inspected.
    pub journal: Option<Journal>,
    pub committer: Committer,
    pub metrics: Arc<Metrics>,
    pub clock: Arc<dyn Clock>,
    pub read_views: ViewRegistry,
    /// True while nothing is synced, see [`Core::defer_syncs`].
    defers_syncs: AtomicBool,
    space: Space,
    reopen: OnceLock<Reopen>,
    /// Monotonic time in milliseconds of the last check, if the folder was in its place.
    in_place: Mutex<Option<u64>>,
    /// `None` in a folder that is only inspected and has no such file.
    lock: Option<FolderLock>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Core {
    /// Assembles the pieces of an open folder; reads and writes nothing.
    pub(crate) fn new(
        dir: &Path,
        kv: Kv,
        blobs: Blobs,
        journal: Option<Journal>,
        options: &StoreOptions,
        lock: Option<FolderLock>,
    ) -> Self {
        Self {
            dir: dir.into(),
            kv: Arc::new(kv),
            blobs,
            journal,
            committer: Committer::default(),
            metrics: options.metrics.clone(),
            clock: options.clock.clone(),
            read_views: ViewRegistry::default(),
            defers_syncs: AtomicBool::new(false),
            space: Space::new(
                lock.as_ref().map_or(dir, FolderLock::path),
                options.space.clone(),
                options.min_free_bytes,
            ),
            reopen: OnceLock::new(),
            in_place: Mutex::new(None),
            lock,
        }
    }

    /// Installs the function that [`Core::ready`] calls after a failed write. Only the first call
    /// has an effect.
    pub(crate) fn set_reopen(&self, reopen: impl Fn() -> Result<(), StoreError> + Send + Sync + 'static) {
        let _ = self.reopen.set(Box::new(reopen));
    }

    /// Makes the store writable again if a write has failed: restarts from the state on disk,
    /// provided that enough space is free.
    ///
    /// Every operation that writes calls this before it takes its lock, because reopening takes all
    /// three locks.
    pub(crate) fn ready(&self) -> Result<(), StoreError> {
        self.check_folder()?;
        if !self.kv.is_broken() {
            return Ok(());
        }
        // The state on disk lacks what was not synced.
        if self.defers_syncs.load(Ordering::Relaxed) {
            return Err(StoreError::Interrupted);
        }
        self.reopen.get().map_or(Err(StoreError::Interrupted), |reopen| reopen())
    }

    /// Leaves a note for processes that find the folder locked. It is a convenience: a failure has
    /// no other consequence.
    pub(crate) fn set_lock_note(&self, note: &str) {
        if let Some(Err(error)) = self.lock.as_ref().map(|lock| lock.set_note(note)) {
            tracing::debug!(%error, "cannot write into the lock file");
        }
    }

    /// Checks that the folder is where it was opened, as of at most a second ago.
    ///
    /// # Errors
    /// [`StoreError::Moved`].
    pub(crate) fn check_folder(&self) -> Result<(), StoreError> {
        let seen = *self.in_place.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.monotonic_ms();
        if seen.is_some_and(|at| now.saturating_sub(at) < LOOK_INTERVAL_MS) {
            return Ok(());
        }
        self.look_at_folder()
    }

    /// Checks that the folder is where it was opened, with the files that are written to.
    fn look_at_folder(&self) -> Result<(), StoreError> {
        // An inspection writes nothing.
        let (Some(lock), Some(journal)) = (&self.lock, &self.journal) else { return Ok(()) };
        let part = |path: &Path, file: &File| lock.check_part(path, file);
        let found = lock
            .check()
            .and_then(|()| self.kv.with_file(part).unwrap_or(Ok(())))
            .and_then(|()| self.blobs.with_folder(part))
            .and_then(|()| journal.with_file(part));
        let mut in_place = self.in_place.lock().unwrap_or_else(PoisonError::into_inner);
        match &found {
            Ok(()) => *in_place = Some(self.clock.monotonic_ms()),
            Err(error) => {
                if in_place.take().is_some() {
                    tracing::error!(%error, "nothing is stored until the data folder is back");
                }
            }
        }
        found
    }

    /// Opens the store again if it is closed to reads. A store that is closed to writes only can
    /// still be read.
    pub(crate) fn readable(&self) -> Result<(), StoreError> {
        if self.kv.is_shut() { self.ready() } else { Ok(()) }
    }

    /// Returns a path to the folder that leads to no other one, even if it is moved.
    pub(crate) fn path(&self) -> &Path {
        self.lock.as_ref().map_or(&self.dir, FolderLock::path)
    }

    /// Returns the time in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.wall_ms()
    }

    /// Returns the free space, as of at most a second ago.
    pub(crate) fn space(&self) -> SpaceState {
        self.space.state(self.clock.monotonic_ms())
    }

    /// Fails with [`StoreError::InsufficientStorage`] when less space is free than the floor.
    pub(crate) fn check_space(&self) -> Result<(), StoreError> {
        self.space().check()
    }

    /// Lets every write return before it is durable, until [`Core::sync_deferred`]: for a folder
    /// that does not count before it is complete. If a write fails meanwhile, all later ones do.
    pub(crate) fn defer_syncs(&self) {
        self.defers_syncs.store(true, Ordering::Relaxed);
    }

    /// Makes all writes since [`Core::defer_syncs`] durable, and all later ones when they are made.
    pub(crate) fn sync_deferred(&self) -> Result<(), StoreError> {
        if self.defers_syncs.load(Ordering::Relaxed) {
            self.blobs.sync_files()?;
            self.defers_syncs.store(false, Ordering::Relaxed);
        }
        self.sync()
    }

    /// Returns once everything that was written before this call is durable, in the folder where it
    /// will be looked for. Concurrent callers share one flush.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        if self.defers_syncs.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.committer.sync(&self.kv, &self.blobs, self.journal.as_ref(), &self.metrics)?;
        self.look_at_folder()
    }

    /// Syncs the writes that were applied at a generation of the kv, after the lock was released.
    /// If the kv was reopened meanwhile, the write may be lost, and the result is
    /// [`StoreError::Interrupted`].
    pub(crate) fn sync_generation(&self, generation: u64) -> Result<(), StoreError> {
        self.sync()?;
        if self.kv.generation() == generation { Ok(()) } else { Err(StoreError::Interrupted) }
    }

    /// Compresses a blob and makes it durable. A blob that no record adopts is removed when it is
    /// dropped.
    pub(crate) fn prepare_blob(&self, label: BlobLabel, bytes: &[u8]) -> Result<PreparedBlob, StoreError> {
        self.keep_blob(label, BlobWriter::compress(label.kind, bytes)?)
    }

    /// Compresses the bytes that `write` writes as they arrive, and makes the blob durable.
    pub(crate) fn write_blob(
        &self,
        label: BlobLabel,
        write: impl FnOnce(&mut BlobWriter) -> io::Result<()>,
    ) -> Result<PreparedBlob, StoreError> {
        let mut writer = self.begin_blob(label.kind)?;
        write(&mut writer).map_err(StoreError::io("compressing a blob"))?;
        self.finish_blob(label, writer)
    }

    /// Begins a blob that is written in pieces and then passed to [`Core::finish_blob`].
    pub(crate) fn begin_blob(&self, kind: BlobKind) -> Result<BlobWriter, StoreError> {
        BlobWriter::new(kind, None).map_err(StoreError::io("compressing a blob"))
    }

    /// Makes a written blob durable. A blob that no record adopts is removed when it is dropped.
    pub(crate) fn finish_blob(
        &self,
        label: BlobLabel,
        writer: BlobWriter,
    ) -> Result<PreparedBlob, StoreError> {
        self.keep_blob(label, writer.finish().map_err(StoreError::io("compressing a blob"))?)
    }

    fn keep_blob(&self, label: BlobLabel, compressed: Compressed) -> Result<PreparedBlob, StoreError> {
        self.blobs.keep(label, compressed, !self.defers_syncs.load(Ordering::Relaxed))
    }

    /// Reads a whole blob and checks it against its hash.
    pub(crate) fn read_blob(&self, blob: &BlobRef) -> Result<Vec<u8>, StoreError> {
        self.open_blob(blob)?.bytes()
    }

    /// Opens a blob, to be passed on compressed or decompressed while it is read. Its file is
    /// checked against its hash first.
    pub(crate) fn open_blob(&self, blob: &BlobRef) -> Result<BlobReader, StoreError> {
        let opened = self.blobs.open_blob(blob);
        if opened.is_err() {
            // The files of a removed folder are not damaged.
            self.look_at_folder()?;
        }
        opened
    }

    /// Appends a blob to the journal, before the transaction that refers to it.
    /// [`Core::apply_journalled`] takes the result.
    pub(crate) fn journalled(
        &self,
        label: BlobLabel,
        blob: &PreparedBlob,
    ) -> Result<Option<Pending<'_>>, StoreError> {
        self.journal.as_ref().map(|journal| journal.append(label, blob.blob_ref())).transpose()
    }

    /// Applies a batch that refers to an entry of the journal.
    pub(crate) fn apply_journalled(
        &self,
        mut batch: Batch,
        entry: Option<Pending<'_>>,
    ) -> Result<(), StoreError> {
        let Some(entry) = entry else { return self.apply(batch) };
        entry.apply(|end| {
            batch.put(Table::Meta, meta::JOURNAL_END, &end)?;
            self.apply(batch)
        })
    }

    /// Applies all writes of the batch or none; they are durable after the next sync.
    pub(crate) fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.read_views.note(&batch);
        let released = self.kv.apply(batch)?;
        self.committer.unlink_later(released);
        Ok(())
    }
}
