//! The lock of a data folder: one process for each folder. It also notices when the folder is moved
//! or removed while it is open.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fsync;
use crate::input;
use crate::store::durable::open_folder::{OpenFolder, is_at};
use crate::store::error::StoreError;

const NAME: &str = "LOCK";

/// Longest note that is read, in bytes.
const MAX_NOTE_BYTES: u64 = 1 << 10;

/// The lock of a data folder, without an open store: no other process can open the folder. It is
/// released when the value is dropped, and by the system when the process ends in any way.
#[derive(Debug)]
pub(crate) struct FolderLock {
    dir: PathBuf,
    folder: Arc<OpenFolder>,
    file: File,
}

impl FolderLock {
    /// Takes the lock, and creates the folder if it is absent.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process has it.
    pub(crate) fn take(dir: &Path) -> Result<Self, StoreError> {
        fsync::create_folders(dir).map_err(unusable(dir))?;
        let folder = OpenFolder::open(dir).map_err(unusable(dir))?;
        let mut open = OpenOptions::new();
        open.create(true).truncate(false).read(true).write(true);
        let file = open.open(folder.path().join(NAME)).map_err(unusable(dir))?;
        locked(dir, folder, file)
    }

    /// Takes the lock if the folder has a lock file, and creates nothing otherwise.
    pub(crate) fn take_existing(dir: &Path) -> Result<Option<Self>, StoreError> {
        let folder = OpenFolder::open(dir).map_err(unusable(dir))?;
        match input::open(&folder.path().join(NAME)) {
            Ok(file) => locked(dir, folder, file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unusable(dir)(error)),
        }
    }

    /// Leaves a note for processes that find the folder locked.
    pub(crate) fn set_note(&self, note: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.write_all_at(note.as_bytes(), 0)
    }

    /// Returns the note of the process that has the lock; `None` if no process has it or left one.
    /// It may be that of an earlier process.
    pub(crate) fn note(dir: &Path) -> Option<String> {
        let file = input::open(&dir.join(NAME)).ok()?;
        if !is_held(&file) {
            return None;
        }
        let mut note = String::new();
        file.take(MAX_NOTE_BYTES).read_to_string(&mut note).ok()?;
        (!note.is_empty()).then_some(note)
    }

    /// Returns the folder.
    pub(crate) fn folder(&self) -> &Arc<OpenFolder> {
        &self.folder
    }

    /// Returns the path by which the folder is reached, wherever it is moved.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Checks that the folder is still where it was opened, with this lock.
    ///
    /// # Errors
    /// [`StoreError::Moved`].
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let moved = |what: String| StoreError::Moved { dir: self.dir.clone(), what };
        let unknown = |error: io::Error| moved(format!("it cannot be looked at: {error}"));
        if !self.folder.is_at(&self.dir).map_err(unknown)? {
            return Err(moved("its path leads to another folder or to none".into()));
        }
        self.check_part(&self.path().join(NAME), &self.file)
    }

    /// Checks that a name in the folder still leads to an open file.
    ///
    /// # Errors
    /// [`StoreError::Moved`].
    pub(crate) fn check_part(&self, path: &Path, file: &File) -> Result<(), StoreError> {
        let moved = |what: String| StoreError::Moved { dir: self.dir.clone(), what };
        let name = path.strip_prefix(self.path()).unwrap_or(path).display();
        match is_at(path, file) {
            Ok(true) => Ok(()),
            Ok(false) => Err(moved(format!("{name} was removed or replaced"))),
            Err(error) => Err(moved(format!("{name} cannot be looked at: {error}"))),
        }
    }
}

impl Drop for FolderLock {
    /// A process that this one starts has a copy of the descriptor until it executes its program,
    /// and closing the last copy only would release the lock.
    fn drop(&mut self) {
        // If it fails, closing releases the lock.
        let _ = self.file.unlock();
    }
}

/// Returns true if another process has the lock of this file.
fn is_held(file: &File) -> bool {
    match file.try_lock_shared() {
        Ok(()) => {
            // As in `FolderLock::drop`.
            let _ = file.unlock();
            false
        }
        Err(error) => matches!(error, TryLockError::WouldBlock),
    }
}

fn locked(dir: &Path, folder: OpenFolder, file: File) -> Result<FolderLock, StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(FolderLock { dir: dir.into(), folder: Arc::new(folder), file }),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { dir: dir.into() }),
        Err(TryLockError::Error(source)) => Err(unusable(dir)(source)),
    }
}

fn unusable(dir: &Path) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError::Folder { dir: dir.into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The copy stands for that of a process that was forked and has not executed its program.
    #[test]
    fn a_dropped_lock_is_free_although_a_copy_of_its_descriptor_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(dir.path()).unwrap();
        let _copy = lock.file.try_clone().unwrap();
        assert!(matches!(FolderLock::take(dir.path()), Err(StoreError::Locked { .. })));
        drop(lock);
        let again = FolderLock::take_existing(dir.path()).unwrap().unwrap();
        assert!(is_held(&File::open(dir.path().join(NAME)).unwrap()));
        drop(again);
    }

    #[test]
    fn a_look_at_the_lock_leaves_it_free_although_a_copy_of_its_descriptor_is_open() {
        let dir = tempfile::tempdir().unwrap();
        drop(FolderLock::take(dir.path()).unwrap());
        let file = File::open(dir.path().join(NAME)).unwrap();
        let _copy = file.try_clone().unwrap();
        assert!(!is_held(&file));
        drop(file);
        FolderLock::take(dir.path()).unwrap();
    }
}
