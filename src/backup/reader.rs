//! Reader of a backup, entry by entry. An entry is returned only after its hash was verified.

use std::io::{self, Read};

use serde::de::DeserializeOwned;

use super::entry::{
    About, Counts, ENTRY_HEAD, FILE_HEAD, FORMAT, HASH, Head, Kind, Known, MAX_BODY, parse_file_head,
};
use super::error::BackupError;
use crate::input;

/// Largest allocation in advance, in bytes, regardless of the lengths in a header.
const PREALLOCATE: u64 = 1 << 20;

/// An entry with a verified hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The kind of the entry.
    pub kind: Kind,
    /// The first block of its range; 0 if it has none.
    pub first: u32,
    /// The last block of its range; 0 if it has none.
    pub last: u32,
    meta: Vec<u8>,
    /// The body, uncompressed.
    pub body: Vec<u8>,
}

/// A reader that hashes the bytes it reads.
struct Hashed<R> {
    source: R,
    entry: blake3::Hasher,
    file: blake3::Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(part)?;
        self.entry.update(&part[..read]);
        self.file.update(&part[..read]);
        Ok(read)
    }
}

/// A backup being read.
pub(crate) struct BackupReader<R> {
    source: Hashed<R>,
    about: About,
    counts: Counts,
    ended: bool,
}

impl<R: Read> BackupReader<R> {
    /// Reads the header and the description.
    pub(crate) fn open(source: R) -> Result<Self, BackupError> {
        let about = About { program: String::new(), at_ms: 0, head: 0 };
        let source = Hashed { source, entry: blake3::Hasher::new(), file: blake3::Hasher::new() };
        let mut reader = Self { source, about, counts: Counts::default(), ended: false };
        let mut start = [0; FILE_HEAD];
        let whole = reader.fill(&mut start);
        match (whole, parse_file_head(&start)) {
            (Err(BackupError::Io(error)), _) => return Err(BackupError::Io(error)),
            (Ok(()), Some(1..=FORMAT)) => {}
            (Ok(()), Some(found)) if found > FORMAT => {
                return Err(BackupError::LaterFormat { found, known: FORMAT });
            }
            _ => return Err(BackupError::NotABackup),
        }
        match reader.next_entry()? {
            Some(entry) if entry.kind == Kind::About => {
                reader.about =
                    About { head: entry.last, ..entry.meta().map_err(|what| reader.damaged(what))? };
                Ok(reader)
            }
            _ => Err(reader.damaged("its first entry is not a description")),
        }
    }

    /// Returns the description of the backup.
    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// Returns the number of entries read so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Reads the next entry; returns `None` after the end, once the hash of the whole file was
    /// verified.
    pub(crate) fn next_entry(&mut self) -> Result<Option<Entry>, BackupError> {
        while !self.ended {
            self.source.entry = blake3::Hasher::new();
            let mut head = [0; ENTRY_HEAD];
            self.fill(&mut head)?;
            let head = Head::parse(&head).ok_or_else(|| self.damaged("the header of an entry"))?;
            let known = head.known();
            if known == Known::Refuse {
                return Err(BackupError::UnknownKind { kind: head.kind });
            }
            let meta = self.bytes(head.meta_len.into())?;
            let frame = self.bytes(head.frame_len)?;
            let hashed = if known == Known::Kind(Kind::End) { &self.source.file } else { &self.source.entry };
            let expected = hashed.finalize();
            let mut hash = [0; HASH];
            self.fill(&mut hash)?;
            if expected != hash {
                return Err(self.damaged("a hash"));
            }
            let Known::Kind(kind) = known else {
                self.counts.add(None);
                continue;
            };
            if head.raw_len > input::unpacked_limit(head.frame_len, MAX_BODY) {
                return Err(self.damaged(format!("a body of {} bytes", head.raw_len)));
            }
            let body = unpacked(&frame, head.raw_len).map_err(|error| self.damaged(error))?;
            let entry = Entry { kind, first: head.first, last: head.last, meta, body };
            if kind == Kind::End {
                self.end(&entry)?;
                continue;
            }
            self.counts.add(Some(kind));
            return Ok(Some(entry));
        }
        Ok(None)
    }

    fn end(&mut self, end: &Entry) -> Result<(), BackupError> {
        let counts: Counts = end.meta().map_err(|what| self.damaged(what))?;
        if counts != self.counts {
            return Err(self.damaged("the number of its entries"));
        }
        if self.source.read(&mut [0])? != 0 {
            return Err(self.damaged("bytes follow its end"));
        }
        self.ended = true;
        Ok(())
    }

    fn damaged(&self, what: impl ToString) -> BackupError {
        BackupError::Damaged { entries: self.counts.entries, what: what.to_string() }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BackupError> {
        self.source.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => BackupError::CutShort { entries: self.counts.entries },
            _ => error.into(),
        })
    }

    fn bytes(&mut self, length: u64) -> Result<Vec<u8>, BackupError> {
        let mut bytes = Vec::with_capacity(usize::try_from(length.min(PREALLOCATE)).unwrap_or(0));
        let read = (&mut self.source).take(length).read_to_end(&mut bytes)?;
        if read as u64 != length {
            return Err(BackupError::CutShort { entries: self.counts.entries });
        }
        Ok(bytes)
    }
}

impl Entry {
    /// Parses the meta of the entry.
    pub(super) fn meta<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.meta).map_err(|error| format!("the meta of an entry ({error})"))
    }
}

/// Decompresses the frame of a body, after its hash was verified.
fn unpacked(frame: &[u8], raw_len: u64) -> Result<Vec<u8>, String> {
    if frame.is_empty() && raw_len == 0 {
        return Ok(Vec::new());
    }
    let unpack = || -> io::Result<Option<Vec<u8>>> {
        let mut body = Vec::with_capacity(usize::try_from(raw_len.min(PREALLOCATE)).unwrap_or(0));
        let mut decoder = zstd::stream::Decoder::with_buffer(frame)?.single_frame();
        (&mut decoder).take(raw_len.saturating_add(1)).read_to_end(&mut body)?;
        let whole = body.len() as u64 == raw_len && decoder.finish().is_empty();
        Ok(whole.then_some(body))
    };
    match unpack() {
        Ok(Some(body)) => Ok(body),
        Ok(None) => Err("the length of a body".to_owned()),
        Err(error) => Err(format!("a body does not decompress ({error})")),
    }
}

/// Reads a backup to its end and verifies every hash; calls `seen` for every entry.
pub(crate) fn verify(
    source: impl Read,
    mut seen: impl FnMut(&About, &Entry),
) -> Result<(About, Counts), BackupError> {
    let mut reader = BackupReader::open(source)?;
    while let Some(entry) = reader.next_entry()? {
        seen(&reader.about, &entry);
    }
    Ok((reader.about.clone(), reader.counts))
}
