//! Opening a data folder: lock, index, parameters, left-overs of the last run.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Clock, SystemClock};
use crate::domain::job::LeasePolicy;
use crate::store::Store;
use crate::store::chain::read_view::ReadViews;
use crate::store::durable::blobs::{Blobs, file_id};
use crate::store::durable::folder;
use crate::store::durable::free_space::{Space, SpaceProbe, SystemSpace};
use crate::store::durable::group_commit::Committer;
use crate::store::durable::journal::Journal;
use crate::store::error::StoreError;
use crate::store::kv::batch::{Batch, Table};
use crate::store::kv::keys;
use crate::store::kv::keys::meta;
use crate::store::kv::records::Kv;
use crate::store::kv::sled_db;
use crate::store::queue::leases::Leases;
use crate::store::recovery::{journal_items, replace};

/// How a store works.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Cache of the index, in bytes on disk; memory use is larger.
    pub cache_bytes: u64,
    /// Interval of background flushes, in milliseconds: what is not synced explicitly may be lost for that long.
    pub flush_every_ms: u64,
    /// How many blocks a revert can go back.
    pub history: u32,
    /// A lease that is not renewed for that long ends.
    pub gone_timeout: Duration,
    /// A job that was handed out that often and not proven is parked as failed; `None` for no limit.
    pub max_attempts: Option<u32>,
    /// A job whose lease ended waits for that long before it is handed out again, twice as long after each attempt, up to
    /// `gone_timeout`; zero for no wait.
    pub retry_backoff: Duration,
    /// Bytes of the file system that are to stay free: below, nothing new is begun. 0 for no such floor.
    pub min_free_bytes: u64,
    /// Who tells how much is free.
    pub space: Arc<dyn SpaceProbe>,
    /// How many rejected proofs are kept.
    pub max_rejected: u32,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            flush_every_ms: 100,
            history: 400,
            gone_timeout: Duration::from_secs(60),
            max_attempts: None,
            retry_backoff: Duration::from_secs(1),
            min_free_bytes: 0,
            space: Arc::new(SystemSpace),
            max_rejected: 100,
            clock: Arc::new(SystemClock::new()),
        }
    }
}

/// What the folder was made with. Stored: frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parameters {
    format: u32,
    account_tree_depth: u32,
    balance_tree_depth: u32,
}

pub(crate) const PARAMETERS: Parameters =
    Parameters { format: 1, account_tree_depth: 32, balance_tree_depth: 32 };

impl Parameters {
    fn describe(&self) -> String {
        let Self { format, account_tree_depth, balance_tree_depth } = self;
        format!("format {format} with trees of depth {account_tree_depth} and {balance_tree_depth}")
    }
}

impl Store {
    /// Opens a data folder, or makes one. Finishes what a crash interrupted and removes what it left behind.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let lock = lock(dir)?;
        replace::finish(dir)?;
        if !dir.join("index").exists() && !is_new(dir)? {
            return Err(StoreError::corrupt("its index is missing"));
        }
        let kv = Kv::open(&dir.join("index"), options.cache_bytes, options.flush_every_ms)?;
        check_parameters(dir, &kv)?;
        let journal = journal_items::open_journal(&dir.join("journal"), &kv)?;
        let known = |id| kv.contains(Table::Blobs, &keys::body(id));
        let (blobs, swept) = Blobs::open(&dir.join("blobs"), known)?;
        if swept > 0 {
            tracing::info!(swept, "removed body files that a crash left behind");
        }
        let store = Self::assemble(dir, kv, blobs, Some(journal), options, Some(lock));
        store.recover(&mut store.lock_queue())?;
        store.settle_journal()?;
        Ok(store)
    }

    /// A store of its parts; nothing is read or written.
    pub(crate) fn assemble(
        dir: &Path,
        kv: Kv,
        blobs: Blobs,
        journal: Option<Journal>,
        options: StoreOptions,
        lock: Option<File>,
    ) -> Self {
        Self {
            dir: dir.into(),
            kv: Arc::new(kv),
            blobs,
            journal,
            committer: Committer::default(),
            metrics: Arc::default(),
            clock: options.clock,
            history: options.history,
            space: Space::new(dir, options.space, options.min_free_bytes),
            policy: LeasePolicy {
                gone_timeout_ms: milliseconds(options.gone_timeout),
                max_attempts: options.max_attempts,
                retry_backoff_ms: milliseconds(options.retry_backoff),
            },
            max_rejected: options.max_rejected,
            chain: Mutex::new(()),
            tree: Mutex::new(()),
            queue: Mutex::new(Leases::default()),
            read_views: ReadViews::default(),
            _lock: lock,
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The lock of a data folder without the store in it: whoever holds it keeps every process from opening the folder.
#[derive(Debug)]
pub struct FolderLock(#[expect(dead_code, reason = "it is held")] File);

impl FolderLock {
    /// Takes the lock; makes the folder if it is absent. [`StoreError::Locked`] when another process has it.
    pub fn take(dir: &Path) -> Result<Self, StoreError> {
        lock(dir).map(Self)
    }
}

/// Returns when the index of a store that was dropped is closed, which may be a moment later.
pub fn wait_until_closed(dir: &Path) -> Result<(), StoreError> {
    let kv = dir.join("index").join("db");
    if kv.exists() { sled_db::wait_until_free(&kv) } else { Ok(()) }
}

/// One process for each folder. The lock goes with the process, however it ends.
pub(crate) fn lock(dir: &Path) -> Result<File, StoreError> {
    let unusable = |source| StoreError::Folder { dir: dir.into(), source };
    folder::make(dir).map_err(unusable)?;
    let mut open = OpenOptions::new();
    let file =
        open.create(true).truncate(false).read(true).write(true).open(dir.join("LOCK")).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { dir: dir.into() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// Whether nothing was ever written to the folder but an index.
fn is_new(dir: &Path) -> Result<bool, StoreError> {
    for part in ["blobs", "journal"] {
        let entries = match fs::read_dir(dir.join(part)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(StoreError::io("opening the data folder")(error)),
        };
        for entry in entries {
            let entry = entry.map_err(StoreError::io("opening the data folder"))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let written = entry.metadata().is_ok_and(|found| found.len() > 0);
            if file_id(&name).is_some() || (name.ends_with(".log") && written) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

pub(crate) fn check_parameters(dir: &Path, kv: &Kv) -> Result<(), StoreError> {
    match kv.get::<Parameters>(Table::Meta, meta::PARAMETERS)? {
        Some(found) if found == PARAMETERS => Ok(()),
        Some(found) => Err(StoreError::Format {
            dir: dir.into(),
            found: found.describe(),
            expected: PARAMETERS.describe(),
        }),
        // sled takes a file that it cannot make sense of for a new one.
        None if !is_new(dir)? => {
            Err(StoreError::corrupt("its index is empty, and there are bodies or a journal"))
        }
        None => {
            let mut batch = Batch::new();
            batch.put(Table::Meta, meta::PARAMETERS, &PARAMETERS)?;
            kv.apply(batch)?;
            kv.flush()
        }
    }
}
