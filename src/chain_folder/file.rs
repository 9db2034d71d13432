//! One file of a chain folder: unpacked up to a limit, and checked to be complete JSON.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;

use super::error::ChainFolderError;
use crate::input;

/// Known file name endings.
pub(super) const SUFFIXES: [(&str, Compression); 3] =
    [(".json", Compression::None), (".json.gz", Compression::Gzip), (".json.zst", Compression::Zstd)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// A JSON file of a chain folder, not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainFile {
    pub(super) path: PathBuf,
    pub(super) compression: Compression,
    /// Longest unpacked content that is read, in bytes.
    pub(super) limit: u64,
}

impl ChainFile {
    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads and unpacks the file. The result is one complete JSON value of any shape, without a
    /// byte order mark.
    ///
    /// # Errors
    /// [`ChainFolderError::Unreadable`], [`Incomplete`](ChainFolderError::Incomplete),
    /// [`Damaged`](ChainFolderError::Damaged), [`TooLong`](ChainFolderError::TooLong),
    /// [`GitLfsPointer`](ChainFolderError::GitLfsPointer).
    pub fn read(&self) -> Result<Vec<u8>, ChainFolderError> {
        let file = input::open(&self.path).map_err(|cause| self.unreadable(cause))?;
        let packed = file.metadata().map_err(|cause| self.unreadable(cause))?.len();
        let bounded = match self.compression {
            Compression::None => self.clone(),
            _ => Self { limit: input::unpacked_limit(packed, self.limit), ..self.clone() },
        };
        bounded.read_from(BufReader::new(file))
    }

    /// Reads like [`read`](Self::read), from the packed content of the file.
    fn read_from(&self, mut packed: impl BufRead) -> Result<Vec<u8>, ChainFolderError> {
        // A pointer is plain text, whatever compression the name of the file implies.
        if input::is_git_lfs_pointer(packed.fill_buf().map_err(|cause| self.unreadable(cause))?) {
            return Err(ChainFolderError::GitLfsPointer(self.path.clone()));
        }
        let unpacked = self.unpack(packed)?;
        let bytes = match input::without_byte_order_mark(&unpacked) {
            json if json.len() < unpacked.len() => json.to_vec(),
            _ => unpacked,
        };
        match serde_json::from_slice::<IgnoredAny>(&bytes) {
            Ok(_) => Ok(bytes),
            Err(error) if error.is_eof() => Err(self.incomplete(error)),
            Err(error) => Err(self.damaged(error)),
        }
    }

    fn unpack(&self, packed: impl BufRead) -> Result<Vec<u8>, ChainFolderError> {
        let unpacked = match self.compression {
            Compression::None => self.read_bounded(packed),
            Compression::Gzip => self.read_bounded(flate2::bufread::MultiGzDecoder::new(packed)),
            Compression::Zstd => zstd::stream::read::Decoder::with_buffer(packed)
                .and_then(|decoder| self.read_bounded(decoder)),
        };
        match unpacked {
            Ok(bytes) if bytes.len() as u64 > self.limit => {
                Err(ChainFolderError::TooLong { path: self.path.clone(), limit: self.limit })
            }
            Ok(bytes) => Ok(bytes),
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Err(self.incomplete(cause)),
            Err(cause) if self.compression == Compression::None => Err(self.unreadable(cause)),
            Err(cause) => Err(self.damaged(cause)),
        }
    }

    /// Reads at most one byte more than the limit, so that a longer file is noticed.
    fn read_bounded(&self, source: impl Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        source.take(self.limit.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn unreadable(&self, cause: io::Error) -> ChainFolderError {
        ChainFolderError::Unreadable { path: self.path.clone(), cause }
    }

    fn incomplete(&self, cause: impl ToString) -> ChainFolderError {
        ChainFolderError::Incomplete { path: self.path.clone(), cause: cause.to_string() }
    }

    fn damaged(&self, cause: impl ToString) -> ChainFolderError {
        ChainFolderError::Damaged { path: self.path.clone(), cause: cause.to_string() }
    }
}

/// Reads like [`ChainFile::read`] a file with the given name, packed content and limit; for tests.
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub fn read_as(name: &str, content: &[u8], limit: u64) -> Result<Vec<u8>, ChainFolderError> {
    let known = SUFFIXES.iter().find(|(suffix, _)| name.ends_with(suffix));
    let path = PathBuf::from(name);
    let Some((_, compression)) = known else { return Err(ChainFolderError::UnexpectedName(path)) };
    ChainFile { path, compression: *compression, limit }.read_from(content)
}
