//! Errors of the store. Messages say what failed and what to do.

use std::io;
use std::path::PathBuf;

use crate::access;
use crate::tree::source::SourceError;

/// The reason why an operation of the store failed. No error loses acknowledged data.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the folder open.
    #[error("another witness-server is using the data folder {}: stop it, or choose another --data-dir; if it is a command, repeat this once it has ended", dir.display())]
    Locked {
        /// The data folder.
        dir: PathBuf,
    },
    /// Another version of this program, or another program, wrote the folder.
    #[error(
        "the data folder {} has {found}, this program reads {expected}: use the version that wrote it, or an empty folder", dir.display()
    )]
    Format {
        /// The data folder.
        dir: PathBuf,
        /// The stored parameters.
        found: String,
        /// The parameters that this program reads.
        expected: String,
    },
    /// The folder cannot be created, read or written.
    #[error("the data folder {} cannot be used: {}", dir.display(), access::explain(dir, source))]
    Folder {
        /// The data folder.
        dir: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// Stored bytes cannot be decoded, or fail their checksum.
    #[error(
        "the data folder is damaged: {what}; run `witness-server doctor` on it, restore a copy, or import the chain into a new one"
    )]
    Corrupt {
        /// The record or file, and the damage.
        what: String,
    },
    /// The folder was moved or removed while it is open. Nothing is acknowledged until it is back.
    #[error(
        "the data folder {} was moved or removed while the server was running ({what}): move it back, or stop the server; nothing is stored meanwhile", dir.display()
    )]
    Moved {
        /// The path by which the folder was opened.
        dir: PathBuf,
        /// The missing part, as a clause.
        what: String,
    },
    /// A killed restore left a part of a folder. Nothing can be served from it.
    #[error(
        "a restore into the data folder {} was interrupted: run the same `restore` again, which begins from the start, or remove the folder", dir.display()
    )]
    UnfinishedRestore {
        /// The data folder.
        dir: PathBuf,
    },
    /// Two checks of the same files found different faults, so that the faults are not in the files.
    #[error(
        "two checks of the data folder {} found different faults, so the fault is in the disk or the system, not in the folder; nothing was changed: check the system log, then repeat", dir.display()
    )]
    Unsteady {
        /// The data folder.
        dir: PathBuf,
    },
    /// The disk is full. Nothing was written; the operation can be repeated once space is free.
    #[error("the disk of the data folder is full: free some space, then repeat")]
    DiskFull,
    /// Less space is free than the floor. No new work begins; proofs and heartbeats are still
    /// accepted.
    #[error(
        "insufficient storage: {free} bytes are free for the data folder, less than min_free_bytes = {floor}; free some space, then repeat"
    )]
    InsufficientStorage {
        /// Free bytes.
        free: u64,
        /// The floor in bytes.
        floor: u64,
    },
    /// Another write failed meanwhile, and the kv was reopened. The operation may not have been
    /// done; it can be repeated.
    #[error("a failed write interrupted this operation: repeat it")]
    Interrupted,
    /// The folder is closed to reads and writes: a write failed, and the kv could not be reopened
    /// yet. Operations that begin later try it again.
    #[error(
        "the data folder is closed after a failed write, because reopening it fails ({cause}); this is tried again, so repeat the operation later"
    )]
    Closed {
        /// The reason why the last attempt to reopen it failed.
        cause: String,
    },
    /// The system failed to read or write.
    #[error("{what}: {source}")]
    Io {
        /// The failed step.
        what: String,
        /// The error of the system.
        source: io::Error,
    },
    /// The kv failed.
    #[error("the kv of the data folder failed: {0}")]
    Kv(String),
    /// The number is not the next one.
    #[error("number {got} is out of order; the next is {expected}")]
    OutOfOrder {
        /// The next number.
        expected: u32,
        /// The given number.
        got: u32,
    },
    /// Another item is stored under the same number.
    #[error("a different {what} is stored already")]
    Different {
        /// The item with its number.
        what: String,
    },
    /// The item overlaps another stored item.
    #[error("it conflicts with {what}")]
    Conflict {
        /// The stored item.
        what: String,
    },
    /// The item is not stored.
    #[error("{what} does not exist")]
    NotFound {
        /// The item with its number.
        what: String,
    },
    /// An aggregated job needs the proof of a block that is not proven.
    #[error("block {block} has no proof yet")]
    MissingProof {
        /// Block number.
        block: u32,
    },
    /// The history does not reach back to the block of a revert.
    #[error(
        "the history goes back to block {oldest} only: revert to {oldest} or later, or import the chain into an empty folder"
    )]
    History {
        /// The oldest block that a revert can go to.
        oldest: u32,
    },
    /// After a revert, a block would need a proof whose witness is missing, and the history does not
    /// reach back to where it could be built.
    #[error(
        "block {block} would need a proof again and has no witness; it cannot be built because the history goes back to block {oldest} only: \
         revert to block {settled} or later, up to which layer 1 has the proofs, or import the chain into an empty folder"
    )]
    WitnessHistory {
        /// The first block without a witness.
        block: u32,
        /// The oldest block that the account tree can go back to.
        oldest: u32,
        /// The last block that needs no proof.
        settled: u32,
    },
    /// The read view ended, so the records of its moment can no longer be read.
    #[error(
        "the data folder was reverted, lost an operation that its node removed, or recovered from a failed write, while it was read: read it again"
    )]
    ReadViewEnded,
    /// The item exceeds the limit of a record or transaction.
    #[error("{what} is too large to store")]
    TooLarge {
        /// The item.
        what: String,
    },
}

