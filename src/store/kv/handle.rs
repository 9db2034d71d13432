//! [`Kv`]: the open database. Reads decode records, writes are atomic [`Batch`]es.
//!
//! After a failed write, sled refuses all others, and its reads may include a part of the failed
//! transaction. So a failed write closes the kv to writes. Once there is space again,
//! [`Kv::reopen`] starts from the last state on disk, which is consistent. If that fails, or the
//! store does not accept that state, the kv is closed to reads as well until a later attempt
//! succeeds.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde::de::DeserializeOwned;

use crate::fsync;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::free_space;
use crate::store::durable::open_folder::OpenFolder;
use crate::store::error::StoreError;
use crate::store::kv::batch::{Batch, MAX_BATCH_BYTES};
use crate::store::kv::codec;
use crate::store::kv::opening::{self, Opening};
use crate::store::kv::outage::Outage;
use crate::store::kv::sled_db::{self, SledDb};
use crate::store::kv::table::Table;
use crate::tree::source::Entry;

/// Bytes that must be writable before the kv is reopened. sled grows in steps of half a megabyte.
const PROBE_BYTES: usize = 2 << 20;

/// The kv of a data folder, which can be closed and opened again.
pub(crate) struct Kv {
    dir: PathBuf,
    cache_bytes: u64,
    flush_every_ms: u64,
    /// The folder through whose descriptor `dir` leads, if any.
    folder: Option<Arc<OpenFolder>>,
    /// `None` if it was closed after a failure and could not be reopened.
    sled: RwLock<Option<SledDb>>,
    /// `None` once the kv is accepted.
    opening: Mutex<Option<Opening>>,
    broken: AtomicBool,
    generation: AtomicU64,
    /// The first error since the last opening that was not about stored content.
    system_error: Mutex<Option<StoreError>>,
    /// Set from the first failed reopen to the next successful one.
    outage: Mutex<Option<Outage>>,
    /// Number of the write that fails, counted from 1 for the next one; 0 for none.
    #[cfg(test)]
    pub fault: AtomicU64,
}

impl Kv {
    /// Opens the kv with a name in a folder, as [`open`](Self::open) does, so that sled stays in the
    /// folder wherever that is moved.
    pub(crate) fn open_in(
        folder: &Arc<OpenFolder>,
        name: &str,
        cache_bytes: u64,
        flush_every_ms: u64,
    ) -> Result<Self, StoreError> {
        let dir = folder.path().join(name);
        match Self::open(&dir, cache_bytes, flush_every_ms) {
            Ok(mut kv) => {
                kv.folder = Some(folder.clone());
                Ok(kv)
            }
            Err(error) => {
                sled_db::keep_until_closed(&dir, folder.clone());
                Err(error)
            }
        }
    }

    /// Opens the kv in `dir`, and creates it if it is absent. The files of one that exists are put
    /// back if the value is dropped before it is [accepted](Self::accept).
    pub(crate) fn open(dir: &Path, cache_bytes: u64, flush_every_ms: u64) -> Result<Self, StoreError> {
        opening::put_back(dir)?;
        let (sled, opening) = if dir.try_exists().map_err(StoreError::io("opening the kv"))? {
            opening::open(dir, cache_bytes, flush_every_ms)?
        } else {
            (SledDb::open(dir, cache_bytes, flush_every_ms)?, None)
        };
        Ok(Self::over(dir, sled, opening, cache_bytes, flush_every_ms))
    }

    /// Opens a copy of the kv in `from`, which stays unchanged. `to` is a new folder.
    pub(crate) fn open_copy(
        from: &Path,
        to: &Path,
        cache_bytes: u64,
        flush_every_ms: u64,
    ) -> Result<Self, StoreError> {
        let sled = opening::open_copy(from, to, cache_bytes, flush_every_ms)?;
        Ok(Self::over(to, sled, None, cache_bytes, flush_every_ms))
    }

    fn over(
        dir: &Path,
        sled: SledDb,
        opening: Option<Opening>,
        cache_bytes: u64,
        flush_every_ms: u64,
    ) -> Self {
        Self {
            dir: dir.into(),
            cache_bytes,
            flush_every_ms,
            folder: None,
            sled: RwLock::new(Some(sled)),
            opening: Mutex::new(opening),
            broken: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            system_error: Mutex::new(None),
            outage: Mutex::new(None),
            #[cfg(test)]
            fault: AtomicU64::new(0),
        }
    }

