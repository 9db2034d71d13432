//! What can go wrong in the store, in words that say what to do.

use std::io;
use std::path::PathBuf;

use crate::tree::source::SourceError;

/// Why an operation of the store failed. Nothing that was acknowledged before is lost by any of these.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the folder open.
    #[error("another witness-server is using the data folder {}: stop it, or choose another --data-dir", dir.display())]
    Locked {
        /// The data folder.
        dir: PathBuf,
    },
    /// The folder was written by another version of this program, or is something else.
    #[error(
        "the data folder {} has {found}, this program reads {expected}: use the version that wrote it, or an empty folder", dir.display()
    )]
    Format {
        /// The data folder.
        dir: PathBuf,
        /// What is there.
        found: String,
        /// What this program can read.
        expected: String,
    },
    /// The folder cannot be created, read or written.
    #[error("the data folder {} cannot be used ({source}): check its path, owner and permissions", dir.display())]
    Folder {
        /// The data folder.
        dir: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Stored bytes do not decode or their checksum does not hold.
    #[error(
        "the data folder is damaged: {what}; run `witness-server doctor` on it, restore a copy, or import the chain into a new one"
    )]
    Corrupt {
        /// Which record or file, and what is wrong with it.
        what: String,
    },
    /// No space is left. The operation was not done and can be repeated once there is space.
    #[error("no space is left for the data folder: free some space, then repeat")]
    DiskFull,
    /// Less space is left than is to stay free. Nothing new is begun; what was begun can be ended.
    #[error(
        "space is short: {free} bytes are free for the data folder and {floor} are to stay free (min_free_bytes): free some space, then repeat"
    )]
    InsufficientStorage {
        /// Bytes that are free.
        free: u64,
        /// Bytes that are to stay free.
        floor: u64,
    },
    /// Another write failed meanwhile and the index is opened anew. The operation may not have been done and can be repeated.
    #[error("a failed write interrupted this operation: repeat it")]
    Interrupted,
    /// The system refused to read or write.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The kv failed.
    #[error("the kv of the data folder failed: {0}")]
    Kv(String),
    /// A number that does not follow the one before.
    #[error("out of order: {expected} comes next, not {got}")]
    OutOfOrder {
        /// The number that fits.
        expected: u32,
        /// The number that came.
        got: u32,
    },
    /// Something else is stored under that name already.
    #[error("a different {what} is stored already")]
    Different {
        /// What, with its number.
        what: String,
    },
    /// It overlaps something stored that it does not equal.
    #[error("it conflicts with {what}")]
    Conflict {
        /// What is stored.
        what: String,
    },
    /// It is not there.
    #[error("there is no {what}")]
    NotFound {
        /// What, with its number.
        what: String,
    },
    /// A single proof that an aggregated job needs is not there yet.
    #[error("block {block} has no proof yet")]
    MissingProof {
        /// The block.
        block: u32,
    },
    /// A revert beyond the kept history.
    #[error(
        "the history goes back to block {oldest} only: revert to {oldest} or later, or import anew into an empty folder"
    )]
    History {
        /// The oldest block that a revert can go to.
        oldest: u32,
    },
    /// A read view ended: the records of its moment can no longer be read.
    #[error(
        "the data folder was reverted, or recovered from a failed write, while it was read: read it again"
    )]
    ReadViewEnded,
    /// Too much for one record or transaction.
    #[error("{what} is too large to store")]
    TooLarge {
        /// What.
        what: String,
    },
}

impl StoreError {
    /// For `map_err` over file operations; a full disk is told apart.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> StoreError {
        let what = what.into();
        move |source| {
            if is_full(&source) { StoreError::DiskFull } else { StoreError::Io { what, source } }
        }
    }

    /// Returns the failure without advice.
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

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) if is_full(&error) => StoreError::DiskFull,
            sled::Error::Corruption { .. } => StoreError::corrupt("the kv has a bad checksum"),
            other => StoreError::Kv(other.to_string()),
        }
    }
}

impl From<StoreError> for SourceError {
    fn from(error: StoreError) -> Self {
        SourceError(error.to_string())
    }
}
