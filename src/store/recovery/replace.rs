//! Replacing a damaged data folder by a fresh one, in steps that survive a kill at any point.
//!
//! 1. The fresh folder is created in `DATA/repair.tmp`. A kill discards it, and the next repair
//!    begins again.
//! 2. When it is complete and closed, it is renamed to `DATA/repaired`. From then on the
//!    replacement is certain.
//! 3. Each of its parts replaces the old one, which moves to `DATA/damaged/TIME`. After a kill, the
//!    next start or repair finishes this step first.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::fsync;
use crate::input;
use crate::store::durable::folder_lock::FolderLock;
use crate::store::error::{StoreError, is_of_content};
use crate::store::kv::opening;
use crate::store::recovery::leftovers::{self, remove};

/// The parts of a data folder, which a repair replaces.
pub(crate) const PARTS: [&str; 3] = ["index", "blobs", "journal"];
const DAMAGED: &str = "damaged";
/// Swept by the next start, see `leftovers`.
const FRESH: &str = "repair.tmp";
const REPAIRED: &str = "repaired";
/// Bound of the length of the file with the time of the repair, in bytes.
const MAX_TIME: u64 = 1 << 10;

/// A fresh folder that is being created. If it is dropped before [`Replacement::commit`], nothing
/// has changed. Meanwhile an [`Inspection`](crate::store::Inspection) of the old folder has to be
/// open, which holds the lock.
#[derive(Debug)]
pub(crate) struct Replacement {
    dir: PathBuf,
}

impl Replacement {
    /// Finishes an earlier replacement, and removes the leftovers of killed processes.
    ///
    /// # Errors
    /// [`StoreError::Locked`]; also if files cannot be removed.
    pub(crate) fn begin(dir: &Path) -> Result<Self, StoreError> {
        let _lock = FolderLock::take(dir)?;
        opening::put_back(&dir.join("index"))?;
        finish(dir)?;
        leftovers::sweep(dir)?;
        Ok(Self { dir: dir.into() })
    }

    /// Returns the path of the fresh folder.
    pub(crate) fn fresh(&self) -> PathBuf {
        self.dir.join(FRESH)
    }

    /// Replaces the old folder by the fresh one, which has to be closed. Stores `report` with the
    /// old folder, and returns its new path.
    ///
    /// # Errors
    /// If files cannot be written or renamed. Either nothing has changed, or the next start
    /// finishes the replacement.
    pub(crate) fn commit(self, report: &str) -> Result<PathBuf, StoreError> {
        let failed = || StoreError::io("replacing the damaged folder");
        let fresh = self.fresh();
        let time = chrono::Utc::now().format("%Y-%m-%dT%H-%M-%S%.3fZ").to_string();
        remove(&fresh.join("LOCK"))?;
        fsync::write_file(&fresh.join("report.txt"), report.as_bytes()).map_err(failed())?;
        fsync::write_file(&fresh.join("time"), time.as_bytes()).map_err(failed())?;
        fsync::rename_durably(&fresh, &self.dir.join(REPAIRED)).map_err(failed())?;
        finish(&self.dir)?;
        Ok(self.dir.join(DAMAGED).join(time))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // If this fails, the next repair removes it.
        let _ = fs::remove_dir_all(self.fresh());
    }
}

/// Returns true if a replacement was interrupted in its last step.
pub(crate) fn is_unfinished(dir: &Path) -> Result<bool, StoreError> {
    dir.join(REPAIRED).try_exists().map_err(StoreError::io("opening the data folder"))
}

/// Returns true for names in a data folder that repairs use.
pub(crate) fn is_own_name(name: &str) -> bool {
    [DAMAGED, FRESH, REPAIRED].contains(&name)
}

