//! The size of the data folder.

use std::fs;
use std::io;
use std::path::Path;

use crate::store::error::StoreError;

/// Sizes of the parts of the data folder, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreBytes {
    /// The kv, in the folder `index`.
    pub kv: u64,
    /// Blob files.
    pub blobs: u64,
    /// The journal.
    pub journal: u64,
}

impl StoreBytes {
    /// Adds up the sizes of all files of a data folder. Too slow for every request: it reads the
    /// metadata of each file.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn of(dir: &Path) -> Result<Self, StoreError> {
        let of = |part| size(&dir.join(part)).map_err(StoreError::io("measuring the data folder"));
        Ok(Self { kv: of("index")?, blobs: of("blobs")?, journal: of("journal")? })
    }

    /// Returns the sum.
    pub fn total(self) -> u64 {
        self.kv.saturating_add(self.blobs).saturating_add(self.journal)
    }
}

/// Returns the size of the files below a folder. Files that are removed meanwhile count as 0, as
/// does a missing folder.
fn size(path: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut sum = 0_u64;
    for entry in entries {
        let entry = entry?;
        let found = match entry.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found?,
        };
        sum = sum.saturating_add(if found.is_dir() { size(&entry.path())? } else { found.len() });
    }
    Ok(sum)
}
