//! Compressing a body as it is written.

use std::io::{self, Write};

use zstd::stream::raw::CParameter;

use crate::store::durable::blobs::BlobKind;
use crate::store::error::StoreError;

/// Level of all bodies but witnesses: they are small, or gain little from more.
const LEVEL: i32 = 3;

/// Level of witnesses. Of 390 chunks of transfers (13.4 MB of JSON) it leaves 1.4 % on a thousand accounts and 1.9 % on a hundred thousand, in
/// 14 ms. Level 3 leaves a fifth more in 8 ms, level 9 nothing less in 33 ms.
const WITNESS_LEVEL: i32 = 5;

/// Base-2 logarithm of how far back a body refers, in bytes: 256 KiB, some seven chunks of a witness. Whoever decompresses keeps that
/// much in memory, the server for each slow reader; a larger window saves nothing. (Clients take up to 8 MB: RFC 9659.)
const WINDOW_LOG: u32 = 18;

/// One zstd frame.
#[derive(Debug)]
pub(crate) struct Compressed {
    pub frame: Vec<u8>,
    /// Length of the content in bytes.
    pub raw_len: u64,
}

/// A body under way: takes its bytes and keeps them compressed.
pub struct BlobWriter {
    encoder: zstd::stream::Encoder<'static, Vec<u8>>,
    raw_len: u64,
}

impl BlobWriter {
    /// `raw_len`: the length of the body in bytes, if it is known.
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

    /// Compresses a body that is there as a whole.
    pub(crate) fn compress(kind: BlobKind, bytes: &[u8]) -> Result<Compressed, StoreError> {
        let compress = || {
            let mut writer = Self::new(kind, Some(bytes.len() as u64))?;
            writer.write_all(bytes)?;
            writer.finish()
        };
        compress().map_err(StoreError::io("compressing a body"))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.encoder.write(bytes)?;
        self.raw_len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        // A flush would end a block of the frame early, which costs space.
        Ok(())
    }
}

impl std::fmt::Debug for BlobWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobWriter").field("raw_len", &self.raw_len).finish_non_exhaustive()
    }
}
