//! Reading a blob in parts, so that little of it is in memory, for any size and any speed of the
//! reader.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};

use crate::store::error::StoreError;

/// Size of the reads from a file, in bytes.
const READ_BYTES: usize = 32 << 10;
/// Largest allocation in advance, in bytes: lengths in headers may be damaged.
const PREALLOCATE: u64 = 64 << 20;

/// An open blob: one zstd frame that matched its hash when it was opened. It stays readable when
/// its file is removed.
///
/// The frame is hashed again while it is read. If the file changed after the opening, the read
/// fails before the last bytes, so that neither this process nor a client that receives the frame
/// accepts wrong bytes.
#[derive(Debug)]
pub struct BlobReader {
    frame: Frame,
    frame_len: u64,
    raw_len: u64,
}

#[derive(Debug)]
enum Frame {
    Inline(Cursor<Vec<u8>>),
    /// A file that is positioned at the beginning of the frame.
    File(Box<BufReader<Hashed>>),
}

/// A frame within a file that must have this hash.
#[derive(Debug)]
struct Hashed {
    file: File,
    left: u64,
    hasher: blake3::Hasher,
    hash: [u8; 32],
}

impl Read for Hashed {
    fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
        let wanted = part.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.file.read(&mut part[..wanted])?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "its file was cut short"));
        }
        self.hasher.update(&part[..read]);
        self.left -= read as u64;
        if self.left == 0 && self.hasher.finalize() != self.hash {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its file was changed"));
        }
        Ok(read)
    }
}

impl BlobReader {
    pub(crate) fn inline(frame: Vec<u8>, raw_len: u64) -> Self {
        Self { frame_len: frame.len() as u64, frame: Frame::Inline(Cursor::new(frame)), raw_len }
    }

    pub(crate) fn file(file: File, hash: [u8; 32], frame_len: u64, raw_len: u64) -> Self {
        let hashed = Hashed { file, left: frame_len, hasher: blake3::Hasher::new(), hash };
        Self {
            frame: Frame::File(Box::new(BufReader::with_capacity(READ_BYTES, hashed))),
            frame_len,
            raw_len,
        }
    }

    /// Returns the length of the zstd frame, in bytes.
    pub fn frame_len(&self) -> u64 {
        self.frame_len
    }

    /// Returns the length of the blob, uncompressed, in bytes.
    pub fn raw_len(&self) -> u64 {
        self.raw_len
    }

    /// Returns the zstd frame.
    pub fn into_frame(self) -> impl Read + Send + 'static {
        self.frame.take(self.frame_len)
    }

    /// Returns the blob, decompressed while it is read. The last read fails if length or hash do
    /// not match.
    ///
    /// # Errors
    /// If zstd cannot be initialised.
    pub fn into_decoder(self) -> io::Result<impl Read + Send + 'static> {
        let decoder = zstd::stream::Decoder::with_buffer(self.frame.take(self.frame_len))?.single_frame();
        Ok(Exactly { decoder, left: self.raw_len })
    }

    /// Returns the whole blob.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`]; [`StoreError::Io`] if the system fails to read.
    pub fn bytes(self) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.raw_len.min(PREALLOCATE)).unwrap_or(0));
        let read = self.into_decoder().and_then(|mut decoder| decoder.read_to_end(&mut bytes));
        match read {
            Ok(_) => Ok(bytes),
            // Errors of zstd have no error number of the system, and running out of memory has no
            // kind of its own.
            Err(error) if error.raw_os_error().is_some() || error.to_string().contains("memory") => {
                Err(StoreError::io("reading a blob")(error))
            }
            Err(error) => Err(StoreError::corrupt(format!("a blob does not decompress ({error})"))),
        }
    }
}

impl Read for Frame {
    fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Inline(frame) => frame.read(part),
            Self::File(file) => file.read(part),
        }
    }
}

impl BufRead for Frame {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Inline(frame) => frame.fill_buf(),
            Self::File(file) => file.fill_buf(),
        }
    }

    fn consume(&mut self, count: usize) {
        match self {
            Self::Inline(frame) => frame.consume(count),
            Self::File(file) => file.consume(count),
        }
    }
}

/// A decoder that must return exactly `left` bytes. The last of these are returned only after the
/// frame was read to its end, so that all of it was hashed.
struct Exactly<R> {
    decoder: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
        let wanted = part.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.decoder.read(&mut part[..wanted])?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than recorded"));
        }
        self.left -= read as u64;
        // Reads what is left of the frame.
        if self.left == 0 && self.decoder.read(&mut [0])? != 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is longer than recorded"));
        }
        Ok(read)
    }
}
