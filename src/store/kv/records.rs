//! The index with its records, written by atomic [`Batch`]es, and opened anew when sled has given up.
//!
//! After a failed write sled refuses all others, and what it shows may be a part of the failed transaction. So a failed write
//! closes this index to writes; once there is space again, [`Kv::reopen`] starts from what is on disk, which is whole.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, mpsc};
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::store::durable::blobs::BlobRef;
use crate::store::error::StoreError;
use crate::store::kv::batch::{Batch, MAX_BATCH_BYTES, Table};
use crate::store::kv::codec;
use crate::store::kv::sled_db::SledDb;
use crate::tree::source::Entry;

/// Space that must be there before the index is opened anew: sled grows by half a megabyte.
const PROBE_BYTES: usize = 2 << 20;
/// Entries that are counted at a time.
const COUNTED: usize = 1_000;
/// Closing sled after a failure may hang.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The index.
pub(crate) struct Kv {
    dir: PathBuf,
    cache_bytes: u64,
    flush_every_ms: u64,
    /// `None` when it was closed after a failure and could not be opened again.
    index: RwLock<Option<SledDb>>,
    broken: AtomicBool,
    generation: AtomicU64,
    /// Writes until one fails; 0 for none.
    #[cfg(test)]
    pub fault: AtomicU64,
}

impl Kv {
    /// Opens the index in `dir`; creates it if there is none.
    pub fn open(dir: &Path, cache_bytes: u64, flush_every_ms: u64) -> Result<Self, StoreError> {
        let index = RwLock::new(Some(SledDb::open(dir, cache_bytes, flush_every_ms)?));
        let (broken, generation) = (AtomicBool::new(false), AtomicU64::new(0));
        Ok(Self {
            dir: dir.into(),
            cache_bytes,
            flush_every_ms,
            index,
            broken,
            generation,
            #[cfg(test)]
            fault: AtomicU64::new(0),
        })
    }

