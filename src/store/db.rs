//! The index: named tables of small sealed entries in sled, written by atomic [`Batch`]es.
//!
//! All of sled is used here and nowhere else. Three things are kept away from the rest: sled is not durable before its
//! own file is fsynced, its transactions are small or not safe against power loss, and it can panic on damaged files.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sled::Transactional;

use super::body::{BodyRef, PreparedBody};
use super::codec;
use super::error::StoreError;
use super::keys;
use crate::tree::source::Entry;

/// The largest transaction that was never lost by a power failure in experiments.
pub(super) const MAX_BATCH_BYTES: usize = 200_000;

macro_rules! tables {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// A table of the index; the module `store` says what each holds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Table { $($variant),* }

        impl Table {
            pub const ALL: &[Table] = &[$(Table::$variant),*];

            pub fn name(self) -> &'static str {
                match self { $(Table::$variant => $name),* }
            }
        }
    };
}

tables! {
    Meta = "meta",
    Bodies = "bodies",
    Blocks = "blocks",
    Quarantine = "quarantine",
    Accounts = "accounts",
    AccountUpdates = "account_updates",
    AccountTree = "account_tree",
    TreeUpdates = "tree_updates",
    Witnesses = "witnesses",
    Jobs = "jobs",
    JobIndex = "job_index",
    Proofs = "proofs",
    AggregatedProofs = "aggregated_proofs",
    AggregatedOperations = "aggregated_operations",
    Rejected = "rejected",
}

/// Writes that happen together or not at all.
#[derive(Debug, Default)]
pub(super) struct Batch {
    writes: Vec<(Table, Vec<u8>, Option<Vec<u8>>)>,
    bytes: usize,
    adopted: Vec<PreparedBody>,
    /// Bodies that have no owner once the batch is durable.
    pub released: Vec<BodyRef>,
}

impl Batch {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn put<T: Serialize>(&mut self, table: Table, key: &[u8], record: &T) -> Result<(), StoreError> {
        let sealed = codec::seal(record)?;
        self.write(table, key, Some(sealed));
        Ok(())
    }

    pub fn put_raw(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.write(table, key, Some(codec::seal_raw(value)));
    }

    pub fn remove(&mut self, table: Table, key: &[u8]) {
        self.write(table, key, None);
    }

    fn write(&mut self, table: Table, key: &[u8], sealed: Option<Vec<u8>>) {
        self.bytes += key.len() + sealed.as_ref().map_or(0, Vec::len);
        self.writes.push((table, key.to_vec(), sealed));
    }

    /// Makes this batch the owner of a body; the reference goes into a record of the same batch.
    pub fn adopt(&mut self, prepared: PreparedBody) -> BodyRef {
        let body = prepared.body().clone();
        if let BodyRef::File { id, .. } = body {
            self.put_raw(Table::Bodies, &keys::body(id), &[]);
        }
        self.adopted.push(prepared);
        body
    }

    /// Gives up a body whose record this batch removes.
    pub fn release(&mut self, body: BodyRef) {
        if let BodyRef::File { id, .. } = body {
            self.remove(Table::Bodies, &keys::body(id));
            self.released.push(body);
        }
    }

    /// Size of keys and values in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The open index.
pub(super) struct Db {
    sled: sled::Db,
    tables: Vec<sled::Tree>,
    /// Our own handle of sled's file: `flush` alone does not survive a power failure.
    file: File,
}

impl Db {
    /// Opens the index in `dir`; creates it if there is none.
    pub fn open(dir: &Path, cache_bytes: u64, flush_every_ms: u64) -> Result<Self, StoreError> {
        if !dir.exists() {
            create(dir, cache_bytes)?;
        }
        wait_until_free(&dir.join("db"))?;
        guard(|| {
            let sled = config(dir, cache_bytes).flush_every_ms(Some(flush_every_ms)).open()?;
            let tables = open_tables(&sled)?;
            let file = File::open(dir.join("db")).map_err(StoreError::io("opening the index"))?;
            Ok(Self { sled, tables, file })
        })
    }

    fn table(&self, table: Table) -> Result<&sled::Tree, StoreError> {
        let missing = || StoreError::Index(format!("the table {} is not open", table.name()));
        self.tables.get(table as usize).ok_or_else(missing)
    }

    pub fn get<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, StoreError> {
        let tree = self.table(table)?;
        let sealed = guard(|| Ok(tree.get(key)?))?;
        sealed.map(|sealed| codec::open(table.name(), &sealed)).transpose()
    }

