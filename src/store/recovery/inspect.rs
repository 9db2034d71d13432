//! Looking at a data folder without changing it, whatever its state.
//!
//! sled writes to what it opens, and cuts off what it cannot read; so the index is copied and the copy opened, and what an
//! interrupted run left to do is done there. The body files and the journal are read where they are.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::store::durable::blob_header::read_header;
use crate::store::durable::blobs::{Blobs, file_id};
use crate::store::durable::journal::Reading;
use crate::store::error::StoreError;
use crate::store::kv::batch::Table;
use crate::store::kv::keys::meta;
use crate::store::kv::records::Kv;
use crate::store::options::StoreOptions;
use crate::store::parameters::check_parameters;
use crate::store::recovery::check::{Check, journal_damage, not_ours, plain};
use crate::store::recovery::finding::Finding;
use crate::store::recovery::replace;
use crate::store::store::Store;

/// Names in a data folder that are in order.
const OWN_NAMES: [&str; 6] = ["LOCK", "index", "blobs", "journal", "secret", "witness-server.toml"];

/// A data folder that is looked at; nobody else can open it meanwhile.
pub struct Inspection {
    dir: PathBuf,
    pub(crate) blobs: Option<Blobs>,
    /// Over a copy of the index. `None` when that does not open.
    store: Option<Store>,
    /// A revert to that block was under way.
    reverted: Option<u32>,
    findings: Vec<Finding>,
    _lock: Option<File>,
    /// Holds the copy: goes last.
    _copy: TempDir,
}

impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Inspection {
    /// Locks the folder, copies its index and opens the copy. The copy is in a temporary folder beside the data folder, or within when
    /// that is not possible, and goes with the value.
    ///
    /// # Errors
    /// [`StoreError::Locked`]; [`StoreError::NotFound`] when it is no data folder; when there is no space for the copy.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        if !replace::is_data_folder(dir) {
            return Err(StoreError::NotFound { what: format!("data folder {}", dir.display()) });
        }
        let lock = lock_existing(dir)?;
        let mut findings = Vec::new();
        if replace::is_unfinished(dir) {
            let finding = Finding::left_over("repaired", "a repair was interrupted in its last step");
            findings.push(finding.meaning(
                "the folder is neither the old nor the new one",
                "a repair or the next start finishes it",
            ));
        }
        let copy = temporary_beside(dir).map_err(StoreError::io("making a temporary folder"))?;
        let blobs = match Blobs::look(&dir.join("blobs")) {
            Ok(blobs) => Some(blobs),
            Err(error) => {
                findings.push(Finding::damage("blobs", plain(&error)));
                None
            }
        };
        let kv = match open_copy(dir, copy.path(), &options) {
            Ok(kv) => Some(kv),
            Err(StoreError::DiskFull) => return Err(StoreError::DiskFull),
            Err(error) => {
                let finding = Finding::damage("index", plain(&error));
                let repair = "a repair makes it again from the journal and the body files";
                findings.push(finding.meaning("it holds all records", repair));
                None
            }
        };
        let mut reverted = None;
        let store = match (kv, Blobs::look(&dir.join("blobs"))) {
            (Some(kv), Ok(blobs)) => {
                // An unreadable one is found by the scan.
                reverted = kv.get(Table::Meta, meta::REVERT_TO).unwrap_or(None);
                let store = Store::assemble(dir, kv, blobs, None, &options, None);
                if let Err(error) = store.parts.recover(&mut store.parts.queue.lock()) {
                    let finding = Finding::damage(
                        "index",
                        format!("what the last run left to do fails: {}", plain(&error)),
                    );
                    findings.push(finding.derived());
                }
                Some(store)
            }
            _ => None,
        };
        Ok(Self { dir: dir.into(), blobs, store, reverted, findings, _lock: lock, _copy: copy })
    }

    /// The store over the copy of the index, to be read only; `None` when that does not open.
    pub fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// Checks all that can be checked without knowing what blocks mean.
    ///
    /// # Errors
    /// When a folder cannot be listed or the journal not be read.
    pub fn check(&self) -> Result<Vec<Finding>, StoreError> {
        let mut findings = self.findings.clone();
        self.names(&mut findings)?;
        match &self.store {
            Some(store) => {
                let mut check = Check::begin(store);
                check.everything(self.reverted)?;
                findings.append(&mut check.findings);
            }
            None => {
                self.files(&mut findings)?;
                findings.extend(journal_damage(&Reading::of(&self.dir.join("journal"))?));
            }
        }
        Ok(findings)
    }

    /// Everything that the journal says.
    pub(crate) fn journal(&self) -> Result<Reading, StoreError> {
        let mut reading = Reading::of(&self.dir.join("journal"))?;
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
            if ["index.new", "index.probe", "journal.new", "restoring"].contains(&text.as_ref()) {
                findings.push(Finding::left_over(text, "it was not finished"));
            } else if !known && Some(name.as_os_str()) != copy {
                findings.push(not_ours(text.into_owned()));
            }
        }
        Ok(())
    }

    /// Body files by themselves: without an index nothing says who owns them.
    fn files(&self, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
        let Some(blobs) = &self.blobs else { return Ok(()) };
        for (name, path) in blobs.names().map_err(StoreError::io("listing the body files"))? {
            let place = format!("blobs/{name}");
            if file_id(&name).is_none() {
                findings.push(not_ours(place));
            } else if let Err(error) = blobs.file_ref(&name, &path).and_then(|(_, body)| blobs.salvage(&body))
            {
                findings.push(Finding::damage(place, plain(&error)));
            }
        }
        Ok(())
    }
}

impl Blobs {
    /// Label and reference of a body file, by its name and header.
    pub(crate) fn file_ref(
        &self,
        name: &str,
        path: &Path,
    ) -> Result<(crate::store::durable::blobs::BlobLabel, crate::store::durable::blobs::BlobRef), StoreError>
    {
        let bad = |why: &str| StoreError::corrupt(format!("the body file {name} {why}"));
        let header = File::open(path).and_then(|mut file| read_header(&mut file));
        let header = header.map_err(|_| bad("cannot be read"))?.ok_or_else(|| bad("has a bad header"))?;
        let id = file_id(name).ok_or_else(|| bad("has no name of ours"))?;
        if !name.ends_with(&hex::encode(header.hash)) {
            return Err(bad("has the name of another one"));
        }
        let (hash, len, raw_len) = (header.hash, header.len, header.raw_len);
        Ok((header.label, crate::store::durable::blobs::BlobRef::File { id, hash, len, raw_len }))
    }
}

fn open_copy(dir: &Path, copy: &Path, options: &StoreOptions) -> Result<Kv, StoreError> {
    let from = dir.join("index");
    if !from.is_dir() || !from.join("db").is_file() {
        return Err(StoreError::corrupt("it is missing"));
    }
    let to = copy.join("index");
    copy_folder(&from, &to).map_err(StoreError::io("copying the index"))?;
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

/// On the same file system, where there is most likely space for another index.
fn temporary_beside(dir: &Path) -> io::Result<TempDir> {
    let dir = fs::canonicalize(dir)?;
    let within = |dir: &Path| tempfile::Builder::new().prefix("doctor-").tempdir_in(dir);
    dir.parent().map_or_else(|| within(&dir), within).or_else(|_| within(&dir))
}

/// The lock of a folder, without making anything there.
fn lock_existing(dir: &Path) -> Result<Option<File>, StoreError> {
    let unusable = |source| StoreError::Folder { dir: dir.into(), source };
    let file = match OpenOptions::new().read(true).open(dir.join("LOCK")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(error)),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { dir: dir.into() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}
