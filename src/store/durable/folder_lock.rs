//! The lock of a data folder: one process for each folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use crate::fsync;
use crate::store::error::StoreError;

const NAME: &str = "LOCK";

/// The lock of a data folder, without an open store: no other process can open the folder. The
/// system releases it when the value is dropped, or when the process ends in any way.
#[derive(Debug)]
pub(crate) struct FolderLock(#[expect(dead_code, reason = "the lock lives as long as the open file")] File);

impl FolderLock {
    /// Takes the lock, and creates the folder if it is absent.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process has it.
    pub(crate) fn take(dir: &Path) -> Result<Self, StoreError> {
        fsync::create_folders(dir).map_err(unusable(dir))?;
        let mut open = OpenOptions::new();
        open.create(true).truncate(false).read(true).write(true);
        let file = open.open(dir.join(NAME)).map_err(unusable(dir))?;
        locked(dir, file)
    }

    /// Takes the lock if the folder has a lock file, and creates nothing otherwise.
    pub(crate) fn take_existing(dir: &Path) -> Result<Option<Self>, StoreError> {
        match OpenOptions::new().read(true).open(dir.join(NAME)) {
            Ok(file) => locked(dir, file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unusable(dir)(error)),
        }
    }
}

fn locked(dir: &Path, file: File) -> Result<FolderLock, StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(FolderLock(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { dir: dir.into() }),
        Err(TryLockError::Error(source)) => Err(unusable(dir)(source)),
    }
}

fn unusable(dir: &Path) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError::Folder { dir: dir.into(), source }
}
