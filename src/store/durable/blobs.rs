//! Blobs: the large values. Small ones live inside the record that owns them, the others in files.
//!
//! A body is one zstd frame. A file is a 72-byte header that says what the body belongs to, then the frame; its name is
//! `id-hash`, with the hash of the frame, and a fresh id, so that every file has exactly one owner. A file that the
//! table `bodies` does not list does not exist: it is left over from a crash and swept at the next start.
//!
//! Header, integers little-endian: magic (8) ‖ version (1) ‖ kind (1) ‖ form (1) ‖ zero (1) ‖ first block (4) ‖ last block (4) ‖
//! raw length (8) ‖ frame length (8) ‖ blake3 of the frame (32) ‖ crc32 of all before (4). The form is 0; the journal, whose
//! entries begin with the same header, has others.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

pub use crate::store::durable::blob_label::{BlobKind, BlobLabel};

use crate::store::durable::blob_header::{HEADER, Header, read_header};
use crate::store::durable::blob_reader::BlobReader;
use crate::store::durable::blob_writer::Compressed;
use crate::store::durable::folder;
use crate::store::error::StoreError;

/// Frames up to this length stay in the record: records are to stay below 4 kB, and some hold two bodies.
const INLINE: usize = 1500;
/// The same for a proof, which is alone in its record. Proofs are about half as long (an aggregated one of 50 blocks: 1.7 kB): published in
/// the index alone, many of them share one flush and no file is synced.
const INLINE_PROOF: usize = 3500;
/// Bytes of a file that are hashed at a time.
const HASHED_BYTES: usize = 64 << 10;

/// Where a body is. Part of stored records: frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlobRef {
    /// In the record itself.
    Inline {
        /// The zstd frame.
        frame: Vec<u8>,
        /// Length of the body in bytes.
        raw_len: u64,
    },
    /// In a file of its own.
    File {
        /// The number in the file's name.
        id: u64,
        /// blake3 of the zstd frame.
        hash: [u8; 32],
        /// Length of the zstd frame in bytes.
        len: u64,
        /// Length of the body in bytes.
        raw_len: u64,
    },
}

impl BlobRef {
    /// Length of the body in bytes, uncompressed.
    pub fn raw_len(&self) -> u64 {
        match self {
            BlobRef::Inline { raw_len, .. } | BlobRef::File { raw_len, .. } => *raw_len,
        }
    }

    /// blake3 of the zstd frame.
    pub(crate) fn frame_hash(&self) -> [u8; 32] {
        match self {
            BlobRef::Inline { frame, .. } => *blake3::hash(frame).as_bytes(),
            BlobRef::File { hash, .. } => *hash,
        }
    }

    /// Length of the body in bytes, as it is stored.
    pub fn stored_len(&self) -> u64 {
        match self {
            BlobRef::Inline { frame, .. } => frame.len() as u64,
            BlobRef::File { len, .. } => *len,
        }
    }
}

/// A body that is on disk but not yet referred to. Dropped unused, it removes its file.
#[derive(Debug)]
pub struct PreparedBlob {
    body: BlobRef,
    file: Option<PathBuf>,
}

impl PreparedBlob {
    /// Where the body is.
    pub fn body(&self) -> &BlobRef {
        &self.body
    }

    /// From now on a record refers to the body.
    pub(crate) fn keep(mut self) -> BlobRef {
        self.file = None;
        self.body.clone()
    }
}

impl Drop for PreparedBlob {
    fn drop(&mut self) {
        if let Some(path) = &self.file {
            // A file that stays is swept at the next start.
            let _ = fs::remove_file(path);
        }
    }
}

/// The folder of body files.
#[derive(Debug)]
pub(crate) struct Blobs {
    dir: PathBuf,
    folder: File,
    next_id: AtomicU64,
    /// Nothing is removed.
    read_only: bool,
}

