//! Compressing a blob while it is written.

use std::io::{self, Write};

use zstd::stream::raw::CParameter;

use crate::store::durable::blob_label::BlobKind;
use crate::store::error::StoreError;

/// Compression level of all blobs but witnesses. They are small, or a higher level saves little.
const LEVEL: i32 = 3;

/// Compression level of witnesses. It compresses 390 chunks of transfers (13.4 MB of JSON) in 14 ms
/// to 1.4 % with a thousand accounts and to 1.9 % with a hundred thousand. The result of level 3 is
/// a fifth larger, in 8 ms; that of level 9 is not smaller, in 33 ms.
const WITNESS_LEVEL: i32 = 5;

/// Base-2 logarithm of the zstd window, in bytes: 256 KiB, about seven chunks of a witness. Each
/// decompression needs that much memory, in the server once for each slow reader, and a larger
/// window saves no space. (Clients support up to 8 MB: RFC 9659.)
const WINDOW_LOG: u32 = 18;

/// One zstd frame.
#[derive(Debug)]
pub(crate) struct Compressed {
    pub frame: Vec<u8>,
    /// Length of the content, in bytes.
    pub raw_len: u64,
}

/// A blob that is being written, compressed in memory.
pub struct BlobWriter {
    encoder: zstd::stream::Encoder<'static, Vec<u8>>,
    raw_len: u64,
}

impl BlobWriter {
    /// Begins a blob. `raw_len` is its length in bytes, if known.
    pub(crate) fn new(kind: BlobKind, raw_len: Option<u64>) -> io::Result<Self> {
        let level = if kind == BlobKind::Witness { WITNESS_LEVEL } else { LEVEL };
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), level)?;
        encoder.set_pledged_src_size(raw_len)?;
        encoder.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
        Ok(Self { encoder, raw_len: 0 })
    }

    pub(crate) fn finish(self) -> io::Result<Compressed> {
        Ok(Compressed { frame: self.encoder.finish()?, raw_len: self.raw_len })
    }

    /// Compresses a whole blob.
    pub(crate) fn compress(kind: BlobKind, bytes: &[u8]) -> Result<Compressed, StoreError> {
        let compress = || {
            let mut writer = Self::new(kind, Some(bytes.len() as u64))?;
            writer.write_all(bytes)?;
            writer.finish()
        };
        compress().map_err(StoreError::io("compressing a blob"))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.encoder.write(bytes)?;
        self.raw_len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        // A flush of the encoder would end a block of the frame early, which costs space.
        Ok(())
    }
}

impl std::fmt::Debug for BlobWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobWriter").field("raw_len", &self.raw_len).finish_non_exhaustive()
    }
}
