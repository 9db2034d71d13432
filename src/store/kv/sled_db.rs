//! One opening of sled. All of sled is used here and nowhere else.
//!
//! Three things are kept away from the rest: sled is not durable before its own file is fsynced, it makes some of its files without
//! syncing them or their names ([`index_snapshot`]), and it can panic on damaged ones.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use sled::Transactional;

use crate::store::durable::folder;
use crate::store::error::StoreError;
use crate::store::kv::batch::{Table, Write};
use crate::store::kv::sled_snapshot;
use crate::tree::source::Entry;

/// The open index: tables of sealed entries.
pub(crate) struct SledDb {
    sled: sled::Db,
    tables: Vec<sled::Tree>,
    /// Our own handle of sled's file: `flush` alone does not survive a power failure.
    file: File,
}

impl SledDb {
    /// Opens the index in `dir`; creates it if there is none.
    pub fn open(dir: &Path, cache_bytes: u64, flush_every_ms: u64) -> Result<Self, StoreError> {
        if !dir.exists() {
            create(dir, cache_bytes)?;
        }
        wait_until_free(&dir.join("db"))?;
        let kept = sled_snapshot::keep(dir).map_err(StoreError::io("keeping the snapshot of the index"))?;
        guard(|| {
            let sled = config(dir, cache_bytes).flush_every_ms(Some(flush_every_ms)).open()?;
            let tables = open_tables(&sled)?;
            let file = File::open(dir.join("db")).map_err(StoreError::io("opening the index"))?;
            kept.release(dir).map_err(StoreError::io("syncing the folder of the index"))?;
            Ok(Self { sled, tables, file })
        })
    }

    fn table(&self, table: Table) -> Result<&sled::Tree, StoreError> {
        let missing = || StoreError::Index(format!("the table {} is not open", table.name()));
        self.tables.get(table as usize).ok_or_else(missing)
    }

    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let tree = self.table(table)?;
        guard(|| Ok(tree.get(key)?.map(|sealed| sealed.to_vec())))
    }

    /// Up to `limit` entries of `from..to`, from the front or from the back.
    pub fn range(
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

    /// Does all writes or none.
    pub fn write(&self, writes: &[Write]) -> Result<(), StoreError> {
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
                    Err(StoreError::Index("a transaction was aborted".into()))
                }
            }
        })
    }

    /// Removes every entry of a table.
    pub fn clear(&self, table: Table) -> Result<(), StoreError> {
        let tree = self.table(table)?;
        guard(|| Ok(tree.clear()?))
    }

    /// Makes everything that was written before this call durable.
    pub fn flush(&self) -> Result<(), StoreError> {
        guard(|| {
            self.sled.flush()?;
            self.file.sync_all().map_err(StoreError::io("syncing the index"))
        })
    }
}

/// Makes sled's file durable and waits for its lock. Threads of an index that this process has just closed may keep it for a moment. Nobody else can: the
/// caller holds the lock of the data folder.
pub(crate) fn wait_until_free(db: &Path) -> Result<(), StoreError> {
    let failed = || StoreError::io("opening the index");
    let file = File::open(db).map_err(failed())?;
    // What a process left that was killed before its sync is shown from now on, and a snapshot is made of it: it has to stay.
    file.sync_all().map_err(failed())?;
    for _ in 0..500 {
        match file.try_lock() {
            Ok(()) => return file.unlock().map_err(failed()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            Err(TryLockError::Error(error)) => return Err(failed()(error)),
        }
    }
    Err(StoreError::Index("its file stays locked: restart the process".into()))
}

fn config(dir: &Path, cache_bytes: u64) -> sled::Config {
    sled::Config::new().path(dir).cache_capacity(cache_bytes)
}

fn open_tables(sled: &sled::Db) -> Result<Vec<sled::Tree>, StoreError> {
    Table::ALL.iter().map(|table| Ok(sled.open_tree(table.name())?)).collect()
}

/// sled does not sync what it creates: make it under another name, sync it, then rename.
fn create(dir: &Path, cache_bytes: u64) -> Result<(), StoreError> {
    let failed = || StoreError::io("creating the index");
    let temporary = dir.with_extension("new");
    if temporary.exists() {
        fs::remove_dir_all(&temporary).map_err(failed())?;
    }
    guard(|| {
        let sled = config(&temporary, cache_bytes).flush_every_ms(None).open()?;
        open_tables(&sled)?;
        sled.flush()?;
        Ok(())
    })?;
    for name in ["conf", "db"] {
        File::open(temporary.join(name)).and_then(|file| file.sync_all()).map_err(failed())?;
    }
    folder::sync(&temporary).map_err(failed())?;
    fs::rename(&temporary, dir).map_err(failed())?;
    dir.parent().map_or(Ok(()), folder::sync).map_err(failed())
}

thread_local! {
    /// Whether this thread is inside of sled.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Panics inside of sled, and of its own threads, become errors; the usual message on standard error would be noise.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let of_sled = |name: &str| name.starts_with("sled-") || name.starts_with("log flusher");
            if GUARDED.get() || std::thread::current().name().is_some_and(of_sled) {
                let place = info.location().map(ToString::to_string);
                tracing::debug!(place, "sled gave up on the index");
            } else {
                usual(info);
            }
        }));
    });
}

/// sled panics on some damaged files: that is an answer, not the end of the process.
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
        Err(StoreError::corrupt(format!("the index cannot be read ({text})")))
    })
}
