//! The lock of a data folder: one process at a time has it open.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::store::durable::folder;
use crate::store::error::StoreError;

/// The lock of a data folder without the store in it: whoever holds it keeps every process from opening the folder.
#[derive(Debug)]
pub struct FolderLock(#[expect(dead_code, reason = "it is held")] File);

impl FolderLock {
    /// Takes the lock; makes the folder if it is absent. [`StoreError::Locked`] when another process has it.
    pub fn take(dir: &Path) -> Result<Self, StoreError> {
        lock(dir).map(Self)
    }
}

/// One process for each folder. The lock goes with the process, however it ends.
pub(crate) fn lock(dir: &Path) -> Result<File, StoreError> {
    let unusable = |source| StoreError::Folder { dir: dir.into(), source };
    folder::make(dir).map_err(unusable)?;
    let mut open = OpenOptions::new();
    let file =
        open.create(true).truncate(false).read(true).write(true).open(dir.join("LOCK")).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { dir: dir.into() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}
