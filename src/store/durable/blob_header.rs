//! The 72 bytes before a frame, in a blob file and in a journal record.
//!
//! Integers are little-endian: magic (8) ‖ version (1) ‖ blob kind (1) ‖ record type (1) ‖ zero (1)
//! ‖ first block (4) ‖ last block (4) ‖ raw length (8) ‖ frame length (8) ‖ blake3 of the frame
//! (32) ‖ crc32 of all these bytes (4).

use std::fs::File;
use std::io::{self, Read};

use crate::store::durable::blob_label::{BlobKind, BlobLabel};

pub(crate) const MAGIC: &[u8; 8] = b"zkwsbody";
const VERSION: u8 = 1;
/// Length of a header, in bytes.
pub(crate) const HEADER: usize = 72;

/// The type of a record: the content that follows its header. Stored by number, so the numbers are
/// frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RecordType {
    /// The frame of the blob. The only type in blob files.
    Inline = 0,
    /// The id of the blob file, 8 bytes little-endian.
    File = 1,
    /// Nothing: the item with this label and hash is not in the kv.
    Withdrawn = 2,
    /// Nothing: everything after the first block of the label was removed.
    Revert = 3,
}

impl RecordType {
    pub(crate) const ALL: [Self; 4] = [Self::Inline, Self::File, Self::Withdrawn, Self::Revert];
}

/// The fields of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub label: BlobLabel,
    pub record_type: RecordType,
    /// Length of the blob, uncompressed, in bytes.
    pub raw_len: u64,
    /// Length of the frame, in bytes.
    pub len: u64,
    /// blake3 of the frame.
    pub hash: [u8; 32],
}

/// Reads the header of a blob file; `None` if it is invalid.
pub(crate) fn read_header(file: &mut File) -> io::Result<Option<Header>> {
    let mut start = Vec::with_capacity(HEADER);
    file.take(HEADER as u64).read_to_end(&mut start)?;
    Ok(parse_header(&start).filter(|header| header.record_type == RecordType::Inline))
}

impl Header {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[VERSION, self.label.kind as u8, self.record_type as u8, 0]);
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

/// Parses the header at the beginning of these bytes; `None` if it is invalid.
pub(crate) fn parse_header(bytes: &[u8]) -> Option<Header> {
    let header = bytes.first_chunk::<HEADER>()?;
    let (rest, crc) = header.split_last_chunk::<4>()?;
    let valid = rest.starts_with(MAGIC)
        && rest.get(8) == Some(&VERSION)
        && crc32fast::hash(rest) == u32::from_le_bytes(*crc);
    let block = |at: usize| rest.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let length = |at: usize| rest.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let label =
        BlobLabel { kind: BlobKind::from_number(*rest.get(9)?)?, first: block(12)?, last: block(16)? };
    let record_type = *rest.get(10)?;
    let header = Header {
        label,
        record_type: RecordType::ALL.into_iter().find(|known| *known as u8 == record_type)?,
        raw_len: length(20)?,
        len: length(28)?,
        hash: *rest.get(36..)?.first_chunk()?,
    };
    valid.then_some(header)
}
