//! Restore of a backup into a new data folder: completely or not at all.
//!
//! ```text
//! DATA/LOCK         held during the restore, so that no other process uses the folder
//! DATA/restoring/   the new store; once it is durable, its blobs, journal and index move to DATA, in this order
//! ```
//!
//! A folder becomes a data folder when its index moves in. Every other command refuses the remains
//! of a killed restore, and the next restore removes them. Everything is below the folder itself,
//! which may be a mounted volume.

use std::fs;
use std::io::{self, Read};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use super::entry::{About, Counts, ProofMeta};
use super::error::BackupError;
use super::reader::{BackupReader, Entry};
use crate::fsync;
use crate::store::leftovers::{self, RESTORING};
use crate::store::{DurableKind, FolderLock, Store, StoreError, wait_until_closed};
use crate::workers::{OmittedItem, PreparedItem, Progress, Rebuild, RebuildItem, RebuildReport};

/// Maximum number of items in a batch: enough to keep all cores busy with signature checks.
const BATCH: usize = 64;
/// Size of the contents, in bytes, at which a batch ends as well. A prepared block takes several
/// times its content, and there are two batches at a time.
const BATCH_BYTES: usize = 8 << 20;

const LOCK: &str = "LOCK";
const INDEX: &str = "index";
const BLOBS: &str = "blobs";
const JOURNAL: &str = "journal";

/// The reason why a restore failed. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    /// The backup cannot be used.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder is not empty.
    #[error("{} is not empty, it holds {found:?}; restore into a missing or empty folder", dir.display())]
    Occupied {
        /// The folder.
        dir: PathBuf,
        /// The name of an entry in it.
        found: String,
    },
    /// An item of the backup failed its checks, so that nothing was restored.
    #[error("{0}; nothing was restored: --keep-going restores all items that pass their checks")]
    Invalid(OmittedItem),
    /// The folder cannot be created or written.
    #[error("cannot restore into {}: {cause}; check the path, its owner and the free space", dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
}

/// The result of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Restored {
    /// The description of the backup.
    pub about: About,
    /// The number of entries in the backup.
    pub counts: Counts,
    /// The number of stored items, and the omitted ones.
    pub report: RebuildReport,
}

/// Restores a backup into a missing or empty folder; `open` opens the new store. Every item passes
/// the checks of imports and publications. An item that fails them ends the restore, or is omitted
/// with `keep_going`. If the restore fails, the folder has nothing but its lock file afterwards.
pub(crate) fn restore(
    backup: impl Read + Send,
    dir: &Path,
    open: &dyn Fn(&Path) -> Result<Arc<Store>, StoreError>,
    keep_going: bool,
    progress: Progress<'_>,
) -> Result<Restored, RestoreError> {
    let place = Place::claim(dir)?;
    let filled = open(&place.building())
        .map_err(RestoreError::from)
        .and_then(|store| fill(backup, &store, keep_going, progress));
    let restored = filled.and_then(|restored| place.commit().map(|()| restored));
    if restored.is_err() {
        place.undo();
    }
    restored
}

fn fill(
    backup: impl Read + Send,
    store: &Store,
    keep_going: bool,
    progress: Progress<'_>,
) -> Result<Restored, RestoreError> {
    let reader = BackupReader::open(backup)?;
    let about = reader.about().clone();
    let blocks = u64::from(about.head);
    let mut rebuild = Rebuild::new(store)?;
    let counts = thread::scope(|scope| {
        // One batch is stored while the next one is read and prepared.
        let (sender, batches) = mpsc::sync_channel(0);
        let reading = thread::Builder::new()
            .name("backup-read".to_owned())
            .spawn_scoped(scope, move || read_all(reader, &sender))
            .map_err(StoreError::io("starting the thread that reads the backup"))?;
        for item in batches.into_iter().flatten() {
            match item.kind() {
                DurableKind::Block => progress("blocks", item.last().into(), blocks),
                DurableKind::SingleProof => progress("proofs", item.last().into(), blocks),
                _ => {}
            }
            let stored = rebuild.put(item, progress)?;
            if let Some(omitted) = rebuild.report().omitted.first().filter(|_| !stored && !keep_going) {
                return Err(RestoreError::Invalid(omitted.clone()));
            }
        }
        Ok(reading.join().unwrap_or_else(|cause| panic::resume_unwind(cause))?)
    })?;
    Ok(Restored { about, counts, report: rebuild.finish()? })
}

/// Reads and prepares all items, those before an error included. Ends early if they are no longer
/// received.
fn read_all<R: Read>(
    mut reader: BackupReader<R>,
    batches: &SyncSender<Vec<PreparedItem>>,
) -> Result<Counts, BackupError> {
    loop {
        let mut items = Vec::new();
        let read = read_batch(&mut reader, &mut items);
        let is_last = items.is_empty();
        let is_received = batches.send(PreparedItem::all(items)).is_ok();
        read?;
        if is_last || !is_received {
            return Ok(reader.counts());
        }
    }
}

