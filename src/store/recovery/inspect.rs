//! Reading a data folder in any state without changing it.
//!
//! sled writes to the files that it opens, and truncates bytes that it cannot read. So the kv is
//! copied, the copy is opened, and the work of an interrupted run is finished in the copy. Blob
//! files and journal are read in place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::store::durable::blobs::Blobs;
use crate::store::durable::folder_lock::FolderLock;
use crate::store::durable::journal_reading::Reading;
use crate::store::error::StoreError;
use crate::store::kv::handle::Kv;
use crate::store::kv::keys::meta;
use crate::store::kv::table::Table;
use crate::store::options::StoreOptions;
use crate::store::parameters::check_parameters;
use crate::store::recovery::check::StoreCheck;
use crate::store::recovery::finding::Finding;
use crate::store::recovery::{check_blobs, check_journal, replace};
use crate::store::store::Store;

/// Names that a sound data folder may have.
const OWN_NAMES: [&str; 6] = ["LOCK", "index", "blobs", "journal", "secret", "witness-server.toml"];

/// Names of parts whose creation was interrupted.
const UNFINISHED_NAMES: [&str; 4] = ["index.new", "index.probe", "journal.new", "restoring"];

/// A data folder that is inspected. No other process can open it meanwhile.
pub struct Inspection {
    dir: PathBuf,
    pub(crate) blobs: Option<Blobs>,
    /// The store over a copy of the kv; `None` if that cannot be opened.
    store: Option<Store>,
    /// The last block that stays, if a revert was in progress.
    reverted: Option<u32>,
    findings: Vec<Finding>,
    _lock: Option<FolderLock>,
    /// The folder of the copy. Dropped last.
    _copy: TempDir,
}

impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Inspection {
    /// Locks the folder, copies its kv and opens the copy. The copy is in a temporary folder beside
    /// the data folder, or in the data folder if that is not possible, and is removed when the
    /// value is dropped.
    ///
    /// # Errors
    /// [`StoreError::Locked`]; [`StoreError::NotFound`] if it is not a data folder; also if there
    /// is no space for the copy.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        if !replace::is_data_folder(dir) {
            return Err(StoreError::NotFound { what: format!("data folder {}", dir.display()) });
        }
        let lock = FolderLock::take_existing(dir)?;
        let mut findings = Vec::new();
        if replace::is_unfinished(dir) {
            let finding = Finding::left_over("repaired", "a repair was interrupted in its last step");
            let means = "the folder has parts of both the old and the new one";
            findings.push(finding.meaning(means, "a repair or the next start finishes it"));
        }
        let copy = temporary_beside(dir).map_err(StoreError::io("creating a temporary folder"))?;
        let blobs = match Blobs::look(&dir.join("blobs")) {
            Ok(blobs) => Some(blobs),
            Err(error) => {
                findings.push(Finding::damage("blobs", error.fault()));
                None
            }
        };
        let kv = match open_copy(dir, copy.path(), &options) {
            Ok(kv) => Some(kv),
            Err(StoreError::DiskFull) => return Err(StoreError::DiskFull),
            Err(error) => {
                let finding = Finding::damage("index", error.fault());
                let repair = "a repair creates it again from the journal and the blob files";
                findings.push(finding.meaning("it has all records", repair));
                None
            }
        };
        let mut reverted = None;
        let store = match (kv, Blobs::look(&dir.join("blobs"))) {
            (Some(kv), Ok(blobs)) => {
                // If the marker cannot be read, the check reports it.
                reverted = kv.get(Table::Meta, meta::REVERT_TO).unwrap_or(None);
                let store = Store::assemble(dir, kv, blobs, None, &options, None);
                if let Err(error) = store.parts.recover(&mut store.parts.queue.lock()) {
                    let what = format!("recovering from the last run fails: {}", error.fault());
                    findings.push(Finding::damage("index", what).derived());
                }
                Some(store)
            }
            _ => None,
        };
        Ok(Self { dir: dir.into(), blobs, store, reverted, findings, _lock: lock, _copy: copy })
    }

    /// Returns the store over the copy of the kv, for reading only; `None` if that cannot be
    /// opened.
    pub fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// Checks everything that can be checked without interpreting blocks.
    ///
    /// # Errors
    /// If a folder cannot be listed or the journal cannot be read.
    pub fn check(&self) -> Result<Vec<Finding>, StoreError> {
        let mut findings = self.findings.clone();
        self.names(&mut findings)?;
        match &self.store {
            Some(store) => {
                let mut check = StoreCheck::begin(store);
                check.everything(self.reverted)?;
                findings.append(&mut check.findings);
            }
            None => {
                if let Some(blobs) = &self.blobs {
                    findings.extend(check_blobs::without_owners(blobs)?);
                }
                findings.extend(check_journal::damage(&Reading::of(&self.journal_dir())?));
            }
        }
        Ok(findings)
    }

    /// Reads the whole journal.
    pub(crate) fn journal(&self) -> Result<Reading, StoreError> {
        let mut reading = Reading::of(&self.journal_dir())?;
        if let Some(to) = self.reverted {
            reading.replay.revert(to);
        }
        Ok(reading)
    }

    pub(crate) fn journal_dir(&self) -> PathBuf {
        self.dir.join("journal")
    }

    fn names(&self, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
        let copy = self._copy.path().file_name();
        for entry in fs::read_dir(&self.dir).map_err(StoreError::io("listing the data folder"))? {
            let name = entry.map_err(StoreError::io("listing the data folder"))?.file_name();
            let text = name.to_string_lossy();
            let known = OWN_NAMES.contains(&text.as_ref()) || replace::is_own_name(&text);
            if UNFINISHED_NAMES.contains(&text.as_ref()) {
                findings.push(Finding::left_over(text, "it was not finished"));
            } else if !known && Some(name.as_os_str()) != copy {
                findings.push(Finding::foreign(text.into_owned()));
            }
        }
        Ok(())
    }
}

fn open_copy(dir: &Path, copy: &Path, options: &StoreOptions) -> Result<Kv, StoreError> {
    let from = dir.join("index");
    if !from.is_dir() || !from.join("db").is_file() {
        return Err(StoreError::corrupt("it is missing"));
    }
    let to = copy.join("index");
    copy_folder(&from, &to).map_err(StoreError::io("copying the kv"))?;
    let kv = Kv::open(&to, options.cache_bytes, options.flush_every_ms)?;
    check_parameters(dir, &kv)?;
    Ok(kv)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_folder(&entry.path(), &target)?,
            false => drop(fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}

/// Creates a temporary folder on the same file system, where space for a copy of the kv is most
/// likely.
fn temporary_beside(dir: &Path) -> io::Result<TempDir> {
    let dir = fs::canonicalize(dir)?;
    let within = |dir: &Path| tempfile::Builder::new().prefix("doctor-").tempdir_in(dir);
    dir.parent().map_or_else(|| within(&dir), within).or_else(|_| within(&dir))
}
