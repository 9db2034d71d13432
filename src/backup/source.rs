//! A backup as a stream of bytes, made as it is read.

use std::collections::VecDeque;
use std::io::{self, Cursor, Read};

use serde::Serialize;

use super::entry::{About, Counts, FORMAT, Head, Kind, NoMeta, OperationMeta, ProofMeta, file_head};
use crate::domain::AggregatedAction;
use crate::domain::job::JobType;
use crate::store::{AggregatedOperationRecord, BlobReader, ProofRecord, ReadView, StoreError};

/// Records that are looked up at a time; each may hold a small body.
const PAGE: usize = 64;

/// The bytes of a backup of a snapshot. Bodies are passed on as they are stored, so that it costs hardly more than reading them.
///
/// An error of the store comes as the inner error of the `io::Error`, and again at every further read.
pub struct BackupSource {
    snapshot: ReadView,
    next: Next,
    /// Bytes that come first.
    pending: Cursor<Vec<u8>>,
    /// The frame that comes then.
    frame: Option<Box<dyn Read + Send>>,
    /// What comes after that.
    hash: Hash,
    /// Of the entry under way.
    entry: blake3::Hasher,
    file: blake3::Hasher,
    counts: Counts,
    failed: bool,
}

/// The hash that ends an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hash {
    None,
    OfEntry,
    OfFile,
}

/// The entry that comes next.
enum Next {
    About,
    Genesis,
    Block(u32),
    /// Of the action with that index, those after a block.
    Operations(usize, u32, VecDeque<AggregatedOperationRecord>),
    Proofs(JobType, Option<(u32, u32)>, VecDeque<ProofRecord>),
    End,
    Nothing,
}

impl BackupSource {
    /// A backup of the snapshot; nothing is read yet.
    pub fn new(snapshot: ReadView) -> Self {
        Self {
            snapshot,
            next: Next::About,
            pending: Cursor::new(file_head(FORMAT)),
            frame: None,
            hash: Hash::None,
            entry: blake3::Hasher::new(),
            file: blake3::Hasher::new(),
            counts: Counts::default(),
            failed: false,
        }
    }

    /// Begins the next entry; `false` behind the last one.
    fn advance(&mut self) -> Result<bool, StoreError> {
        let head = self.snapshot.head();
        loop {
            match &mut self.next {
                Next::About => {
                    self.next = Next::Genesis;
                    let program = concat!("zksync-witness-server ", env!("CARGO_PKG_VERSION")).to_owned();
                    let about = About { program, at_ms: self.snapshot.at_ms(), head };
                    self.begin(Kind::About, (0, head), &about, None)?;
                }
                Next::Genesis => {
                    self.next = Next::Block(1);
                    let body = self.snapshot.genesis()?;
                    self.begin(Kind::Genesis, (0, 0), &NoMeta {}, Some(body))?;
                }
                Next::Block(number) if *number > head => {
                    self.next = Next::Operations(0, 0, VecDeque::new());
                    continue;
                }
                Next::Block(number) => {
                    let block = *number;
                    *number = number.saturating_add(1);
                    let body = self.snapshot.block(block)?;
                    self.begin(Kind::Block, (block, block), &NoMeta {}, Some(body))?;
                }
                Next::Operations(action, after, page) => {
                    let Some(operation) = page.pop_front() else {
                        match AggregatedAction::ALL.get(*action) {
                            None => self.next = Next::Proofs(JobType::Single, None, VecDeque::new()),
                            Some(name) => {
                                *page = self.snapshot.aggregated_operations(*name, *after, PAGE)?.into();
                                match page.back() {
                                    Some(last) => *after = last.last,
                                    None => (*action, *after) = (*action + 1, 0),
                                }
                            }
                        }
                        continue;
                    };
                    let AggregatedOperationRecord { first, last, stored_at_ms, body, .. } = operation;
                    let body = self.snapshot.open_blob(&body)?;
                    let meta = OperationMeta { stored_at_ms };
                    self.begin(Kind::AggregatedOperation, (first, last), &meta, Some(body))?;
                }
                Next::Proofs(job_type, after, page) => {
                    let job_type = *job_type;
                    let Some(proof) = page.pop_front() else {
                        *page = self.snapshot.proofs(job_type, *after, PAGE)?.into();
                        match (page.back(), job_type) {
                            (Some(last), _) => *after = Some((last.first, last.last)),
                            (None, JobType::Single) => {
                                self.next = Next::Proofs(JobType::Aggregated, None, VecDeque::new());
                            }
                            (None, JobType::Aggregated) => self.next = Next::End,
                        }
                        continue;
                    };
                    let kind = match job_type {
                        JobType::Single => Kind::Proof,
                        JobType::Aggregated => Kind::AggregatedProof,
                    };
                    let ProofRecord { first, last, prover, stored_at_ms, body } = proof;
                    let body = self.snapshot.open_blob(&body)?;
                    self.begin(kind, (first, last), &ProofMeta { prover, stored_at_ms }, Some(body))?;
                }
                Next::End => {
                    self.snapshot.check()?;
                    self.next = Next::Nothing;
                    let counts = self.counts;
                    self.begin(Kind::End, (0, 0), &counts, None)?;
                    self.hash = Hash::OfFile;
                }
                Next::Nothing => return Ok(false),
            }
            return Ok(true);
        }
    }

    fn begin(
        &mut self,
        kind: Kind,
        (first, last): (u32, u32),
        meta: &impl Serialize,
        body: Option<BlobReader>,
    ) -> Result<(), StoreError> {
        let meta = serde_json::to_vec(meta).map_err(|error| StoreError::Index(error.to_string()))?;
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

    /// The next bytes; none at the end.
    fn give(&mut self, part: &mut [u8]) -> io::Result<usize> {
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
        let given = self.give(part);
        self.failed = given.is_err();
        given
    }
}