    /// Accepts what was opened: it replaces the files from before the opening.
    ///
    /// # Errors
    /// If the files cannot be synced or renamed.
    pub(crate) fn accept(&self) -> Result<(), StoreError> {
        let opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner).take();
        opening.map_or(Ok(()), Opening::accept)
    }

    /// Calls a function with path and descriptor of sled's file, unless the kv is closed or being
    /// reopened.
    pub(crate) fn with_file<T>(&self, look: impl FnOnce(&Path, &File) -> T) -> Option<T> {
        let sled = self.sled.try_read().ok()?;
        sled.as_ref().map(|sled| look(&self.dir.join("db"), sled.file()))
    }

    /// Returns true if a write failed: all writes are refused until the kv is reopened.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::SeqCst)
    }

    /// Refuses all writes until the kv is reopened.
    pub(crate) fn close_to_writes(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    /// Returns how often the kv was reopened. A reopen may lose writes that were applied but not
    /// synced.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Reopens the kv after a failed write, if `check` accepts the state on disk. Otherwise it stays
    /// closed. The caller holds all locks under which the store writes.
    pub(crate) fn reopen(
        &self,
        check: impl FnOnce(&Self) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut sled = self.sled.write().unwrap_or_else(PoisonError::into_inner);
        sled_db::close_in_time(&mut sled)?;
        opening::put_back(&self.dir)?;
        if !self.dir.try_exists().map_err(StoreError::io("reopening the kv"))? {
            return Err(StoreError::corrupt("its kv is missing"));
        }
        let reopened = Self::open(&self.dir, self.cache_bytes, self.flush_every_ms)?;
        check(&reopened)?;
        reopened.accept()?;
        *sled = reopened.sled.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(sled);
        *self.system_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.broken.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// Closes the kv to reads and writes until it is reopened, which is tried again after a delay.
    /// Returns the error of the operations in the meantime.
    pub(crate) fn shut(&self, cause: &StoreError) -> StoreError {
        self.close_to_writes();
        let mut sled = self.sled.write().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = sled_db::close_in_time(&mut sled) {
            // Without a thread to close it, it is dropped by the next attempt.
            tracing::error!(%error, "the failed kv stays open");
        }
        let mut outage = self.lock_outage();
        let next = Outage::after(outage.as_ref(), cause);
        if next.attempts() == 1 {
            tracing::error!(%cause, "the store is closed to reads and writes until it can be reopened");
        }
        outage.insert(next).error()
    }

    /// Fails while a reopen failed so recently that the next one would fail for the same reason.
    ///
    /// # Errors
    /// [`StoreError::Closed`].
    pub(crate) fn check_reopens(&self) -> Result<(), StoreError> {
        match &*self.lock_outage() {
            Some(outage) if !outage.is_next_due() => Err(outage.error()),
            _ => Ok(()),
        }
    }

    /// Ends an outage: the kv is open, and the store has recovered.
    pub(crate) fn reopened(&self) {
        let attempts = self.lock_outage().take().map_or(1, |outage| outage.attempts().saturating_add(1));
        tracing::info!(attempts, "the kv was reopened after a failed write");
    }

    /// Returns true if the kv is closed to reads as well.
    pub(crate) fn is_shut(&self) -> bool {
        self.lock_outage().is_some()
    }

    fn lock_outage(&self) -> MutexGuard<'_, Option<Outage>> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that there is space for a reopen, which copies the kv, by writing a file.
    pub(crate) fn probe(&self) -> Result<(), StoreError> {
        let path = self.dir.with_extension("probe");
        let copied = fs::metadata(self.dir.join("db")).map_or(0, |found| found.len());
        let written = fsync::write_file(&path, &vec![0xa5; PROBE_BYTES])
            .and_then(|()| free_space::reserve(&path, copied));
        // Remove the file even if it was written only in part.
        let removed = fs::remove_file(&path);
        written.and(removed).map_err(StoreError::io("probing the data folder for space"))
    }

    fn with<T>(&self, run: impl FnOnce(&SledDb) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let sled = self.sled.read().unwrap_or_else(PoisonError::into_inner);
        let result = match sled.as_ref() {
            Some(sled) => run(sled),
            None => {
                let reopening = || StoreError::Closed { cause: "it is being reopened".into() };
                Err(self.lock_outage().as_ref().map_or_else(reopening, Outage::error))
            }
        };
        if let Err(error) = &result
            && !error.is_damage()
        {
            let mut first = self.system_error.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| error.of_system());
        }
        result
    }

    /// Fails if any read or write since the last opening failed for another reason than damaged
    /// content. A check or a salvage that stepped over it would take what is stored for lost.
    ///
    /// # Errors
    /// The first such error.
    pub(crate) fn system_error(&self) -> Result<(), StoreError> {
        let first = self.system_error.lock().unwrap_or_else(PoisonError::into_inner);
        first.as_ref().map_or(Ok(()), |error| Err(error.of_system()))
    }

    /// Runs a write. If it fails, the kv is closed to writes.
    fn write<T>(&self, run: impl FnOnce(&SledDb) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.is_broken() {
            return Err(StoreError::Interrupted);
        }
        #[cfg(test)]
        let run = |sled: &SledDb| if self.is_faulty() { Err(StoreError::DiskFull) } else { run(sled) };
        let result = self.with(run);
        if result.is_err() {
            self.close_to_writes();
        }
        result
    }

    /// Writes or removes a sealed entry verbatim, and returns the one before.
    #[cfg(test)]
    pub(crate) fn tamper(&self, table: Table, key: &[u8], sealed: Option<&[u8]>) -> Option<Vec<u8>> {
        let before = self.with(|sled| sled.get(table, key)).unwrap();
        let sealed = sealed.map(<[u8]>::to_vec);
        let write = crate::store::kv::batch::Write { table, key: key.to_vec(), sealed };
        self.write(|sled| sled.write(&[write])).unwrap();
        before
    }

    #[cfg(test)]
    fn is_faulty(&self) -> bool {
        let count_down = |left: u64| Some(left.saturating_sub(1));
        self.fault.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count_down) == Ok(1)
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, StoreError> {
        let sealed = self.with(|sled| sled.get(table, key))?;
        sealed.map(|sealed| codec::open(table.name(), &sealed)).transpose()
    }

    pub(crate) fn get_raw(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let sealed = self.with(|sled| sled.get(table, key))?;
        sealed.map(|sealed| codec::unseal(table.name(), sealed)).transpose()
    }

    pub(crate) fn contains(&self, table: Table, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.with(|sled| sled.get(table, key))?.is_some())
    }

    /// Returns up to `limit` entries of `from..to`, ascending, without their seals.
    pub(crate) fn range(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let entries = self.with(|sled| sled.range(table, from, to, limit, false))?;
        entries.into_iter().map(|(key, sealed)| Ok((key, codec::unseal(table.name(), sealed)?))).collect()
    }

    /// Returns up to `limit` entries of `from..to`, ascending, with their seals.
    pub(crate) fn range_sealed(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.with(|sled| sled.range(table, from, to, limit, false))
    }

    /// Returns up to `limit` entries of `from..to`, descending, without their seals.
    pub(crate) fn range_back(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let entries = self.with(|sled| sled.range(table, from, to, limit, true))?;
        entries.into_iter().map(|(key, sealed)| Ok((key, codec::unseal(table.name(), sealed)?))).collect()
    }

    /// Returns the number under a key of `meta`; 0 if it is absent.
    pub(crate) fn meta_number(&self, key: &[u8]) -> Result<u32, StoreError> {
        Ok(self.get(Table::Meta, key)?.unwrap_or(0))
    }

    /// Applies all writes of the batch or none; durable after the next sync. Returns the blobs to
    /// remove after that.
    pub(crate) fn apply(&self, batch: Batch) -> Result<Vec<BlobRef>, StoreError> {
        let bytes = batch.bytes();
        if bytes > MAX_BATCH_BYTES {
            return Err(StoreError::TooLarge { what: format!("a transaction of {bytes} bytes") });
        }
        if self.is_broken() {
            return Err(StoreError::Interrupted);
        }
        let (writes, adopted, released) = batch.into_parts();
        let result = self.write(|sled| sled.write(&writes));
        // Even a failed transaction may have reached the disk, so its files stay. The next start
        // removes unused ones.
        for prepared in adopted {
            prepared.keep();
        }
        result.map(|()| released)
    }

    /// Removes every entry of a table.
    pub(crate) fn clear(&self, table: Table) -> Result<(), StoreError> {
        self.write(|sled| sled.clear(table))
    }

    /// Makes everything that was applied before this call durable.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.write(SledDb::flush)
    }
}

impl Drop for Kv {
    fn drop(&mut self) {
        if let Some(sled) = self.sled.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            sled_db::close(sled);
        }
        drop(self.opening.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(folder) = self.folder.take() {
            sled_db::keep_until_closed(&self.dir, folder);
        }
    }
}