    /// Whether a write failed, so that nothing is written any more.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::SeqCst)
    }

    /// Lets no more be written until the index is opened anew.
    pub fn close_to_writes(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    /// How often the index was opened anew: what was applied before and not synced may be gone.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Opens the index anew. Nobody may be in the middle of an operation that writes.
    pub fn reopen(&self) -> Result<(), StoreError> {
        self.probe()?;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = index.take() {
            let (closed, wait) = mpsc::channel();
            std::thread::spawn(move || {
                drop(old);
                // Nobody waits any more after the timeout.
                let _ = closed.send(());
            });
            if wait.recv_timeout(CLOSE_TIMEOUT).is_err() {
                tracing::error!("the failed index does not close");
            }
        }
        *index = Some(SledDb::open(&self.dir, self.cache_bytes, self.flush_every_ms)?);
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.broken.store(false, Ordering::SeqCst);
        tracing::info!("the index was opened anew after a failed write");
        Ok(())
    }

    fn probe(&self) -> Result<(), StoreError> {
        let path = self.dir.with_extension("probe");
        let write = || {
            let mut file = File::create(&path)?;
            file.write_all(&vec![0xa5; PROBE_BYTES])?;
            file.sync_data()
        };
        let written = write();
        // It must not stay, whether or not it could be written.
        let removed = fs::remove_file(&path);
        written.and(removed).map_err(StoreError::io("probing the data folder for space"))
    }

    fn with<T>(&self, run: impl FnOnce(&SledDb) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        run(index.as_ref().ok_or_else(|| StoreError::Index("it is closed after a failure".into()))?)
    }

    /// A write that fails closes the index to writes.
    fn write<T>(&self, run: impl FnOnce(&SledDb) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.is_broken() {
            return Err(StoreError::Interrupted);
        }
        #[cfg(test)]
        let run = |index: &SledDb| if self.is_faulty() { Err(StoreError::DiskFull) } else { run(index) };
        let result = self.with(run);
        if result.is_err() {
            self.close_to_writes();
        }
        result
    }

    /// Puts or removes an entry as it is; gives what was there.
    #[cfg(test)]
    pub fn tamper(&self, table: Table, key: &[u8], sealed: Option<&[u8]>) -> Option<Vec<u8>> {
        let before = self.with(|index| index.get(table, key)).unwrap();
        let write =
            crate::store::kv::batch::Write { table, key: key.to_vec(), sealed: sealed.map(<[u8]>::to_vec) };
        self.write(|index| index.write(&[write])).unwrap();
        before
    }

    #[cfg(test)]
    fn is_faulty(&self) -> bool {
        let count_down = |left: u64| Some(left.saturating_sub(1));
        self.fault.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count_down) == Ok(1)
    }

    pub fn get<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, StoreError> {
        let sealed = self.with(|index| index.get(table, key))?;
        sealed.map(|sealed| codec::open(table.name(), &sealed)).transpose()
    }

    pub fn get_raw(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let sealed = self.with(|index| index.get(table, key))?;
        sealed.map(|sealed| unseal(table, sealed)).transpose()
    }

    pub fn contains(&self, table: Table, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.with(|index| index.get(table, key))?.is_some())
    }

    /// Up to `limit` entries of `from..to`, ascending, without their seal.
    pub fn range_raw(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let entries = self.with(|index| index.range(table, from, to, limit, false))?;
        entries.into_iter().map(|(key, sealed)| Ok((key, unseal(table, sealed)?))).collect()
    }

    /// Up to `limit` entries of `from..to`, ascending, as they are stored.
    pub fn range_sealed(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.with(|index| index.range(table, from, to, limit, false))
    }

    /// Up to `limit` entries of `from..to`, descending, without their seal.
    pub fn range_raw_back(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let entries = self.with(|index| index.range(table, from, to, limit, true))?;
        entries.into_iter().map(|(key, sealed)| Ok((key, unseal(table, sealed)?))).collect()
    }

    /// How many entries a table has: all of them are read.
    pub fn count(&self, table: Table) -> Result<u64, StoreError> {
        let (mut count, mut from) = (0, Vec::new());
        loop {
            let page = self.range_sealed(table, &from, &[0xff; 64], COUNTED)?;
            let Some((last, _)) = page.last() else { return Ok(count) };
            from = [last.as_slice(), &[0]].concat();
            count += page.len() as u64;
        }
    }

    /// The number under a key of `meta`; 0 when it is absent.
    pub fn meta_number(&self, key: &[u8]) -> Result<u32, StoreError> {
        Ok(self.get(Table::Meta, key)?.unwrap_or(0))
    }

    /// Does all writes of the batch or none. Not durable before a sync; returns the bodies to unlink after it.
    pub fn apply(&self, batch: Batch) -> Result<Vec<BlobRef>, StoreError> {
        let bytes = batch.bytes();
        if bytes > MAX_BATCH_BYTES {
            return Err(StoreError::TooLarge { what: format!("a transaction of {bytes} bytes") });
        }
        if self.is_broken() {
            return Err(StoreError::Interrupted);
        }
        let (writes, adopted, released) = batch.into_parts();
        let result = self.write(|index| index.write(&writes));
        // Even a failed transaction may have reached the disk: its files stay, the next start sweeps what is not used.
        for prepared in adopted {
            prepared.keep();
        }
        result.map(|()| released)
    }

    /// Removes every entry of a table.
    pub fn clear(&self, table: Table) -> Result<(), StoreError> {
        self.write(|index| index.clear(table))
    }

    /// Makes everything that was applied before this call durable.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.write(SledDb::flush)
    }
}

fn unseal(table: Table, mut sealed: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let payload = codec::open_raw(table.name(), &sealed)?.len();
    sealed.drain(..1);
    sealed.truncate(payload);
    Ok(sealed)
}
