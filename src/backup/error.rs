//! Errors of reading a backup.

use std::io;

/// A backup that cannot be used. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// The file does not start like a backup.
    #[error(
        "it is not a backup of a witness-server, or its first bytes are damaged; check that it is the right file"
    )]
    NotABackup,
    /// A later version wrote the backup.
    #[error("it has format {found}, this program reads formats up to {known}; use the version that wrote it")]
    LaterFormat {
        /// The format of the backup.
        found: u32,
        /// The last format that this program reads.
        known: u32,
    },
    /// The backup has an entry of an unknown kind that must not be skipped.
    #[error(
        "it holds entries of kind {kind}, which this program does not know; use the version that wrote it"
    )]
    UnknownKind {
        /// The number of the kind.
        kind: u8,
    },
    /// The backup ends too early.
    #[error("it is cut short after {entries} entries; copy it again, or use another backup")]
    CutShort {
        /// Number of complete entries.
        entries: u64,
    },
    /// The content does not match its checksums, lengths or counts.
    #[error("it is damaged after entry {entries}: {what}; copy it again, or use another backup")]
    Damaged {
        /// Number of complete entries.
        entries: u64,
        /// The part that does not match.
        what: String,
    },
    /// The backup cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}
