//! The segments of the journal: files of records, readable past damage.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::input;
use crate::store::durable::blob_header::{HEADER, Header};
use crate::store::durable::journal_record::{Place, Record, parse};

/// The records of one segment.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    pub records: Vec<Record>,
    pub gaps: Vec<Gap>,
    /// Length of the file, in bytes.
    pub len: u64,
}

/// Bytes of a segment that are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub from: Place,
    /// Offset of the end.
    pub to: u64,
}

/// Returns the name of a segment.
pub(crate) fn segment_name(number: u32) -> String {
    format!("{number:06}.log")
}

/// Returns the paths of the segments of a folder, by number.
pub(crate) fn segments(dir: &Path) -> io::Result<BTreeMap<u32, PathBuf>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".log")).filter(|stem| stem.len() == 6);
        if let Some(number) = number.and_then(|stem| stem.parse().ok()) {
            found.insert(number, entry.path());
        }
    }
    Ok(found)
}

/// Reads a segment. After damaged bytes it continues at the next valid header.
pub(crate) fn scan(number: u32, path: &Path) -> io::Result<Segment> {
    let mut bytes = Vec::new();
    input::open(path)?.read_to_end(&mut bytes)?;
    Ok(of_bytes(number, &bytes))
}

/// Parses the bytes of a segment as [`scan`] does.
pub(crate) fn of_bytes(number: u32, bytes: &[u8]) -> Segment {
    let mut segment = Segment { len: bytes.len() as u64, ..Segment::default() };
    let mut at = 0;
    while at < bytes.len() {
        match parse(number, at, bytes) {
            Some((record, end)) => {
                segment.records.push(record);
                at = end;
            }
            None => {
                let next = (at + 1..bytes.len()).find(|next| parse(number, *next, bytes).is_some());
                let to = next.unwrap_or(bytes.len());
                segment.gaps.push(Gap { from: Place { segment: number, offset: at as u64 }, to: to as u64 });
                at = to;
            }
        }
    }
    segment
}

/// Reads the frame of an inline record again, and checks its hash.
pub(crate) fn read_frame(dir: &Path, place: Place, header: &Header) -> io::Result<Vec<u8>> {
    let file = input::open(&dir.join(segment_name(place.segment)))?;
    let len = usize::try_from(header.len).unwrap_or(usize::MAX);
    let held = file.metadata()?.len().saturating_sub(place.offset);
    if header.len > held {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut frame = vec![0; len];
    file.read_exact_at(&mut frame, place.offset + HEADER as u64)?;
    if *blake3::hash(&frame).as_bytes() != header.hash {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::durable::blob_header::RecordType;
    use crate::store::durable::blob_label::{BlobKind, BlobLabel};

    proptest::proptest! {
        /// Sound records are found between any other bytes, and no byte belongs to two things.
        #[test]
        fn arbitrary_bytes_do_not_panic_and_hide_nothing(before: Vec<u8>, between: Vec<u8>, len: u64, any in 0..4usize) {
            let label = BlobLabel::block(BlobKind::Block, 3);
            let record = |record_type, len| Header { label, record_type, raw_len: 1, len, hash: [9; 32] }.bytes();
            let bytes = [before, record(RecordType::Revert, 0), between, record(RecordType::ALL[any], len)].concat();
            let segment = of_bytes(1, &bytes);
            assert!(!segment.records.is_empty());
            let gaps: u64 = segment.gaps.iter().map(|gap| gap.to - gap.from.offset).sum();
            assert!(gaps <= segment.len - HEADER as u64);
        }
    }
}
