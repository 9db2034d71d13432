//! An open sled database. No other module uses sled.
//!
//! It hides three properties of sled: a flush is not durable before sled's file is fsynced, sled
//! creates some files without syncing them or their names (see [`sled_snapshot`]), and it may panic
//! on damaged files.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use sled::Transactional;

use crate::fsync;
use crate::input;
use crate::store::error::{StoreError, is_of_content};
use crate::store::kv::batch::Write;
use crate::store::kv::sled_snapshot;
use crate::store::kv::table::Table;
use crate::tree::source::Entry;

/// Open tables of sealed entries.
pub(crate) struct SledDb {
    sled: sled::Db,
    tables: Vec<sled::Tree>,
    /// sled's file, for the fsync that `flush` leaves out.
    file: File,
}

impl SledDb {
    /// Opens the database in `dir`, and creates it if it is absent.
    pub(crate) fn open(dir: &Path, cache_bytes: u64, flush_every_ms: u64) -> Result<Self, StoreError> {
        if !dir.try_exists().map_err(StoreError::io("opening the kv"))? {
            create(dir, cache_bytes)?;
        }
        check_files(dir)?;
        wait_until_free(&dir.join("db"))?;
        let kept = sled_snapshot::keep(dir).map_err(StoreError::io("keeping sled's snapshot"))?;
        guard(|| {
            let sled = config(dir, cache_bytes).flush_every_ms(Some(flush_every_ms)).open()?;
            let tables = open_tables(&sled)?;
            let file = File::open(dir.join("db")).map_err(StoreError::io("opening the kv"))?;
            kept.release(dir).map_err(StoreError::io("syncing the folder of the kv"))?;
            Ok(Self { sled, tables, file })
        })
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

/// Checks that sled finds only files and folders, since it would wait for the writer of a named
/// pipe, and reads the files through: sled takes a failed read for the end of its log, and writes
/// over what follows.
fn check_files(dir: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(dir).map_err(StoreError::io("opening the kv"))? {
        let entry = entry.map_err(StoreError::io("opening the kv"))?;
        let path = entry.path();
        let found = fs::metadata(&path).map_err(StoreError::read("the kv"))?;
        if found.is_dir() {
            check_files(&path)?;
        } else if found.is_file() {
            let read = input::open(&path).and_then(|mut file| io::copy(&mut file, &mut io::sink()));
            read.map_err(StoreError::read("the kv"))?;
        } else {
            let name = entry.file_name().display().to_string();
            return Err(StoreError::corrupt(format!("{name} in its kv is not a regular file")));
        }
    }
    Ok(())
}

/// Waits until the kv of a data folder is closed. sled's threads may close it a moment after the
/// store is dropped.
pub fn wait_until_closed(dir: &Path) -> Result<(), StoreError> {
    let db = dir.join("index").join("db");
    if db.try_exists().map_err(StoreError::io("opening the kv"))? { wait_until_free(&db) } else { Ok(()) }
}

/// Drops a kv. sled panics if its last flush fails, of which no acknowledged write is a part.
pub(crate) fn close(sled: SledDb) {
    let closed = guard(|| {
        drop(sled);
        Ok(())
    });
    if let Err(error) = closed {
        tracing::warn!(%error, "the kv did not close cleanly");
    }
}

/// Waits a moment until the threads of a dropped kv have released its file. Returns false if they
/// do not, or if that is unknown.
pub(crate) fn closes(db: &Path) -> bool {
    let Ok(file) = input::open(db) else { return false };
    for _ in 0..500 {
        match file.try_lock() {
            Ok(()) => return true,
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
            Err(TryLockError::Error(_)) => return false,
        }
    }
    false
}

/// Makes sled's file durable and waits for its lock. Only threads of a kv that this process has
/// just closed can hold it: the caller has the lock of the data folder.
fn wait_until_free(db: &Path) -> Result<(), StoreError> {
    let failed = || StoreError::io("opening the kv");
    let file = input::open(db).map_err(StoreError::read("the kv"))?;
    // A process that was killed before its sync may have left writes. From now on they are read,
    // and sled's next snapshot depends on them, so they have to be durable.
    fsync::sync_file(&file).map_err(failed())?;
    for _ in 0..500 {
        match file.try_lock() {
            Ok(()) => return file.unlock().map_err(failed()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            Err(TryLockError::Error(error)) => return Err(failed()(error)),
        }
    }
    Err(StoreError::Kv("its file stays locked: restart the process".into()))
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        match error {
            // A file that ends too early is damaged. The lock is no matter of the content either.
            sled::Error::Io(error) if is_of_content(&error) => {
                StoreError::corrupt(format!("the kv cannot be read ({error})"))
            }
            sled::Error::Io(error) => StoreError::io("reading or writing the kv")(error),
            sled::Error::Corruption { .. } => StoreError::corrupt("the kv has a bad checksum"),
            // The configuration is the same for every folder, so a difference is one of the files.
            other => StoreError::corrupt(format!("the kv cannot be read ({other})")),
        }
    }
}

fn config(dir: &Path, cache_bytes: u64) -> sled::Config {
    sled::Config::new().path(dir).cache_capacity(cache_bytes)
}

fn open_tables(sled: &sled::Db) -> Result<Vec<sled::Tree>, StoreError> {
    Table::ALL.iter().map(|table| Ok(sled.open_tree(table.name())?)).collect()
}

/// Creates the database. sled does not sync the files that it creates, so the database is created
/// under another name, synced, and then renamed.
fn create(dir: &Path, cache_bytes: u64) -> Result<(), StoreError> {
    let failed = || StoreError::io("creating the kv");
    let temporary = dir.with_extension("new");
    if temporary.try_exists().map_err(failed())? {
        fs::remove_dir_all(&temporary).map_err(failed())?;
    }
    guard(|| {
        let sled = config(&temporary, cache_bytes).flush_every_ms(None).open()?;
        open_tables(&sled)?;
        sled.flush()?;
        Ok(())
    })?;
    for name in ["conf", "db"] {
        fsync::sync_path(&temporary.join(name)).map_err(failed())?;
    }
    fsync::sync_folder(&temporary).map_err(failed())?;
    fsync::rename_durably(&temporary, dir).map_err(failed())
}

thread_local! {
    /// True while this thread runs sled's code.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Installs a panic hook that does not print panics of sled: they become errors.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let of_sled = |name: &str| name.starts_with("sled-") || name.starts_with("log flusher");
            if GUARDED.get() || std::thread::current().name().is_some_and(of_sled) {
                let place = info.location().map(ToString::to_string);
                tracing::debug!(place, "sled panicked");
            } else {
                usual(info);
            }
        }));
    });
}

/// Turns a panic of sled, such as one on damaged files, into an error.
fn guard<T>(run: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    quiet_panics();
    let outer = GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(run));
    GUARDED.set(outer);
    outcome.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        // sled unwraps some errors of the system.
        if OF_SYSTEM.iter().any(|sign| text.contains(sign)) {
            return Err(StoreError::Kv(text.into()));
        }
        Err(StoreError::corrupt(format!("the kv cannot be read ({text})")))
    })
}

/// What the message of a panic has if an error of the system is the cause.
const OF_SYSTEM: [&str; 5] = ["Os {", "os error", "kind: Other", "spawn", "lru was constructed"];

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
