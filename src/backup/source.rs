//! A backup as a stream of bytes, which is produced while it is read.

use std::io::{self, Cursor, Read};

use serde::Serialize;

use super::entry::{About, Counts, FORMAT, Head, Kind, NoMeta, OperationMeta, ProofMeta, file_head};
use crate::store::{BlobReader, DurableKind, DurableRecord, ReadView, StoreError};

/// The bytes of a backup of a read view. Frames are copied verbatim, so that a backup costs hardly
/// more than reading them.
///
/// An error of the store is the inner error of the `io::Error`. After an error, all further reads
/// fail.
pub(crate) struct BackupSource {
    view: ReadView,
    records: Box<dyn Iterator<Item = Result<DurableRecord, StoreError>> + Send>,
    position: Position,
    /// The bytes to return first.
    pending: Cursor<Vec<u8>>,
    /// The frame to return after these.
    frame: Option<Box<dyn Read + Send>>,
    /// The hash to return after that.
    hash: Hash,
    /// The hash of the current entry.
    entry: blake3::Hasher,
    /// The hash of the file.
    file: blake3::Hasher,
    counts: Counts,
    failed: bool,
}

/// The hash at the end of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hash {
    None,
    OfEntry,
    OfFile,
}

/// The next entry.
#[derive(Clone, Copy)]
enum Position {
    About,
    /// The next record; after the last record, the end.
    Records,
    Finished,
}

impl BackupSource {
    /// Begins a backup of the view; nothing is read yet.
    pub(crate) fn new(view: ReadView) -> Self {
        Self {
            records: Box::new(view.records()),
            view,
            position: Position::About,
            pending: Cursor::new(file_head(FORMAT)),
            frame: None,
            hash: Hash::None,
            entry: blake3::Hasher::new(),
            file: blake3::Hasher::new(),
            counts: Counts::default(),
            failed: false,
        }
    }

    /// Begins the next entry. Returns false after the last one.
    fn advance(&mut self) -> Result<bool, StoreError> {
        match self.position {
            Position::About => {
                self.position = Position::Records;
                let head = self.view.head();
                let program = concat!("zksync-witness-server ", env!("CARGO_PKG_VERSION")).to_owned();
                let about = About { program, at_ms: self.view.at_ms(), head };
                self.begin(Kind::About, (0, head), &about, None)?;
            }
            Position::Records => match self.records.next().transpose()? {
                Some(record) => self.begin_record(record)?,
                None => {
                    self.view.check()?;
                    self.position = Position::Finished;
                    let counts = self.counts;
                    self.begin(Kind::End, (0, 0), &counts, None)?;
                    self.hash = Hash::OfFile;
                }
            },
            Position::Finished => return Ok(false),
        }
        Ok(true)
    }

    fn begin_record(&mut self, record: DurableRecord) -> Result<(), StoreError> {
        let body = Some(self.view.open_blob(&record.blob)?);
        let DurableRecord { kind, label, prover, stored_at_ms, .. } = record;
        let (entry, blocks) = (Kind::of_records(kind), (label.first, label.last));
        match kind {
            DurableKind::Genesis | DurableKind::Block => self.begin(entry, blocks, &NoMeta {}, body),
            DurableKind::AggregatedOperation => {
                self.begin(entry, blocks, &OperationMeta { stored_at_ms }, body)
            }
            DurableKind::SingleProof | DurableKind::AggregatedProof => {
                self.begin(entry, blocks, &ProofMeta { prover, stored_at_ms }, body)
            }
        }
    }

    fn begin(
        &mut self,
        kind: Kind,
        (first, last): (u32, u32),
        meta: &impl Serialize,
        body: Option<BlobReader>,
    ) -> Result<(), StoreError> {
        let meta = serde_json::to_vec(meta).map_err(|error| StoreError::Kv(error.to_string()))?;
        let (raw_len, frame_len) = body.as_ref().map_or((0, 0), |body| (body.raw_len(), body.frame_len()));
        let head = Head {
            kind: kind as u8,
            flags: 0,
            first,
            last,
            meta_len: u32::try_from(meta.len()).unwrap_or(u32::MAX),
            raw_len,
            frame_len,
        };
        let bytes = [head.to_bytes(), meta].concat();
        self.entry = blake3::Hasher::new();
        self.entry.update(&bytes);
        self.pending = Cursor::new(bytes);
        self.frame = body.map(|body| Box::new(body.into_frame()) as Box<dyn Read + Send>);
        self.hash = Hash::OfEntry;
        self.counts.add(Some(kind));
        Ok(())
    }

    /// Reads the next bytes; none at the end.
    fn next_bytes(&mut self, part: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.pending.read(part)?;
            if read > 0 {
                self.file.update(&part[..read]);
                return Ok(read);
            }
            if let Some(frame) = &mut self.frame {
                let read = frame.read(part)?;
                if read > 0 {
                    self.entry.update(&part[..read]);
                    self.file.update(&part[..read]);
                    return Ok(read);
                }
                self.frame = None;
            }
            let hash = match std::mem::replace(&mut self.hash, Hash::None) {
                Hash::OfEntry => self.entry.finalize(),
                Hash::OfFile => self.file.finalize(),
                Hash::None if self.advance().map_err(io::Error::other)? => continue,
                Hash::None => return Ok(0),
            };
            self.pending = Cursor::new(hash.as_bytes().to_vec());
        }
    }
}

impl Read for BackupSource {
    fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
        if part.is_empty() {
            return Ok(0);
        }
        if self.failed {
            return Err(io::Error::other("the backup failed before"));
        }
        let read = self.next_bytes(part);
        self.failed = read.is_err();
        read
    }
}
