//! An open sled database, and how it is opened. No other module but its neighbours uses sled.
//!
//! It hides three properties of sled: a flush is not durable before sled's file is fsynced, sled
//! creates files without syncing them or their names, and it may panic on damaged files.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use sled::Transactional;

use crate::fsync;
use crate::input;
use crate::store::durable::open_folder::OpenFolder;
use crate::store::error::StoreError;
use crate::store::kv::batch::Write;
use crate::store::kv::sled_guard::guard;
use crate::store::kv::sled_threads::{SledThreads, with_pool};
use crate::store::kv::table::Table;
use crate::tree::source::Entry;

/// Longest time that is waited for a failed sled to close, which may hang.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Open tables of sealed entries.
pub(crate) struct SledDb {
    // Dropped first, as the threads use the others.
    _threads: SledThreads,
    sled: sled::Db,
    tables: Vec<sled::Tree>,
    /// sled's file, for the fsync that `flush` leaves out.
    file: File,
}

/// A database whose files sled has recovered. Nothing else has been written yet, and no thread
/// writes.
pub(crate) struct RecoveredSled {
    dir: PathBuf,
    sled: sled::Db,
}

impl RecoveredSled {
    /// Lets sled recover the files in a folder.
    ///
    /// A read that fails meanwhile is not an error: sled takes it for the end of its log, and writes
    /// over what follows.
    pub(crate) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let dir = dir.to_owned();
        with_pool(move || Self::recover(dir, cache_bytes))
    }

    fn recover(dir: PathBuf, cache_bytes: u64) -> Result<Self, StoreError> {
        let sled = guard(|| Ok(config(&dir, cache_bytes).open()?))?;
        Ok(Self { dir, sled })
    }

    /// Opens the tables and starts the threads.
    pub(crate) fn start(self, flush_every_ms: u64) -> Result<SledDb, StoreError> {
        // A panic while something is dropped becomes an error as well.
        guard(move || {
            let Self { dir, sled } = self;
            let opened = || File::open(dir.join("db")).map_err(StoreError::io("opening the kv"));
            // A failed sync is reported once for each descriptor: acknowledged writes use their own.
            let (file, flushed) = (opened()?, opened()?);
            let tables = open_tables(&sled)?;
            let flush_every = Duration::from_millis(flush_every_ms.max(1));
            let threads = SledThreads::start(&sled, flushed, flush_every)?;
            Ok(SledDb { _threads: threads, sled, tables, file })
        })
    }

    /// Closes the database again, and waits until its threads have released it.
    pub(crate) fn close(self) {
        let Self { dir, sled } = self;
        drop_guarded(sled);
        closes(&dir.join("db"));
    }
}

impl SledDb {
    /// Opens a database that holds nothing which was acknowledged, and creates it if it is absent.
    pub(crate) fn open(dir: &Path, cache_bytes: u64, flush_every_ms: u64) -> Result<Self, StoreError> {
        if !dir.try_exists().map_err(StoreError::io("opening the kv"))? {
            create(dir, cache_bytes)?;
        }
        wait_until_free(dir)?;
        RecoveredSled::open(dir, cache_bytes)?.start(flush_every_ms)
    }

    /// Returns sled's file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    fn table(&self, table: Table) -> Result<&sled::Tree, StoreError> {
        let missing = || StoreError::Kv(format!("the table {} is not open", table.name()));
        self.tables.get(table as usize).ok_or_else(missing)
    }

    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let tree = self.table(table)?;
        guard(|| Ok(tree.get(key)?.map(|sealed| sealed.to_vec())))
    }

    /// Returns up to `limit` entries of `from..to`: the first ones ascending or, if `back`, the
    /// last ones descending.
    pub(crate) fn range(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
        back: bool,
    ) -> Result<Vec<Entry>, StoreError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let tree = self.table(table)?;
        guard(|| {
            let mut entries = tree.range(from..to);
            let mut found = Vec::new();
            while found.len() < limit {
                let Some(entry) = (if back { entries.next_back() } else { entries.next() }) else { break };
                let (key, sealed) = entry?;
                found.push((key.to_vec(), sealed.to_vec()));
            }
            Ok(found)
        })
    }

    /// Applies all writes or none.
    pub(crate) fn write(&self, writes: &[Write]) -> Result<(), StoreError> {
        let order: Vec<Table> =
            writes.iter().map(|write| write.table).collect::<BTreeSet<_>>().into_iter().collect();
        let trees = order.iter().map(|t| self.table(*t).cloned()).collect::<Result<Vec<_>, _>>()?;
        if trees.is_empty() {
            return Ok(());
        }
        guard(|| {
            let transaction = <[sled::Tree] as Transactional<()>>::transaction(&trees, |views| {
                for Write { table, key, sealed } in writes {
                    let Some(view) = order.binary_search(table).ok().and_then(|at| views.get(at)) else {
                        continue;
                    };
                    match sealed {
                        Some(sealed) => view.insert(key.as_slice(), sealed.as_slice())?,
                        None => view.remove(key.as_slice())?,
                    };
                }
                Ok(())
            });
            match transaction {
                Ok(()) => Ok(()),
                Err(sled::transaction::TransactionError::Storage(error)) => Err(error.into()),
                Err(sled::transaction::TransactionError::Abort(())) => {
                    Err(StoreError::Kv("a transaction was aborted".into()))
                }
            }
        })
    }

    /// Removes every entry of a table.
    pub(crate) fn clear(&self, table: Table) -> Result<(), StoreError> {
        let tree = self.table(table)?;
        guard(|| Ok(tree.clear()?))
    }

    /// Makes everything that was written before this call durable.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        guard(|| {
            self.sled.flush()?;
            fsync::sync_file(&self.file).map_err(StoreError::io("syncing the kv"))
        })
    }
}

