//! The 72 bytes before a frame, in a body file and in the journal; `body` says what they are.

use std::fs::File;
use std::io::{self, Read};

use crate::store::durable::blob_label::{BlobKind, BlobLabel};

pub(crate) const MAGIC: &[u8; 8] = b"zkwsbody";
const VERSION: u8 = 1;
pub(crate) const HEADER: usize = 72;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub label: BlobLabel,
    /// 0 in a body file; see the journal for others.
    pub form: u8,
    pub raw_len: u64,
    pub len: u64,
    pub hash: [u8; 32],
}

/// The header of an open body file, which is read to its end; `None` for a bad one.
pub(crate) fn read_header(file: &mut File) -> io::Result<Option<Header>> {
    let mut start = Vec::with_capacity(HEADER);
    file.take(HEADER as u64).read_to_end(&mut start)?;
    Ok(parse_header(&start).filter(|header| header.form == 0))
}

impl Header {
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[VERSION, self.label.kind as u8, self.form, 0]);
        bytes.extend_from_slice(&self.label.first.to_le_bytes());
        bytes.extend_from_slice(&self.label.last.to_le_bytes());
        bytes.extend_from_slice(&self.raw_len.to_le_bytes());
        bytes.extend_from_slice(&self.len.to_le_bytes());
        bytes.extend_from_slice(&self.hash);
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }
}

/// The header at the beginning of these bytes; `None` for a bad one.
pub(crate) fn parse_header(bytes: &[u8]) -> Option<Header> {
    let header = bytes.first_chunk::<HEADER>()?;
    let (rest, crc) = header.split_last_chunk::<4>()?;
    let good = rest.starts_with(MAGIC)
        && rest.get(8) == Some(&VERSION)
        && crc32fast::hash(rest) == u32::from_le_bytes(*crc);
    let block = |at: usize| rest.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let length = |at: usize| rest.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let label =
        BlobLabel { kind: BlobKind::from_number(*rest.get(9)?)?, first: block(12)?, last: block(16)? };
    let header = Header {
        label,
        form: *rest.get(10)?,
        raw_len: length(20)?,
        len: length(28)?,
        hash: *rest.get(36..)?.first_chunk()?,
    };
    good.then_some(header)
}