impl StoreError {
    /// Returns a function that converts the error of a step, for `map_err`.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> StoreError {
        let what = what.into();
        move |source| {
            if is_full(&source) { StoreError::DiskFull } else { StoreError::Io { what, source } }
        }
    }

    /// Returns a function that converts the error of reading stored data, for `map_err`: missing or
    /// wrong content is damage, everything else an error of the system.
    pub(crate) fn read(what: impl Into<String>) -> impl FnOnce(io::Error) -> StoreError {
        let what = what.into();
        move |source| {
            if is_of_content(&source) {
                StoreError::corrupt(format!("{what} cannot be read ({source})"))
            } else {
                StoreError::io(format!("reading {what}"))(source)
            }
        }
    }

    /// Returns true if stored content fails its own checks. Any other error says nothing about what
    /// is stored.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, StoreError::Corrupt { .. })
    }

    /// Returns a copy of an error of the system.
    pub(crate) fn of_system(&self) -> StoreError {
        match self {
            StoreError::DiskFull => StoreError::DiskFull,
            StoreError::Io { what, source } => {
                let copy = source.raw_os_error().map(io::Error::from_raw_os_error);
                let copy = copy.unwrap_or_else(|| io::Error::new(source.kind(), source.to_string()));
                StoreError::Io { what: what.clone(), source: copy }
            }
            StoreError::Kv(what) => StoreError::Kv(what.clone()),
            error => StoreError::Kv(error.to_string()),
        }
    }

    /// Returns the description of damage.
    ///
    /// # Errors
    /// Errors that are not damage.
    pub(crate) fn damage(self) -> Result<String, StoreError> {
        match self {
            StoreError::Corrupt { what } => Ok(what),
            error => Err(error),
        }
    }

    /// Returns the message without advice.
    pub(crate) fn fault(&self) -> String {
        match self {
            StoreError::Corrupt { what } => what.clone(),
            error => error.to_string(),
        }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> StoreError {
        StoreError::Corrupt { what: what.into() }
    }
}

/// Returns true if the disk or a quota is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Returns true if an error of reading is about the content: a name or bytes that are missing, or
/// something else than a file in its place.
pub(crate) fn is_of_content(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound | Kind::NotADirectory | Kind::IsADirectory => true,
        // The system has these for other reasons as well.
        Kind::UnexpectedEof | Kind::InvalidData | Kind::InvalidInput => error.raw_os_error().is_none(),
        _ => false,
    }
}

/// Returns the value, or `None` if it is damaged.
///
/// # Errors
/// Errors that are not damage.
pub(crate) fn unless_damaged<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_damage() => Ok(None),
        Err(error) => Err(error),
    }
}

impl From<StoreError> for SourceError {
    fn from(error: StoreError) -> Self {
        SourceError(error.to_string())
    }
}
