//! A body that comes piece by piece.

use std::io::{self, Write};

use super::body::{Bodies, BodyLabel, LEVEL, PreparedBody};
use super::error::StoreError;

/// Takes a body as it is written and compresses it meanwhile: only the compressed form is in memory.
pub struct BodyWriter<'a> {
    bodies: &'a Bodies,
    label: BodyLabel,
    encoder: zstd::stream::Encoder<'static, Vec<u8>>,
    raw_len: u64,
}

impl<'a> BodyWriter<'a> {
    pub(super) fn new(bodies: &'a Bodies, label: BodyLabel) -> Result<Self, StoreError> {
        let encoder =
            zstd::stream::Encoder::new(Vec::new(), LEVEL).map_err(StoreError::io("compressing a body"))?;
        Ok(Self { bodies, label, encoder, raw_len: 0 })
    }

    /// Makes the body durable. It has no owner yet: dropped, it is gone.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn finish(self) -> Result<PreparedBody, StoreError> {
        let frame = self.encoder.finish().map_err(StoreError::io("compressing a body"))?;
        self.bodies.prepare_frame(self.label, frame, self.raw_len)
    }
}

impl Write for BodyWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.encoder.write(bytes)?;
        self.raw_len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::BodyKind;
    use super::super::testing::{files, noise, open};
    use super::*;

    #[test]
    fn pieces_make_one_body_and_an_unfinished_one_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let label = BodyLabel::block(BodyKind::Genesis, 0);
        let whole = noise(1, 300_000);
        let mut writer = store.write_body(label).unwrap();
        whole.chunks(7_777).for_each(|piece| writer.write_all(piece).unwrap());
        let prepared = writer.finish().unwrap();
        assert_eq!(prepared.body().raw_len(), 300_000);
        assert_eq!(store.read_body(prepared.body()).unwrap(), whole);
        drop(prepared);
        drop(store.write_body(label).unwrap());
        assert_eq!(files(dir.path()), 0);
        let empty = store.write_body(label).unwrap().finish().unwrap();
        assert_eq!(store.read_body(empty.body()).unwrap(), b"");
    }
}