impl Blobs {
    /// Opens or creates the folder and removes every file whose id is not `known`; returns how many those were.
    pub fn open(
        dir: &Path,
        known: impl Fn(u64) -> Result<bool, StoreError>,
    ) -> Result<(Self, usize), StoreError> {
        let failed = || StoreError::io(format!("opening the folder {}", dir.display()));
        folder::make(dir).map_err(failed())?;
        let folder = File::open(dir).map_err(failed())?;
        let (mut swept, mut largest) = (0, 0);
        for entry in fs::read_dir(dir).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let id = file_id(&entry.file_name().to_string_lossy());
            largest = largest.max(id.unwrap_or(0));
            // A name that is not ours is left alone, except for our own temporary ones.
            let orphan = match id {
                Some(id) => !known(id)?,
                None => entry.file_name().to_string_lossy().ends_with(".tmp"),
            };
            if orphan {
                fs::remove_file(entry.path()).map_err(failed())?;
                swept += 1;
            }
        }
        Ok((Self { dir: dir.into(), folder, next_id: AtomicU64::new(largest + 1), read_only: false }, swept))
    }

    /// The folder as it is, to be read only.
    pub fn look(dir: &Path) -> Result<Self, StoreError> {
        let folder =
            File::open(dir).map_err(StoreError::io(format!("opening the folder {}", dir.display())))?;
        Ok(Self { dir: dir.into(), folder, next_id: AtomicU64::new(u64::MAX), read_only: true })
    }

    /// Name and path of every entry of the folder, by name.
    pub fn names(&self) -> io::Result<Vec<(String, PathBuf)>> {
        let entries = fs::read_dir(&self.dir)?.map(|entry| {
            let entry = entry?;
            Ok((entry.file_name().to_string_lossy().into_owned(), entry.path()))
        });
        let mut names = entries.collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    /// Removes the file of a body, if it has one.
    pub fn unlink(&self, body: &BlobRef) {
        let Some(path) = self.path(body).filter(|_| !self.read_only) else { return };
        if let Err(error) = fs::remove_file(&path) {
            // It has no owner any more: the next start sweeps it.
            tracing::warn!(%error, file = %path.display(), "cannot remove a body file");
        }
    }

    /// Makes a compressed body durable, as yet without an owner.
    pub fn keep(&self, label: BlobLabel, body: Compressed) -> Result<PreparedBlob, StoreError> {
        let Compressed { frame, raw_len } = body;
        if frame.len() <= inline_limit(label.kind) {
            return Ok(PreparedBlob { body: BlobRef::Inline { frame, raw_len }, file: None });
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let hash = *blake3::hash(&frame).as_bytes();
        let body = BlobRef::File { id, hash, len: frame.len() as u64, raw_len };
        let path = self.dir.join(file_name(id, &hash));
        let temporary = self.dir.join(format!("{id:016x}.tmp"));
        // Whatever fails from here on, the file is removed by the drop of the prepared body.
        let mut prepared = PreparedBlob { body, file: Some(temporary.clone()) };
        let write = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            let header = Header { label, form: 0, raw_len, len: frame.len() as u64, hash };
            file.write_all(&header.bytes())?;
            file.write_all(&frame)?;
            file.sync_data()?;
            fs::rename(&temporary, &path)
        };
        write().map_err(StoreError::io("writing a body file"))?;
        prepared.file = Some(path);
        self.folder.sync_all().map_err(StoreError::io("syncing the folder of bodies"))?;
        Ok(prepared)
    }

    /// Opens a body and checks it against its reference, a part at a time.
    pub fn open_blob(&self, body: &BlobRef) -> Result<BlobReader, StoreError> {
        let (id, hash, len, raw_len) = match body {
            BlobRef::Inline { frame, raw_len } => return Ok(BlobReader::inline(frame.clone(), *raw_len)),
            BlobRef::File { id, hash, len, raw_len } => (*id, hash, *len, *raw_len),
        };
        let name = file_name(id, hash);
        let failed = || StoreError::io(format!("reading the body file {name}"));
        let bad = |why: &str| StoreError::corrupt(format!("the body file {name} {why}"));
        let mut file = match File::open(self.dir.join(&name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(bad("is missing")),
            Err(error) => return Err(failed()(error)),
        };
        let header = read_header(&mut file).map_err(failed())?.ok_or_else(|| bad("has a bad header"))?;
        let file_len = file.metadata().map_err(failed())?.len();
        if file_len != HEADER as u64 + len || header.raw_len != raw_len {
            return Err(bad("has another length than recorded"));
        }
        if hash_of(&mut file, len).map_err(failed())? != *hash {
            return Err(bad("fails its checksum"));
        }
        file.seek(SeekFrom::Start(HEADER as u64)).map_err(failed())?;
        Ok(BlobReader::file(file, *hash, len, raw_len))
    }

    /// A whole body whose header may be damaged, as long as its frame is not.
    pub fn salvage(&self, body: &BlobRef) -> Result<Vec<u8>, StoreError> {
        let BlobRef::File { hash, len, raw_len, .. } = body else { return self.open_blob(body)?.bytes() };
        let lost = |why: &str| StoreError::corrupt(format!("its file {why}"));
        let path = self.path(body).unwrap_or_default();
        let mut file = File::open(path).map_err(|_| lost("cannot be opened"))?;
        let mut frame = Vec::new();
        let mut read = || -> io::Result<()> {
            file.seek(SeekFrom::Start(HEADER as u64))?;
            (&mut file).take(*len).read_to_end(&mut frame).map(drop)
        };
        read().map_err(|_| lost("cannot be read"))?;
        if *blake3::hash(&frame).as_bytes() != *hash {
            return Err(lost("fails its checksum"));
        }
        BlobReader::inline(frame, *raw_len).bytes()
    }

    /// What the header of a body's file says it is; `None` for a body without a file, or with a bad header.
    pub fn label(&self, body: &BlobRef) -> Option<BlobLabel> {
        let mut file = File::open(self.path(body)?).ok()?;
        Some(read_header(&mut file).ok()??.label)
    }

    /// The file of a body, if it has one.
    pub fn path(&self, body: &BlobRef) -> Option<PathBuf> {
        match body {
            BlobRef::Inline { .. } => None,
            BlobRef::File { id, hash, .. } => Some(self.dir.join(file_name(*id, hash))),
        }
    }

    /// Makes removals in the folder durable.
    pub fn sync_folder(&self) -> io::Result<()> {
        self.folder.sync_all()
    }
}

fn inline_limit(kind: BlobKind) -> usize {
    match kind {
        BlobKind::SingleProof | BlobKind::AggregatedProof => INLINE_PROOF,
        _ => INLINE,
    }
}

fn hash_of(file: &mut File, len: u64) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    let mut part = vec![0; HASHED_BYTES];
    let mut file = file.take(len);
    loop {
        match file.read(&mut part)? {
            0 => return Ok(*hasher.finalize().as_bytes()),
            read => hasher.update(&part[..read]),
        };
    }
}

