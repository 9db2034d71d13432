//! A data folder made of a backup: whole or not at all.
//!
//! ```text
//! DATA/LOCK         held meanwhile, so that nobody else begins to use the folder
//! DATA/restoring/   the new store; moved to DATA/blobs and DATA/journal, then DATA/index, once all of it is on disk
//! ```
//!
//! A folder is one with data once it has an index. Whatever a restore that was killed left behind is removed by the next one. All
//! of it is below the folder itself, which may be a mounted volume.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::ProofMeta;
use super::{About, BackupError, BackupReader, Counts, Entry, Kind};
use crate::store::{FolderLock, KeptProof, Store, StoreError, wait_until_closed};
use crate::workers::rebuild::{NotTaken, Rebuild, RebuildReport};

const RESTORING: &str = "restoring";
const LOCK: &str = "LOCK";
const INDEX: &str = "index";
const BLOBS: &str = "blobs";
const JOURNAL: &str = "journal";

/// Why a restore did not happen. Each message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup cannot be used.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The store refuses or fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is something in the folder.
    #[error("{} is not empty, it holds {found:?}; restore into an absent or empty folder", dir.display())]
    Occupied {
        /// The folder.
        dir: PathBuf,
        /// Name of something in it.
        found: String,
    },
    /// Something in the backup does not pass its checks, so that nothing was restored.
    #[error("{0}; nothing was restored: --keep-going restores what can be")]
    NotTaken(NotTaken),
    /// The folder cannot be made or filled.
    #[error("cannot restore into {}: {cause}; check the path, its owner and the free space", dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the backup says of itself.
    pub about: About,
    /// What was in it.
    pub counts: Counts,
    /// What was stored, and what was left out.
    pub report: RebuildReport,
}

/// Told how far a restore is: what is counted, how many are done, of how many.
pub type Progress<'a> = &'a dyn Fn(&'static str, u64, u64);

/// Restores a backup into an absent or empty folder, opening the new store by `open`. Everything passes the checks of imports and publishes; what does
/// not ends the restore, or is left out if it is to `keep_going`.
///
/// # Errors
/// See [`RestoreError`]; the folder is as empty as it was.
pub fn restore(
    backup: impl Read,
    dir: &Path,
    open: &dyn Fn(&Path) -> Result<Arc<Store>, StoreError>,
    keep_going: bool,
    progress: Progress<'_>,
) -> Result<Restored, RestoreError> {
    let place = Place::claim(dir)?;
    let store = open(&place.building())?;
    let filled = fill(backup, &store, keep_going, progress);
    drop(store);
    match filled {
        Ok(restored) => {
            place.commit()?;
            Ok(restored)
        }
        Err(error) => {
            // What stays is no data folder, and the next restore removes it.
            let _ = wait_until_closed(&place.building());
            let _ = fs::remove_dir_all(place.building());
            Err(error)
        }
    }
}

fn fill(
    backup: impl Read,
    store: &Store,
    keep_going: bool,
    progress: Progress<'_>,
) -> Result<Restored, RestoreError> {
    let mut reader = BackupReader::open(backup)?;
    let mut rebuild = Rebuild::new(store)?;
    let blocks = u64::from(reader.about().head);
    let accounts = |done: usize, of: usize| progress("accounts", done as u64, of as u64);
    while let Some(entry) = reader.next_entry()? {
        let Entry { kind, first, last, .. } = entry;
        let taken = match kind {
            Kind::Genesis => rebuild.genesis(&entry.body, &accounts)?,
            Kind::Block => {
                progress("blocks", first.into(), blocks);
                rebuild.block(first, &entry.body)?
            }
            Kind::AggregatedOperation => rebuild.aggregated_operation(first, last, &entry.body)?,
            Kind::Proof => {
                progress("proofs", last.into(), blocks);
                rebuild.proof(&proof(entry, &reader)?)?
            }
            Kind::AggregatedProof => rebuild.aggregated_proof(&proof(entry, &reader)?)?,
            // There is one, which the reader has taken; the end it does not give.
            Kind::About | Kind::End => true,
        };
        if let Some(not_taken) = rebuild.report().not_taken.first().filter(|_| !taken && !keep_going) {
            return Err(RestoreError::NotTaken(not_taken.clone()));
        }
    }
    Ok(Restored { about: reader.about().clone(), counts: reader.counts(), report: rebuild.finish()? })
}

fn proof<R: Read>(entry: Entry, reader: &BackupReader<R>) -> Result<KeptProof, BackupError> {
    let damaged = |what| BackupError::Damaged { entries: reader.counts().entries, what };
    let ProofMeta { prover, stored_at_ms } = entry.meta().map_err(damaged)?;
    let Entry { first, last, body: json, .. } = entry;
    Ok(KeptProof { first, last, prover, stored_at_ms, json })
}

/// The folder that is restored into.
struct Place {
    dir: PathBuf,
    _lock: FolderLock,
}

impl Place {
    /// Makes the folder if it is absent, locks it, and removes what a killed restore left.
    fn claim(dir: &Path) -> Result<Self, RestoreError> {
        let check = || match occupied(dir).map_err(failed(dir))? {
            Some(found) => Err(RestoreError::Occupied { dir: dir.into(), found }),
            None => Ok(()),
        };
        // Before the lock, which makes the folder and a file in it; and again, as somebody may have had it until then.
        check()?;
        let place = Self { _lock: FolderLock::take(dir)?, dir: dir.into() };
        check()?;
        for left in [dir.join(BLOBS), dir.join(JOURNAL), place.building()] {
            if left.exists() {
                fs::remove_dir_all(left).map_err(failed(dir))?;
            }
        }
        Ok(place)
    }

    /// Where the new store is until it is complete.
    fn building(&self) -> PathBuf {
        self.dir.join(RESTORING)
    }

    /// Makes the new store, which is closed, the content of the folder.
    fn commit(&self) -> Result<(), RestoreError> {
        let building = self.building();
        wait_until_closed(&building)?;
        let publish = || -> io::Result<()> {
            for entry in fs::read_dir(building.join(INDEX))? {
                let path = entry?.path();
                if path.is_file() {
                    File::open(path)?.sync_all()?;
                }
            }
            sync(&building.join(INDEX))?;
            // With the index comes the folder: it is last.
            for name in [BLOBS, JOURNAL, INDEX] {
                fs::rename(building.join(name), self.dir.join(name))?;
                sync(&building)?;
                sync(&self.dir)?;
            }
            fs::remove_dir_all(&building)?;
            sync(&self.dir)
        };
        publish().map_err(failed(&self.dir))
    }
}

fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn failed(dir: &Path) -> impl Fn(io::Error) -> RestoreError {
    move |cause| RestoreError::Folder { dir: dir.into(), cause }
}

/// Something in the folder that no restore left there.
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
    // Bodies and journal come first when a restore is completed.
    let half_moved = names.iter().any(|name| name == RESTORING);
    let moved = |name: &str| half_moved && (name == BLOBS || name == JOURNAL);
    names.retain(|name| name != LOCK && name != RESTORING && !moved(name));
    names.sort();
    Ok(names.into_iter().next())
}
