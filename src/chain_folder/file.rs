//! A file of a chain folder: unpacked within a limit, and found to be whole.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use serde::de::IgnoredAny;

use super::{ChainFolderError, unreadable};

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
    /// Longest content that is read, in bytes.
    pub(super) limit: u64,
}

impl ChainFile {
    /// Where the file is, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole file, unpacked: complete JSON, of whatever shape.
    ///
    /// # Errors
    /// [`ChainFolderError::Unreadable`], [`HalfWritten`](ChainFolderError::HalfWritten),
    /// [`Damaged`](ChainFolderError::Damaged), [`TooLong`](ChainFolderError::TooLong).
    pub fn read(&self) -> Result<Vec<u8>, ChainFolderError> {
        let file = File::open(&self.path).map_err(|cause| unreadable(&self.path, cause))?;
        self.read_from(BufReader::new(file))
    }

    /// As [`read`](Self::read), from the content of a file with that name.
    fn read_from(&self, packed: impl BufRead) -> Result<Vec<u8>, ChainFolderError> {
        let bytes = self.unpack(packed)?;
        match serde_json::from_slice::<IgnoredAny>(&bytes) {
            Ok(_) => Ok(bytes),
            Err(error) if error.is_eof() => Err(self.half_written(error)),
            Err(error) => Err(self.damaged(error)),
        }
    }

    fn unpack(&self, packed: impl BufRead) -> Result<Vec<u8>, ChainFolderError> {
        let done = match self.compression {
            Compression::None => self.read_bounded(packed),
            Compression::Gzip => self.read_bounded(flate2::bufread::MultiGzDecoder::new(packed)),
            Compression::Zstd => zstd::stream::read::Decoder::with_buffer(packed)
                .and_then(|decoder| self.read_bounded(decoder)),
        };
        match done {
            Ok(bytes) if bytes.len() as u64 > self.limit => {
                Err(ChainFolderError::TooLong { path: self.path.clone(), limit: self.limit })
            }
            Ok(bytes) => Ok(bytes),
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Err(self.half_written(cause)),
            Err(cause) if self.compression == Compression::None => Err(unreadable(&self.path, cause)),
            Err(cause) => Err(self.damaged(cause)),
        }
    }

    /// At most one byte more than there may be.
    fn read_bounded(&self, source: impl Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        source.take(self.limit.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn half_written(&self, cause: impl ToString) -> ChainFolderError {
        ChainFolderError::HalfWritten { path: self.path.clone(), cause: cause.to_string() }
    }

    fn damaged(&self, cause: impl ToString) -> ChainFolderError {
        ChainFolderError::Damaged { path: self.path.clone(), cause: cause.to_string() }
    }
}

/// What a file of that name, with that content and that limit, is read as; for tests of the decoders.
///
/// # Errors
/// As [`ChainFile::read`].
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub fn read_as(name: &str, content: &[u8], limit: u64) -> Result<Vec<u8>, ChainFolderError> {
    let known = SUFFIXES.iter().find(|(suffix, _)| name.ends_with(suffix));
    let path = PathBuf::from(name);
    let Some((_, compression)) = known else { return Err(ChainFolderError::UnexpectedName(path)) };
    ChainFile { path, compression: *compression, limit }.read_from(content)
}