fn file_name(id: u64, hash: &[u8; 32]) -> String {
    format!("{id:016x}-{}", hex::encode(hash))
}

pub(crate) fn file_id(name: &str) -> Option<u64> {
    let (id, hash) = name.split_once('-')?;
    (id.len() == 16 && hash.len() == 64).then(|| u64::from_str_radix(id, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::durable::blob_writer::BlobWriter;

    impl Blobs {
        fn prepare(&self, label: BlobLabel, bytes: &[u8]) -> Result<PreparedBlob, StoreError> {
            self.keep(label, BlobWriter::compress(label.kind, bytes)?)
        }
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().update(&len.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn small_bodies_stay_inline_and_large_ones_become_files() {
        let dir = tempfile::tempdir().unwrap();
        let (blobs, _) = Blobs::open(dir.path(), |_| Ok(true)).unwrap();
        let label = BlobLabel::block(BlobKind::Block, 1);
        for bytes in [vec![], vec![b'x'; 100_000], noise(100), noise(100_000)] {
            let body = blobs.prepare(label, &bytes).unwrap().keep();
            assert_eq!(matches!(body, BlobRef::File { .. }), bytes == noise(100_000));
            assert_eq!(body.raw_len(), bytes.len() as u64);
            assert_eq!(blobs.open_blob(&body).unwrap().bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn a_body_without_an_owner_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (blobs, _) = Blobs::open(dir.path(), |_| Ok(true)).unwrap();
        let label = BlobLabel::range(BlobKind::JobData, 1, 2);
        drop(blobs.prepare(label, &noise(9_000)).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let kept = blobs.prepare(label, &noise(9_000)).unwrap().keep();
        blobs.prepare(label, &noise(9_000)).unwrap().keep();
        fs::write(dir.path().join("0000000000000009.tmp"), "x").unwrap();
        let BlobRef::File { id: kept_id, .. } = kept else { panic!() };
        let (blobs, swept) = Blobs::open(dir.path(), |id| Ok(id == kept_id)).unwrap();
        assert_eq!(swept, 2);
        assert_eq!(blobs.open_blob(&kept).unwrap().bytes().unwrap(), noise(9_000));
    }

    #[test]
    fn every_damaged_byte_of_a_file_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let (blobs, _) = Blobs::open(dir.path(), |_| Ok(true)).unwrap();
        let body = blobs.prepare(BlobLabel::block(BlobKind::Witness, 3), &noise(2_000)).unwrap().keep();
        let path = blobs.path(&body).unwrap();
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            fs::write(&path, &bad).unwrap();
            assert!(matches!(blobs.open_blob(&body), Err(StoreError::Corrupt { .. })), "byte {at}");
        }
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert!(blobs.open_blob(&body).is_err());
        fs::remove_file(&path).unwrap();
        assert!(matches!(blobs.open_blob(&body), Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn the_header_and_the_reference_are_frozen() {
        let label = BlobLabel::range(BlobKind::JobData, 1, 2);
        let header = Header { label, form: 0, raw_len: 5, len: 3, hash: [7; 32] };
        let bytes = header.bytes();
        assert_eq!(crate::store::durable::blob_header::parse_header(&bytes), Some(header));
        assert_eq!(bytes.len(), HEADER);
        assert_eq!(
            hex::encode(&bytes[..36]),
            "7a6b7773626f6479010700000100000002000000050000000000000003000000".to_string() + "00000000"
        );
        let body = BlobRef::File { id: 1, hash: [2; 32], len: 300, raw_len: 4 };
        assert_eq!(
            hex::encode(crate::store::kv::codec::seal(&body).unwrap()),
            format!("010101{}fb2c0104{}", "02".repeat(32), "b740bbaf")
        );
    }
}