/// Finishes an interrupted replacement. The caller holds the lock of the folder.
pub(crate) fn finish(dir: &Path) -> Result<(), StoreError> {
    let repaired = dir.join(REPAIRED);
    if !is_unfinished(dir)? {
        return Ok(());
    }
    let run = || -> io::Result<()> {
        let time = match input::read_text(&repaired.join("time"), MAX_TIME) {
            Err(error) if is_of_content(&error) || error.kind() == io::ErrorKind::FileTooLarge => {
                String::new()
            }
            read => read?,
        };
        // The file may be damaged, but its content becomes a file name.
        let valid =
            !time.is_empty() && time.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
        let aside = dir.join(DAMAGED).join(if valid { time.as_str() } else { "unknown-time" });
        fs::create_dir_all(&aside)?;
        for part in PARTS {
            let (new, old) = (repaired.join(part), dir.join(part));
            if !new.try_exists()? {
                continue;
            }
            // Missing if this rename was the last step before the kill.
            if old.try_exists()? {
                fsync::rename_durably(&old, &aside.join(part))?;
            }
            fsync::rename_durably(&new, &old)?;
        }
        if repaired.join("report.txt").try_exists()? {
            fsync::rename_durably(&repaired.join("report.txt"), &aside.join("report.txt"))?;
        }
        fsync::sync_folder(&aside)?;
        fsync::sync_folder(&dir.join(DAMAGED))?;
        fs::remove_dir_all(&repaired)?;
        fsync::sync_folder(dir)
    };
    run().map_err(StoreError::io("replacing the damaged folder"))
}

/// Checks that this directory contains a data folder, sound or damaged.
///
/// # Errors
/// [`StoreError::NotFound`]; those of [`leftovers::check_not_restoring`]; also if the directory
/// cannot be read.
pub(crate) fn check_data_folder(dir: &Path) -> Result<(), StoreError> {
    leftovers::check_not_restoring(dir)?;
    let mut found = is_unfinished(dir)?;
    for part in PARTS {
        let path = dir.join(part);
        let exists = path.try_exists().map_err(StoreError::io("opening the data folder"))?;
        // A creation that was killed leaves a folder of blobs with nothing in it.
        let is_empty = || fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_none());
        found |= exists && !(part == "blobs" && is_empty());
    }
    if found {
        return Ok(());
    }
    let exists = dir.try_exists().map_err(StoreError::io("opening the data folder"))?;
    let what = if exists { "a data folder in" } else { "data folder" };
    Err(StoreError::NotFound { what: format!("{what} {}", dir.display()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the renames of the last step, in their order.
    fn steps(dir: &Path) -> Vec<(PathBuf, PathBuf)> {
        let aside = dir.join("damaged/T");
        let of_part = |part: &str| {
            [(dir.join(part), aside.join(part)), (dir.join("repaired").join(part), dir.join(part))]
        };
        PARTS.iter().flat_map(|part| of_part(part)).collect()
    }

    #[test]
    fn a_killed_creation_leaves_no_data_folder() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = folder.path().join("blobs");
        fs::create_dir(&blobs).unwrap();
        fs::write(folder.path().join("LOCK"), "").unwrap();
        let checked = check_data_folder(folder.path());
        assert!(matches!(checked, Err(StoreError::NotFound { .. })), "{checked:?}");
        fs::write(blobs.join("1"), "").unwrap();
        check_data_folder(folder.path()).unwrap();
    }

    #[test]
    fn an_interrupted_replacement_is_finished_from_every_step() {
        for done in 0..=6 {
            let folder = tempfile::tempdir().unwrap();
            let dir = folder.path();
            for part in PARTS {
                fs::create_dir_all(dir.join(part)).unwrap();
                fs::write(dir.join(part).join("old"), "").unwrap();
                fs::create_dir_all(dir.join("repaired").join(part)).unwrap();
                fs::write(dir.join("repaired").join(part).join("new"), "").unwrap();
            }
            fs::write(dir.join("repaired/time"), "T").unwrap();
            fs::write(dir.join("repaired/report.txt"), "why").unwrap();
            fs::create_dir_all(dir.join("damaged/T")).unwrap();
            steps(dir).into_iter().take(done).for_each(|(from, to)| fs::rename(from, to).unwrap());
            finish(dir).unwrap();
            for part in PARTS {
                assert!(dir.join(part).join("new").exists(), "{done} steps, {part}");
                assert!(dir.join("damaged/T").join(part).join("old").exists(), "{done} steps, {part}");
            }
            assert_eq!(fs::read_to_string(dir.join("damaged/T/report.txt")).unwrap(), "why");
            assert!(!is_unfinished(dir).unwrap());
        }
    }

    #[test]
    fn an_incomplete_fresh_folder_is_discarded() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("index")).unwrap();
        let replacement = Replacement::begin(folder.path()).unwrap();
        fs::create_dir_all(replacement.fresh().join("index")).unwrap();
        std::mem::forget(replacement);
        finish(folder.path()).unwrap();
        let replacement = Replacement::begin(folder.path()).unwrap();
        assert!(!replacement.fresh().exists());
        assert!(folder.path().join("index").exists());
    }
}
