//! Reading a data folder in any state without changing it.
//!
//! sled writes to the files that it opens, and truncates bytes that it cannot read. So the kv is
//! copied, the copy is opened, and the work of an interrupted run is finished in the copy. Blob
//! files and journal are read in place.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::store::durable::blobs::Blobs;
use crate::store::durable::folder_lock::FolderLock;
use crate::store::durable::journal_reading::Reading;
use crate::store::error::{StoreError, unless_damaged};
use crate::store::kv::handle::Kv;
use crate::store::kv::keys::meta;
use crate::store::kv::opening;
use crate::store::kv::sled_db::check_system;
use crate::store::kv::table::Table;
use crate::store::options::StoreOptions;
use crate::store::parameters::check_parameters;
use crate::store::recovery::check::StoreCheck;
use crate::store::recovery::finding::Finding;
use crate::store::recovery::{check_blobs, check_journal, leftovers, replace};
use crate::store::store::Store;

/// Names that a sound data folder may have.
const OWN_NAMES: [&str; 6] = ["LOCK", "index", "blobs", "journal", "secret", "witness-server.toml"];

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
    /// Locks the folder, copies its kv and opens the copy. The copy is in a temporary folder in the
    /// data folder, or in the system's one if the data folder is not writable, and is removed when
    /// the value is dropped.
    ///
    /// # Errors
    /// [`StoreError::Locked`]; [`StoreError::NotFound`] if it is not a data folder;
    /// [`StoreError::UnfinishedRestore`]; every error that is not damage, such as a file that the
    /// system fails to read, or no space for the copy.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        replace::check_data_folder(dir)?;
        let lock = FolderLock::take_existing(dir)?;
        let mut findings = Vec::new();
        if replace::is_unfinished(dir)? {
            let finding = Finding::left_over("repaired", "a repair was interrupted in its last step");
            let means = "the folder has parts of both the old and the new one";
            findings.push(finding.meaning(means, "a repair or the next start finishes it"));
        }
        let copy = leftovers::copy_folder(dir).map_err(StoreError::io("creating a temporary folder"))?;
        let blobs = match Blobs::open_read_only(&dir.join("blobs")) {
            Ok(blobs) => Some(blobs),
            Err(error) => {
                findings.push(Finding::damage("blobs", error.damage()?));
                None
            }
        };
        let kv = match open_copy(dir, copy.path(), &options) {
            Ok(kv) => Some(kv),
            Err(error) => {
                let finding = Finding::damage("index", error.damage()?);
                check_system(&copy.path().join("other"), options.cache_bytes)?;
                let repair = "a repair creates it again from the journal and the blob files";
                findings.push(finding.meaning("it lists all records", repair));
                None
            }
        };
        let mut reverted = None;
        let store = match (kv, unless_damaged(Blobs::open_read_only(&dir.join("blobs")))?) {
            (Some(kv), Some(blobs)) => {
                // If the marker cannot be read, the check reports it.
                reverted = kv.get(Table::Meta, meta::REVERT_TO).unwrap_or(None);
                let store = Store::assemble(dir, kv, blobs, None, &options, None);
                if let Err(error) = store.parts.recover(&mut store.parts.queue.lock()) {
                    let what = format!("recovering from the last run fails: {}", error.damage()?);
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

    /// Returns true if it is known which records were acknowledged: by the kv, or by a journal
    /// without damage.
    pub(crate) fn knows_every_record(&self) -> Result<bool, StoreError> {
        Ok(self.store.is_some() || self.journal()?.is_sound())
    }

    /// Checks everything that can be checked without interpreting blocks.
    ///
    /// # Errors
    /// If the system fails to read something, which is not damage.
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
                findings.extend(check_journal::damage_without_kv(&Reading::of(&self.journal_dir())?));
            }
        }
        self.system_error()?;
        Ok(findings)
    }

    /// Fails if the system failed to read an entry of the kv, which a check or a salvage took for
    /// damage.
    ///
    /// # Errors
    /// The first such error.
    pub fn system_error(&self) -> Result<(), StoreError> {
        self.store.as_ref().map_or(Ok(()), |store| store.core().kv.system_error())
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
            if Some(name.as_os_str()) == copy {
                continue;
            }
            if text == leftovers::RESTORING || leftovers::is_temporary(&text) {
                findings.push(Finding::left_over(text, "it was not finished"));
            } else if text == "index.kept" {
                let finding = Finding::left_over(text, "an opening of the kv was interrupted");
                findings.push(finding.meaning("it is the kv that counts", "the next start puts it back"));
            } else if !known {
                findings.push(Finding::foreign(text.into_owned()));
            }
        }
        Ok(())
    }
}

/// Copies the kv of a folder and opens the copy.
pub(crate) fn open_copy(dir: &Path, copy: &Path, options: &StoreOptions) -> Result<Kv, StoreError> {
    let from = opening::place(&dir.join("index")).map_err(StoreError::io("opening the kv"))?;
    if !from.join("db").try_exists().map_err(StoreError::read("index/db"))? {
        return Err(StoreError::corrupt("it is missing"));
    }
    let kv = Kv::open_copy(&from, &copy.join("index"), options.cache_bytes, options.flush_every_ms)?;
    check_parameters(dir, dir, &kv)?;
    Ok(kv)
}