/// Waits until the kv of a data folder is closed. sled's threads may close it a moment after the
/// store is dropped.
pub fn wait_until_closed(dir: &Path) -> Result<(), StoreError> {
    let kv = dir.join("index");
    let exists = kv.join("db").try_exists().map_err(StoreError::io("opening the kv"))?;
    if exists { wait_until_free(&kv) } else { Ok(()) }
}

/// Drops a kv. sled panics if its last flush fails; acknowledged writes are not part of that flush.
pub(crate) fn close(sled: SledDb) {
    drop_guarded(sled);
}

fn drop_guarded<T>(sled: T) {
    let closed = guard(|| {
        drop(sled);
        Ok(())
    });
    if let Err(error) = closed {
        tracing::warn!(%error, "the kv did not close cleanly");
    }
}

/// Closes a folder once sled's threads no longer use a path through its descriptor: another folder
/// must not get the number of the descriptor before.
pub(crate) fn keep_until_closed(dir: &Path, folder: Arc<OpenFolder>) {
    if !closes(&dir.join("db")) {
        std::mem::forget(folder);
    }
}

/// Closes sled on a thread of its own, and waits for it up to the timeout. If no thread can be made,
/// sled stays open.
pub(crate) fn close_in_time(sled: &mut Option<SledDb>) -> Result<(), StoreError> {
    if sled.is_none() {
        return Ok(());
    }
    let failed = Arc::new(Mutex::new(sled.take()));
    let theirs = failed.clone();
    let (closed, wait) = mpsc::channel();
    let run = move || {
        if let Some(failed) = theirs.lock().unwrap_or_else(PoisonError::into_inner).take() {
            close(failed);
        }
        // Fails if the receiver timed out.
        let _ = closed.send(());
    };
    if let Err(error) = thread::Builder::new().name("kv-close".into()).spawn(run) {
        *sled = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        return Err(StoreError::io("starting a thread that closes the kv")(error));
    }
    if wait.recv_timeout(CLOSE_TIMEOUT).is_err() {
        tracing::error!("the failed kv does not close");
    }
    Ok(())
}

/// Waits a moment until the threads of a dropped kv have released its file. Returns false if they
/// do not, or if that is unknown.
pub(crate) fn closes(db: &Path) -> bool {
    let Ok(file) = input::open(db) else { return false };
    for _ in 0..500 {
        match file.try_lock() {
            // Closing does not release it while a process that was just started has a copy.
            Ok(()) => return file.unlock().is_ok(),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(2)),
            Err(TryLockError::Error(_)) => return false,
        }
    }
    false
}

/// Waits for the lock of sled's file. Only threads of a kv that this process has just closed can
/// hold it: the caller has the lock of the data folder.
pub(crate) fn wait_until_free(dir: &Path) -> Result<(), StoreError> {
    let failed = || StoreError::io("opening the kv");
    let file = input::open(&dir.join("db")).map_err(StoreError::read("the kv"))?;
    for _ in 0..500 {
        match file.try_lock() {
            Ok(()) => return file.unlock().map_err(failed()),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
            Err(TryLockError::Error(error)) => return Err(failed()(error)),
        }
    }
    Err(StoreError::Kv("its file stays locked: restart the process".into()))
}

fn config(dir: &Path, cache_bytes: u64) -> sled::Config {
    sled::Config::new().path(dir).cache_capacity(cache_bytes).flush_every_ms(None)
}

fn open_tables(sled: &sled::Db) -> Result<Vec<sled::Tree>, StoreError> {
    Table::ALL.iter().map(|table| Ok(sled.open_tree(table.name())?)).collect()
}

/// Creates the database. sled does not sync the files that it creates, so the database is created
/// under another name, synced, and then renamed.
pub(crate) fn create(dir: &Path, cache_bytes: u64) -> Result<(), StoreError> {
    let failed = || StoreError::io("creating the kv");
    let temporary = dir.with_extension("new");
    if temporary.try_exists().map_err(failed())? {
        fs::remove_dir_all(&temporary).map_err(failed())?;
    }
    let new = temporary.clone();
    // Without files to recover, it is the first flush that makes the pool.
    with_pool(move || {
        let created = RecoveredSled::recover(new, cache_bytes)?;
        let written = guard(|| {
            open_tables(&created.sled)?;
            created.sled.flush()?;
            Ok(())
        });
        created.close();
        written
    })?;
    for name in ["conf", "db"] {
        fsync::sync_path(&temporary.join(name)).map_err(failed())?;
    }
    fsync::sync_folder(&temporary).map_err(failed())?;
    fsync::rename_durably(&temporary, dir).map_err(failed())
}

/// Checks that a new kv with these options can be written and read in a folder: if it cannot, the
/// system is at fault and not the content of another kv.
///
/// # Errors
/// [`StoreError::Kv`].
pub(crate) fn check_system(dir: &Path, cache_bytes: u64) -> Result<(), StoreError> {
    let failed = |what: String| StoreError::Kv(format!("the system runs no kv at all: {what}"));
    let write = Write { table: Table::Meta, key: b"key".to_vec(), sealed: Some(b"value".to_vec()) };
    let run = || {
        let sled = SledDb::open(dir, cache_bytes, 100)?;
        sled.write(&[write])?;
        sled.flush()?;
        close(sled);
        let sled = SledDb::open(dir, cache_bytes, 100)?;
        let value = sled.get(Table::Meta, b"key");
        close(sled);
        value
    };
    match run() {
        Ok(Some(value)) if value == b"value" => Ok(()),
        Ok(_) => Err(failed("it lost an entry".into())),
        Err(error) => Err(failed(error.fault())),
    }
}
