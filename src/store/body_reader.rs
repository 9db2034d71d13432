//! Reading a body part by part: however large it is, and however slow its reader, little of it is in memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};

use super::error::StoreError;

/// Bytes of the frame that are read from its file at a time.
const READ_BYTES: usize = 32 << 10;
/// Nothing is allocated up front beyond this, whatever a header says.
const PREALLOCATE: u64 = 64 << 20;

/// An open body: one zstd frame that equalled its hash when it was opened. An open file stays readable when the body is dropped.
///
/// Should the file change after that, the checksum within the frame still tells: the decoder ends in an error instead of wrong
/// bytes, here or at whoever was given the frame. Frames from before there were such checksums are only checked when opened.
#[derive(Debug)]
pub struct BodyReader {
    frame: Frame,
    frame_len: u64,
    raw_len: u64,
}

#[derive(Debug)]
enum Frame {
    Inline(Cursor<Vec<u8>>),
    /// Stands at the beginning of the frame.
    File(BufReader<File>),
}

impl BodyReader {
    pub(super) fn inline(frame: Vec<u8>, raw_len: u64) -> Self {
        Self { frame_len: frame.len() as u64, frame: Frame::Inline(Cursor::new(frame)), raw_len }
    }

    pub(super) fn file(file: File, frame_len: u64, raw_len: u64) -> Self {
        Self { frame: Frame::File(BufReader::with_capacity(READ_BYTES, file)), frame_len, raw_len }
    }

    /// Length of the zstd frame in bytes.
    pub fn frame_len(&self) -> u64 {
        self.frame_len
    }

    /// Length of the body in bytes, uncompressed.
    pub fn raw_len(&self) -> u64 {
        self.raw_len
    }

    /// The zstd frame, to be passed on as it is.
    pub fn into_frame(self) -> impl Read + Send + 'static {
        self.frame.take(self.frame_len)
    }

    /// The body, decompressed as it is read; an error at its end if that is not as recorded.
    ///
    /// # Errors
    /// When zstd cannot work.
    pub fn into_decoder(self) -> io::Result<impl Read + Send + 'static> {
        let decoder = zstd::stream::Decoder::with_buffer(self.frame.take(self.frame_len))?.single_frame();
        Ok(Exactly { decoder, left: self.raw_len })
    }

    /// The whole body.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn bytes(self) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.raw_len.min(PREALLOCATE)).unwrap_or(0));
        let read = self.into_decoder().and_then(|mut decoder| decoder.read_to_end(&mut bytes));
        read.map_err(|error| StoreError::corrupt(format!("a body does not decompress ({error})")))?;
        Ok(bytes)
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

/// A decoder that must give so many bytes and then end. The last ones are given only when the checksum behind them is right.
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
        // The checksum is compared when the end of the frame is read.
        if self.left == 0 && self.decoder.read(&mut [0])? != 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is longer than recorded"));
        }
        Ok(read)
    }
}
