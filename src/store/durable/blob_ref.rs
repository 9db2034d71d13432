//! References to blobs.

use serde::{Deserialize, Serialize};

/// The location of a blob. Part of stored records; the layout is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlobRef {
    /// The blob is stored in the record itself.
    Inline {
        /// The zstd frame.
        frame: Vec<u8>,
        /// Length of the blob, uncompressed, in bytes.
        raw_len: u64,
    },
    /// The blob is stored in a file of its own.
    File {
        /// The number in the name of the file.
        id: u64,
        /// blake3 of the zstd frame.
        hash: [u8; 32],
        /// Length of the zstd frame, in bytes.
        len: u64,
        /// Length of the blob, uncompressed, in bytes.
        raw_len: u64,
    },
}

impl BlobRef {
    /// Returns the length of the blob, uncompressed, in bytes.
    pub fn raw_len(&self) -> u64 {
        match self {
            BlobRef::Inline { raw_len, .. } | BlobRef::File { raw_len, .. } => *raw_len,
        }
    }

    /// Returns the length of the zstd frame, in bytes.
    pub fn stored_len(&self) -> u64 {
        match self {
            BlobRef::Inline { frame, .. } => frame.len() as u64,
            BlobRef::File { len, .. } => *len,
        }
    }

    /// Returns the blake3 hash of the zstd frame.
    pub(crate) fn frame_hash(&self) -> [u8; 32] {
        match self {
            BlobRef::Inline { frame, .. } => *blake3::hash(frame).as_bytes(),
            BlobRef::File { hash, .. } => *hash,
        }
    }

    /// Returns the id of the blob file; `None` for an inline blob.
    pub(crate) fn file_id(&self) -> Option<u64> {
        match self {
            BlobRef::Inline { .. } => None,
            BlobRef::File { id, .. } => Some(*id),
        }
    }
}
