//! Putting a fresh data folder in the place of a damaged one, in steps that a kill may interrupt anywhere.
//!
//! 1. The fresh folder is made in `DATA/repair.tmp`: nothing of it counts, and the next repair begins anew.
//! 2. Once whole and closed it is renamed to `DATA/repaired`: from here on it is the one that counts.
//! 3. Each of its parts takes the place of the old one, which moves to `DATA/damaged/TIME`. Every start and every repair finishes that
//!    first.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::store::durable::folder;
use crate::store::error::StoreError;
use crate::store::folder_lock::lock;

/// What a data folder consists of, and a repair replaces.
pub(crate) const PARTS: [&str; 3] = ["index", "blobs", "journal"];
const DAMAGED: &str = "damaged";
const FRESH: &str = "repair.tmp";
const REPAIRED: &str = "repaired";

/// A fresh folder in the making. Dropped unfinished, nothing has changed. An [inspection](super::Inspection) of the old one is to be
/// open meanwhile: it holds the lock.
#[derive(Debug)]
pub struct Replacement {
    dir: PathBuf,
}

impl Replacement {
    /// Makes room for the new folder, once an earlier replacement is finished.
    ///
    /// # Errors
    /// [`StoreError::Locked`]; when files cannot be removed.
    pub fn begin(dir: &Path) -> Result<Self, StoreError> {
        let _lock = lock(dir)?;
        finish(dir)?;
        remove(&dir.join(FRESH))?;
        Ok(Self { dir: dir.into() })
    }

    /// Where the fresh folder is to be made.
    pub fn fresh(&self) -> PathBuf {
        self.dir.join(FRESH)
    }

    /// Puts the fresh folder, which is closed, in the place of the old one. `report` is kept beside what is put aside. Gives the
    /// folder that holds the old one now.
    ///
    /// # Errors
    /// When files cannot be written or renamed. Then the old folder is in place, or the next start finishes.
    pub fn commit(self, report: &str) -> Result<PathBuf, StoreError> {
        let failed = || StoreError::io("replacing the damaged folder");
        let fresh = self.fresh();
        let time = chrono::Utc::now().format("%Y-%m-%dT%H-%M-%S%.3fZ").to_string();
        remove(&fresh.join("LOCK"))?;
        write(&fresh.join("report.txt"), report).map_err(failed())?;
        write(&fresh.join("time"), &time).map_err(failed())?;
        folder::sync(&fresh).map_err(failed())?;
        fs::rename(&fresh, self.dir.join(REPAIRED)).map_err(failed())?;
        folder::sync(&self.dir).map_err(failed())?;
        finish(&self.dir)?;
        Ok(self.dir.join(DAMAGED).join(time))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // Of no use to anybody; the next repair removes it otherwise.
        let _ = fs::remove_dir_all(self.fresh());
    }
}

/// Whether a replacement was interrupted where it counts already.
pub(crate) fn is_unfinished(dir: &Path) -> bool {
    dir.join(REPAIRED).exists()
}

/// Names that a data folder may have in it because of repairs.
pub(crate) fn is_own_name(name: &str) -> bool {
    [DAMAGED, FRESH, REPAIRED].contains(&name)
}

/// Ends an interrupted replacement. The caller holds the lock of the folder.
pub(crate) fn finish(dir: &Path) -> Result<(), StoreError> {
    let repaired = dir.join(REPAIRED);
    if !repaired.exists() {
        return Ok(());
    }
    let run = || -> io::Result<()> {
        let time = fs::read_to_string(repaired.join("time")).unwrap_or_default();
        // A name of ours, whatever the file says.
        let sound =
            !time.is_empty() && time.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
        let aside = dir.join(DAMAGED).join(if sound { time.as_str() } else { "unknown-time" });
        fs::create_dir_all(&aside)?;
        for part in PARTS {
            let (new, old) = (repaired.join(part), dir.join(part));
            if !new.exists() {
                continue;
            }
            // Gone already when that was the step that was interrupted.
            if old.exists() {
                fs::rename(&old, aside.join(part))?;
                folder::sync(&aside)?;
            }
            fs::rename(&new, &old)?;
            folder::sync(dir)?;
        }
        if repaired.join("report.txt").exists() {
            fs::rename(repaired.join("report.txt"), aside.join("report.txt"))?;
        }
        folder::sync(&aside)?;
        folder::sync(&dir.join(DAMAGED))?;
        fs::remove_dir_all(&repaired)?;
        folder::sync(dir)
    };
    run().map_err(StoreError::io("replacing the damaged folder"))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn remove(path: &Path) -> Result<(), StoreError> {
    let removed = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        _ => fs::remove_file(path),
    };
    removed.map_err(StoreError::io(format!("removing {}", path.display())))
}

/// Returns true if this directory contains a data folder, sound or damaged.
pub fn is_data_folder(dir: &Path) -> bool {
    PARTS.iter().any(|part| dir.join(part).is_dir()) || is_unfinished(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The renames of the last step, in their order.
    fn steps(dir: &Path) -> Vec<(PathBuf, PathBuf)> {
        let aside = dir.join("damaged/T");
        let of_part = |part: &str| {
            [(dir.join(part), aside.join(part)), (dir.join("repaired").join(part), dir.join(part))]
        };
        PARTS.iter().flat_map(|part| of_part(part)).collect()
    }

    #[test]
    fn an_interrupted_replacement_is_finished_wherever_it_stopped() {
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
            assert!(!is_unfinished(dir));
        }
    }

    #[test]
    fn a_fresh_folder_that_is_not_whole_does_not_count() {
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