fn read_batch<R: Read>(
    reader: &mut BackupReader<R>,
    items: &mut Vec<RebuildItem>,
) -> Result<(), BackupError> {
    let mut bytes = 0;
    while items.len() < BATCH && bytes < BATCH_BYTES {
        let Some(entry) = reader.next_entry()? else { break };
        // The reader returns no others.
        let Some(kind) = entry.kind.durable() else { continue };
        bytes += entry.body.len();
        items.push(item(kind, entry, reader)?);
    }
    Ok(())
}

fn item<R: Read>(
    kind: DurableKind,
    entry: Entry,
    reader: &BackupReader<R>,
) -> Result<RebuildItem, BackupError> {
    let damaged = |what| BackupError::Damaged { entries: reader.counts().entries, what };
    let ProofMeta { prover, stored_at_ms } = match kind {
        DurableKind::SingleProof | DurableKind::AggregatedProof => entry.meta().map_err(damaged)?,
        _ => ProofMeta { prover: None, stored_at_ms: 0 },
    };
    let Entry { first, last, body: content, .. } = entry;
    Ok(RebuildItem { kind, first, last, prover, stored_at_ms, content })
}

/// The folder of a restore.
struct Place {
    dir: PathBuf,
    _lock: FolderLock,
}

impl Place {
    /// Creates the folder if it is missing, locks it, and removes the remains of a killed restore.
    fn claim(dir: &Path) -> Result<Self, RestoreError> {
        // Checked before the lock, which creates the folder and a file in it; and again with the
        // lock, since another process may have written until then.
        require_vacant(dir)?;
        let building = dir.join(RESTORING);
        // Before the lock file: a folder that has only that one looks like a new data folder.
        fsync::create_folders(&building).map_err(failed(dir))?;
        let place = match FolderLock::take(dir) {
            Ok(lock) => Self { _lock: lock, dir: dir.into() },
            Err(error) => {
                // Fails if another restore is using it.
                let _ = fs::remove_dir(&building);
                return Err(error.into());
            }
        };
        require_vacant(dir)?;
        for left in [dir.join(BLOBS), dir.join(JOURNAL)] {
            leftovers::remove(&left)?;
        }
        // Its content, since the folder itself marks the restore.
        for entry in fs::read_dir(&building).map_err(failed(dir))? {
            leftovers::remove(&entry.map_err(failed(dir))?.path())?;
        }
        Ok(place)
    }

    /// Empties the folder after a failure, unless it is a data folder already. If that fails as
    /// well, the remains are refused, and the next restore removes them.
    fn undo(&self) {
        if !self.dir.join(INDEX).try_exists().unwrap_or(true) {
            let _ = wait_until_closed(&self.building());
            for name in [BLOBS, JOURNAL, RESTORING] {
                let _ = leftovers::remove(&self.dir.join(name));
            }
        }
    }

    /// Returns the path of the new store until it is complete.
    fn building(&self) -> PathBuf {
        self.dir.join(RESTORING)
    }

    /// Moves the parts of the new store, which is closed, into the folder.
    fn commit(&self) -> Result<(), RestoreError> {
        let building = self.building();
        wait_until_closed(&building)?;
        let publish = || -> io::Result<()> {
            for entry in fs::read_dir(building.join(INDEX))? {
                let entry = entry?;
                if entry.file_type()?.is_file() {
                    fsync::sync_path(&entry.path())?;
                }
            }
            fsync::sync_folder(&building.join(INDEX))?;
            // The index is last: with it the folder becomes a data folder.
            for name in [BLOBS, JOURNAL, INDEX] {
                fsync::rename_durably(&building.join(name), &self.dir.join(name))?;
            }
            fs::remove_dir_all(&building)?;
            fsync::sync_folder(&self.dir)
        };
        publish().map_err(failed(&self.dir))
    }
}

fn failed(dir: &Path) -> impl Fn(io::Error) -> RestoreError {
    move |cause| RestoreError::Folder { dir: dir.into(), cause }
}

/// Checks that a backup can be restored into a folder: it is missing, empty, or has only the remains
/// of a restore.
///
/// # Errors
/// [`RestoreError::Occupied`]; [`RestoreError::Folder`] if it cannot be read.
pub(crate) fn require_vacant(dir: &Path) -> Result<(), RestoreError> {
    match occupied(dir).map_err(failed(dir))? {
        Some(found) => Err(RestoreError::Occupied { dir: dir.into(), found }),
        None => Ok(()),
    }
}

/// Returns the name of an entry of the folder that is not the remains of a restore.
fn occupied(dir: &Path) -> io::Result<Option<String>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    // Blobs and journal move before the index.
    let half_moved = names.iter().any(|name| name == RESTORING);
    let moved = |name: &str| half_moved && (name == BLOBS || name == JOURNAL);
    names.retain(|name| name != LOCK && name != RESTORING && !moved(name) && !leftovers::is_temporary(name));
    names.sort();
    Ok(names.into_iter().next())
}
