//! Temporary names in a data folder, and their removal by the next command that owns the folder.
//!
//! A killed process leaves what it was creating under a temporary name, which nothing refers to.
//! The remains of a restore are different: without them, the folder would look like a new one.

use std::fs;
use std::io;
use std::path::Path;

use tempfile::TempDir;

use crate::store::durable::folder_lock::FolderLock;
use crate::store::error::StoreError;
use crate::store::kv::opening;

/// The store that a restore creates.
pub(crate) const RESTORING: &str = "restoring";

/// Names of parts that are being created: a kv, a probe of the disk, the copy of a kv on which its
/// opening is tried, the journal, a repair.
const PARTS: [&str; 5] = ["index.new", "index.probe", "index.trial", "journal.new", "repair.tmp"];

/// Beginning and end of the names with a random part.
const RANDOM: [(&str, &str); 2] = [(DOCTOR, END), ("secret-", END)];
const DOCTOR: &str = "doctor-";
const END: &str = ".tmp";

/// Returns true if this is a temporary name, which has no content that anything refers to.
pub(crate) fn is_temporary(name: &str) -> bool {
    let random = |(start, end): &(&str, &str)| {
        name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).is_some()
    };
    PARTS.contains(&name) || RANDOM.iter().any(random)
}

/// Creates a temporary folder for a copy of the kv: in the data folder, where the next command
/// removes it if this process is killed, or, if that is not writable, in the system's folder.
pub(crate) fn copy_folder(dir: &Path) -> io::Result<TempDir> {
    let named = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix(DOCTOR).suffix(END);
        builder
    };
    let read_only = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
    };
    match named().tempdir_in(dir) {
        Err(error) if read_only(&error) => named().tempdir(),
        created => created,
    }
}

/// Returns true if the folder has a kv.
///
/// # Errors
/// If the folder cannot be looked at.
pub(crate) fn has_kv(dir: &Path) -> Result<bool, StoreError> {
    let failed = |source| StoreError::Folder { dir: dir.into(), source };
    opening::place(&dir.join("index")).and_then(|kv| kv.try_exists()).map_err(failed)
}

/// Fails if a restore into the folder is running, or was killed before it was complete. For callers
/// that do not hold the lock of the folder.
///
/// # Errors
/// [`StoreError::Locked`] if it is running; [`StoreError::UnfinishedRestore`]; also if the folder
/// cannot be read.
pub(crate) fn check_not_restoring(dir: &Path) -> Result<(), StoreError> {
    let checked = check_restored(dir);
    if matches!(checked, Err(StoreError::UnfinishedRestore { .. })) {
        FolderLock::take_existing(dir)?;
    }
    checked
}

/// Fails if a restore into the folder was killed before it was complete. The caller holds the lock
/// of the folder.
///
/// # Errors
/// [`StoreError::UnfinishedRestore`]; also if the folder cannot be read.
pub(crate) fn check_restored(dir: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Folder { dir: dir.into(), source };
    let exists = |name: &str| dir.join(name).try_exists().map_err(failed);
    // The index moves in last.
    if exists(RESTORING)? && !has_kv(dir)? {
        return Err(StoreError::UnfinishedRestore { dir: dir.into() });
    }
    Ok(())
}

/// Removes everything that killed processes left under temporary names. The caller has the lock of
/// the folder, and [`check_restored`] succeeded.
///
/// # Errors
/// If the folder cannot be listed, or a file not be removed.
pub(crate) fn sweep(dir: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(dir).map_err(StoreError::io("listing the data folder"))? {
        let entry = entry.map_err(StoreError::io("listing the data folder"))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_temporary(&name) || name == RESTORING {
            remove(&entry.path())?;
            tracing::info!(name, "removed what a killed process left in the data folder");
        }
    }
    Ok(())
}

/// Removes a file or folder that may be absent.
///
/// # Errors
/// If it cannot be removed.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    let removed = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    let name = path.file_name().unwrap_or_default().display();
    removed.map_err(StoreError::io(format!("removing {name} in the data folder")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_are_removed_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        for name in
            ["index.new", "index.trial", "journal.new", "repair.tmp", "doctor-a1B2c3.tmp", "restoring"]
        {
            fs::create_dir(dir.join(name)).unwrap();
            fs::write(dir.join(name).join("file"), "x").unwrap();
        }
        for name in ["index.probe", "secret-x.tmp", "secret", "doctor-notes", "notes.tmp", "LOCK"] {
            fs::write(dir.join(name), "x").unwrap();
        }
        sweep(dir).unwrap();
        let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["LOCK", "doctor-notes", "notes.tmp", "secret"]);
    }

    #[test]
    fn a_folder_with_a_part_of_a_restore_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        check_restored(dir).unwrap();
        fs::create_dir(dir.join("restoring")).unwrap();
        let refused = check_restored(dir).unwrap_err();
        assert!(matches!(refused, StoreError::UnfinishedRestore { .. }), "{refused}");
        let refused = check_not_restoring(dir).unwrap_err();
        assert!(matches!(refused, StoreError::UnfinishedRestore { .. }), "{refused}");
        let restoring = FolderLock::take(dir).unwrap();
        let refused = check_not_restoring(dir).unwrap_err();
        assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");
        fs::create_dir(dir.join("index")).unwrap();
        check_restored(dir).unwrap();
        check_not_restoring(dir).unwrap();
        drop(restoring);
    }
}
