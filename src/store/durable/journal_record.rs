//! One record of the journal.

use crate::store::durable::blob_header::{HEADER, Header, MAGIC, RecordType, parse_header};
use crate::store::durable::blob_label::BlobLabel;
use crate::store::durable::blob_ref::BlobRef;
use serde::{Deserialize, Serialize};

/// The start of a record. Places are ordered as the records were written. Stored; the layout is
/// frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Number of the segment, from 1.
    pub segment: u32,
    /// Offset in the segment, in bytes.
    pub offset: u64,
}

/// The item that a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Item {
    pub label: BlobLabel,
    /// blake3 of the frame. It distinguishes items with the same label.
    pub hash: [u8; 32],
}

/// A record whose header is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub place: Place,
    pub header: Header,
    /// The id of the blob file; `None` for other record types.
    pub file: Option<u64>,
    /// Set if the content after the header matches the header.
    pub sound: bool,
}

impl Record {
    pub(crate) fn item(&self) -> Item {
        Item { label: self.header.label, hash: self.header.hash }
    }

    /// Returns the reference to the blob file of the item; `None` for other record types.
    pub(crate) fn file_ref(&self) -> Option<BlobRef> {
        let Header { hash, len, raw_len, .. } = self.header;
        Some(BlobRef::File { id: self.file?, hash, len, raw_len })
    }
}

/// Parses the record at an offset of a segment. Returns it with the offset of its end.
pub(crate) fn parse(segment: u32, at: usize, bytes: &[u8]) -> Option<(Record, usize)> {
    let rest = bytes.get(at..)?;
    if !rest.starts_with(MAGIC) {
        return None;
    }
    let header = parse_header(rest)?;
    let content_len = match header.record_type {
        RecordType::Inline => usize::try_from(header.len).ok()?,
        RecordType::File => 8,
        RecordType::Withdrawn | RecordType::Revert => 0,
    };
    let end = HEADER.checked_add(content_len)?;
    let content = rest.get(HEADER..end)?;
    let file = match header.record_type {
        RecordType::File => Some(u64::from_le_bytes(*content.first_chunk()?)),
        _ => None,
    };
    let sound = header.record_type != RecordType::Inline || *blake3::hash(content).as_bytes() == header.hash;
    let place = Place { segment, offset: at as u64 };
    Some((Record { place, header, file, sound }, at + end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::kv::codec;

    #[test]
    fn the_bytes_of_a_place_are_frozen() {
        let sealed = codec::seal(&Place { segment: 1, offset: 152 }).unwrap();
        assert_eq!(sealed, codec::seal(&(1u32, 152u64)).unwrap());
        assert_eq!(hex::encode(&sealed[..3]), "010198");
    }
}