    pub fn get_raw(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let tree = self.table(table)?;
        let sealed = guard(|| Ok(tree.get(key)?))?;
        sealed.map(|sealed| Ok(codec::open_raw(table.name(), &sealed)?.to_vec())).transpose()
    }

    pub fn contains(&self, table: Table, key: &[u8]) -> Result<bool, StoreError> {
        let tree = self.table(table)?;
        guard(|| Ok(tree.contains_key(key)?))
    }

    /// Up to `limit` entries of `from..to`, ascending, without their seal.
    pub fn range_raw(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.scan(table, from, to, limit, |entries| entries.next())
    }

    /// Up to `limit` entries of `from..to`, descending, without their seal.
    pub fn range_raw_back(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.scan(table, from, to, limit, |entries| entries.next_back())
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
        step: impl Fn(&mut sled::Iter) -> Option<sled::Result<(sled::IVec, sled::IVec)>>,
    ) -> Result<Vec<Entry>, StoreError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let tree = self.table(table)?;
        guard(|| {
            let mut iter = tree.range(from..to);
            let mut found = Vec::new();
            while found.len() < limit {
                let Some(entry) = step(&mut iter) else { break };
                let (key, sealed) = entry?;
                found.push((key.to_vec(), codec::open_raw(table.name(), &sealed)?.to_vec()));
            }
            Ok(found)
        })
    }

    /// The number under a key of `meta`; 0 when it is absent.
    pub fn meta_number(&self, key: &[u8]) -> Result<u32, StoreError> {
        Ok(self.get(Table::Meta, key)?.unwrap_or(0))
    }

    /// Does all writes of the batch or none. Not durable before a sync; returns the bodies to unlink after it.
    pub fn apply(&self, mut batch: Batch) -> Result<Vec<BodyRef>, StoreError> {
        let used: BTreeMap<Table, ()> = batch.writes.iter().map(|(table, ..)| (*table, ())).collect();
        let order: Vec<Table> = used.into_keys().collect();
        let trees = order.iter().map(|t| self.table(*t).cloned()).collect::<Result<Vec<_>, _>>()?;
        if batch.bytes > MAX_BATCH_BYTES {
            return Err(StoreError::TooLarge { what: format!("a transaction of {} bytes", batch.bytes) });
        }
        let adopted = std::mem::take(&mut batch.adopted);
        let result = guard(|| {
            if trees.is_empty() {
                return Ok(());
            }
            let transaction = <[sled::Tree] as Transactional<()>>::transaction(&trees, |views| {
                for (table, key, value) in &batch.writes {
                    let Some(view) = order.binary_search(table).ok().and_then(|at| views.get(at)) else {
                        continue;
                    };
                    match value {
                        Some(value) => view.insert(key.as_slice(), value.as_slice())?,
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
        });
        // Even a failed transaction may have reached the disk: its files stay, the next start sweeps what is not used.
        for prepared in adopted {
            prepared.keep();
        }
        result.map(|()| batch.released)
    }

    /// Removes every entry of a table, in batches.
    pub fn clear(&self, table: Table) -> Result<(), StoreError> {
        let tree = self.table(table)?;
        guard(|| Ok(tree.clear()?))
    }

    /// Makes everything that was applied before this call durable.
    pub fn flush(&self) -> Result<(), StoreError> {
        guard(|| {
            self.sled.flush()?;
            self.file.sync_all().map_err(StoreError::io("syncing the index"))
        })
    }
}

/// Threads of an index that this process has just closed may keep its file locked for a moment. Nobody else can: the
/// caller holds the lock of the data folder.
fn wait_until_free(db: &Path) -> Result<(), StoreError> {
    let failed = || StoreError::io("opening the index");
    let file = File::open(db).map_err(failed())?;
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
    sync_dir(&temporary)?;
    fs::rename(&temporary, dir).map_err(failed())?;
    dir.parent().map_or(Ok(()), sync_dir)
}

fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    let path: PathBuf = dir.into();
    File::open(dir)
        .and_then(|folder| folder.sync_all())
        .map_err(StoreError::io(format!("syncing the folder {}", path.display())))
}

/// sled panics on some damaged files: that is an answer, not the end of the process.
fn guard<T>(run: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(StoreError::corrupt(format!("the index cannot be read ({text})")))
    })
}
