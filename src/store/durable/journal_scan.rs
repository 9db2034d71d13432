//! Reading the segments of the journal, past whatever is damaged in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::durable::blob_header::{HEADER, Header, MAGIC, parse_header};
use crate::store::durable::blobs::{BlobKind, BlobLabel, BlobRef};

/// Forms of an entry, the byte in its header.
pub(crate) mod form {
    /// The frame of the body follows.
    pub const INLINE: u8 = 0;
    /// The id of the body file follows, 8 bytes little-endian.
    pub const FILE: u8 = 1;
    /// Nothing follows: what was written under this label and hash is not in the index.
    pub const WITHDRAWN: u8 = 2;
    /// Nothing follows: everything after the first block of the label is gone.
    pub const REVERT: u8 = 3;
}

/// Segment and offset of an entry: they order the entries by time.
pub(crate) type Place = (u32, u64);

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Item {
    pub label: BlobLabel,
    /// blake3 of the frame: of two items with the same label, which.
    pub hash: [u8; 32],
}

/// An entry whose header is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub place: Place,
    pub header: Header,
    /// Where the body is: in the segment behind the header, or in a file.
    pub file: Option<u64>,
    /// Whether what follows the header is as the header says.
    pub sound: bool,
}

impl Entry {
    pub fn item(&self) -> Item {
        Item { label: self.header.label, hash: self.header.hash }
    }
}

/// Bytes of a segment that are no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub from: Place,
    /// Behind its last byte.
    pub to: u64,
}

/// The entries of one segment.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    pub entries: Vec<Entry>,
    pub gaps: Vec<Gap>,
    /// Length of the file.
    pub len: u64,
}

/// The segments of a folder, by number.
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

/// Reads a segment; behind damaged bytes it goes on at the next sound header.
pub(crate) fn scan(number: u32, path: &Path) -> io::Result<Segment> {
    Ok(of_bytes(number, &fs::read(path)?))
}

/// The same of bytes in memory.
pub(crate) fn of_bytes(number: u32, bytes: &[u8]) -> Segment {
    let mut segment = Segment { len: bytes.len() as u64, ..Segment::default() };
    let mut at = 0;
    while at < bytes.len() {
        match parse(number, at, bytes) {
            Some((entry, end)) => {
                segment.entries.push(entry);
                at = end;
            }
            None => {
                let next = (at + 1..bytes.len()).find(|next| parse(number, *next, bytes).is_some());
                let to = next.unwrap_or(bytes.len());
                segment.gaps.push(Gap { from: (number, at as u64), to: to as u64 });
                at = to;
            }
        }
    }
    segment
}

/// The entry at this offset, and where it ends.
fn parse(number: u32, at: usize, bytes: &[u8]) -> Option<(Entry, usize)> {
    let rest = bytes.get(at..)?;
    if !rest.starts_with(MAGIC) {
        return None;
    }
    let header = parse_header(rest)?;
    let content_len = match header.form {
        form::INLINE => usize::try_from(header.len).ok()?,
        form::FILE => 8,
        form::WITHDRAWN | form::REVERT => 0,
        _ => return None,
    };
    let end = HEADER.checked_add(content_len)?;
    let content = rest.get(HEADER..end)?;
    let file = match header.form {
        form::FILE => Some(u64::from_le_bytes(*content.first_chunk()?)),
        _ => None,
    };
    let sound = header.form != form::INLINE || *blake3::hash(content).as_bytes() == header.hash;
    Some((Entry { place: (number, at as u64), header, file, sound }, at + end))
}

/// The body of an inline entry, read again.
pub(crate) fn read_frame(dir: &Path, place: Place, header: &Header) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let file = fs::File::open(dir.join(segment_name(place.0)))?;
    let len = usize::try_from(header.len).unwrap_or(usize::MAX);
    let held = file.metadata()?.len().saturating_sub(place.1);
    if header.len > held {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut frame = vec![0; len];
    file.read_exact_at(&mut frame, place.1 + HEADER as u64)?;
    if *blake3::hash(&frame).as_bytes() != header.hash {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(frame)
}

/// Name of a segment.
pub(crate) fn segment_name(number: u32) -> String {
    format!("{number:06}.log")
}

/// What the entries, in their order, say is stored: reverted and withdrawn items are not.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    /// The last entry of each item.
    pub items: BTreeMap<Item, Entry>,
    /// What was reverted, withdrawn or replaced, and not written again.
    pub gone: BTreeSet<Item>,
}

impl Replay {
    pub fn add(&mut self, entry: Entry) {
        match entry.header.form {
            form::WITHDRAWN => {
                self.forget(vec![entry.item()]);
            }
            form::REVERT => self.revert(entry.header.label.first),
            _ => {
                // Of two genesis or two blocks with a number, the later one counts: the earlier was never acknowledged.
                let label = entry.header.label;
                if matches!(label.kind, BlobKind::Genesis | BlobKind::Block) {
                    let all = Item { label, hash: [0; 32] }..=Item { label, hash: [0xff; 32] };
                    let earlier: Vec<Item> = self.items.range(all).map(|(item, _)| *item).collect();
                    self.forget(earlier);
                }
                self.gone.remove(&entry.item());
                self.items.insert(entry.item(), entry);
            }
        }
    }

    /// Forgets everything that reaches beyond a block.
    pub fn revert(&mut self, to: u32) {
        self.forget(self.items.keys().filter(|item| item.label.last > to).copied().collect());
    }

    fn forget(&mut self, items: Vec<Item>) {
        for item in items {
            self.items.remove(&item);
            self.gone.insert(item);
        }
    }
}

impl Entry {
    /// The body, for an item whose body is in a file.
    pub fn file_ref(&self) -> Option<BlobRef> {
        let Header { hash, len, raw_len, .. } = self.header;
        Some(BlobRef::File { id: self.file?, hash, len, raw_len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// Whatever is between them, sound entries are found, and no byte belongs to two things.
        #[test]
        fn arbitrary_bytes_do_not_panic_and_hide_nothing(before: Vec<u8>, between: Vec<u8>, len: u64, form: u8) {
            let label = BlobLabel::block(BlobKind::Block, 3);
            let entry = |form, len| Header { label, form, raw_len: 1, len, hash: [9; 32] }.bytes();
            let bytes = [before, entry(form::REVERT, 0), between, entry(form, len)].concat();
            let segment = of_bytes(1, &bytes);
            assert!(!segment.entries.is_empty());
            let gaps: u64 = segment.gaps.iter().map(|gap| gap.to - gap.from.1).sum();
            assert!(gaps <= segment.len - HEADER as u64);
        }
    }
}
