//! Why a backup cannot be read.

use std::io;

/// A backup that cannot be used. Each message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Its start is not that of a backup.
    #[error(
        "it is no backup of a witness-server, or its first bytes are damaged; check that it is the right file"
    )]
    NotABackup,
    /// A later program wrote it.
    #[error("it has format {found}, this program reads formats up to {known}; use the version that wrote it")]
    LaterFormat {
        /// Its format.
        found: u32,
        /// The last format this program knows.
        known: u32,
    },
    /// It holds something this program does not know and must not pass over.
    #[error(
        "it holds entries of kind {kind}, which this program does not know; use the version that wrote it"
    )]
    UnknownKind {
        /// Number of the kind.
        kind: u8,
    },
    /// It ends too early.
    #[error("it is cut short after {entries} entries; copy it again, or use another backup")]
    CutShort {
        /// Entries that are whole.
        entries: u64,
    },
    /// Its bytes are not those that were written.
    #[error("it is damaged behind entry {entries}: {what}; copy it again, or use another backup")]
    Damaged {
        /// Entries that are whole.
        entries: u64,
        /// What does not fit.
        what: String,
    },
    /// It could not be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}
