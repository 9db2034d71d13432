//! Blobs: large values. A small blob is stored inside the record that owns it, any other in a file.
//!
//! A blob is one zstd frame. A blob file is a 72-byte header (see `blob_header`) and the frame. Its
//! name is `id-hash`, with the hash of the frame, and a unique id, so that each file has exactly
//! one owner. A file that is not listed in the table `bodies` was left by a crash, and the next
//! start removes it.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::fsync;
use crate::input;
use crate::store::durable::blob_header::{HEADER, Header, RecordType, read_header};
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blob_reader::BlobReader;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::blob_writer::Compressed;
use crate::store::error::StoreError;

/// Longest frame, in bytes, that is stored inside its record. Records should stay below 4 kB, and
/// some own two blobs.
const INLINE: usize = 1500;
/// Longest frame of a proof, in bytes, that is stored inside its record, where it is the only blob.
/// Most proofs are half as long (an aggregated proof of 50 blocks: 1.7 kB). Inline proofs need no
/// file to be synced, and many of them share one flush.
const INLINE_PROOF: usize = 3500;
/// Size of the reads when a file is hashed, in bytes.
const HASHED_BYTES: usize = 64 << 10;

/// A durable blob that no record refers to yet. When it is dropped, it removes its file.
#[derive(Debug)]
pub struct PreparedBlob {
    blob: BlobRef,
    file: Option<PathBuf>,
}

impl PreparedBlob {
    /// Returns the reference for a record.
    pub fn blob_ref(&self) -> &BlobRef {
        &self.blob
    }

    /// Keeps the file: a record refers to the blob.
    pub(crate) fn keep(mut self) -> BlobRef {
        self.file = None;
        self.blob.clone()
    }
}

impl Drop for PreparedBlob {
    fn drop(&mut self) {
        if let Some(path) = &self.file {
            // If this fails, the next start removes the file.
            let _ = fs::remove_file(path);
        }
    }
}

/// The folder of blob files.
#[derive(Debug)]
pub(crate) struct Blobs {
    dir: PathBuf,
    folder: File,
    next_id: AtomicU64,
    /// Set for an inspection, which removes no files.
    read_only: bool,
}

impl Blobs {
    /// Opens or creates the folder, and removes every file whose id is not `known`. Returns the
    /// number of these.
    pub(crate) fn open(
        dir: &Path,
        known: impl Fn(u64) -> Result<bool, StoreError>,
    ) -> Result<(Self, usize), StoreError> {
        let failed = || StoreError::io("opening the folder of the blob files");
        fsync::create_folders(dir).map_err(failed())?;
        let folder = File::open(dir).map_err(failed())?;
        let (mut swept, mut largest) = (0, 0);
        for entry in fs::read_dir(dir).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let id = file_id(&entry.file_name().to_string_lossy());
            largest = largest.max(id.unwrap_or(0));
            // Files with other names are left alone, except temporary ones.
            let orphan = match id {
                Some(id) => !known(id)?,
                None => entry.file_name().to_string_lossy().ends_with(".tmp"),
            };
            if orphan {
                fs::remove_file(entry.path()).map_err(failed())?;
                swept += 1;
            }
        }
        let next = largest.checked_add(1).ok_or_else(|| {
            StoreError::corrupt(format!("a blob file of {} has the largest number", dir.display()))
        })?;
        Ok((Self { dir: dir.into(), folder, next_id: AtomicU64::new(next), read_only: false }, swept))
    }

    /// Opens the folder for reading only.
    pub(crate) fn open_read_only(dir: &Path) -> Result<Self, StoreError> {
        let folder = fs::metadata(dir).and_then(|found| {
            if found.is_dir() { File::open(dir) } else { Err(io::ErrorKind::NotADirectory.into()) }
        });
        let folder = folder.map_err(StoreError::read(format!("the folder {}", dir.display())))?;
        Ok(Self { dir: dir.into(), folder, next_id: AtomicU64::new(u64::MAX), read_only: true })
    }

    /// Returns name and path of every entry of the folder, sorted by name.
    pub(crate) fn names(&self) -> io::Result<Vec<(String, PathBuf)>> {
        let entries = fs::read_dir(&self.dir)?.map(|entry| {
            let entry = entry?;
            Ok((entry.file_name().to_string_lossy().into_owned(), entry.path()))
        });
        let mut names = entries.collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    /// Removes the file of a blob, if it has one.
    pub(crate) fn unlink(&self, blob: &BlobRef) {
        let Some(path) = self.path(blob).filter(|_| !self.read_only) else { return };
        if let Err(error) = fs::remove_file(&path) {
            // It has no owner any more, so the next start removes it.
            tracing::warn!(%error, file = %path.display(), "cannot remove a blob file");
        }
    }

    /// Stores a compressed blob, which has no owner yet; durable on return if `durable`.
    pub(crate) fn keep(
        &self,
        label: BlobLabel,
        compressed: Compressed,
        durable: bool,
    ) -> Result<PreparedBlob, StoreError> {
        let Compressed { frame, raw_len } = compressed;
        if frame.len() <= inline_limit(label.kind) {
            return Ok(PreparedBlob { blob: BlobRef::Inline { frame, raw_len }, file: None });
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let hash = *blake3::hash(&frame).as_bytes();
        let blob = BlobRef::File { id, hash, len: frame.len() as u64, raw_len };
        let path = self.dir.join(file_name(id, &hash));
        let temporary = self.dir.join(format!("{id:016x}.tmp"));
        // If anything fails from here on, the drop of the prepared blob removes the file.
        let mut prepared = PreparedBlob { blob, file: Some(temporary.clone()) };
        let write = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            let len = frame.len() as u64;
            let header = Header { label, record_type: RecordType::Inline, raw_len, len, hash };
            file.write_all(&header.bytes())?;
            file.write_all(&frame)?;
            if durable {
                fsync::sync_data(&file)?;
            }
            fsync::rename(&temporary, &path)
        };
        write().map_err(StoreError::io("writing a blob file"))?;
        prepared.file = Some(path);
        if durable {
            fsync::sync_file(&self.folder).map_err(StoreError::io("syncing the folder of blobs"))?;
        }
        Ok(prepared)
    }

    /// Makes all blob files and their names durable.
    pub(crate) fn sync_files(&self) -> Result<(), StoreError> {
        let sync = || -> io::Result<()> {
            self.names()?.par_iter().try_for_each(|(_, path)| fsync::sync_path(path))?;
            self.sync_folder()
        };
        sync().map_err(StoreError::io("syncing the blob files"))
    }

    /// Opens a blob, and checks its file against the reference without loading it into memory.
    pub(crate) fn open_blob(&self, blob: &BlobRef) -> Result<BlobReader, StoreError> {
        let (id, hash, len, raw_len) = match blob {
            BlobRef::Inline { frame, raw_len } => return Ok(BlobReader::inline(frame.clone(), *raw_len)),
            BlobRef::File { id, hash, len, raw_len } => (*id, hash, *len, *raw_len),
        };
        let name = file_name(id, hash);
        let failed = || StoreError::io(format!("reading the blob file {name}"));
        let bad = |why: &str| StoreError::corrupt(format!("the blob file {name} {why}"));
        let mut file = match input::open(&self.dir.join(&name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(bad("is missing")),
            Err(error) => return Err(StoreError::read(format!("the blob file {name}"))(error)),
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

    /// Returns a whole blob whose frame is intact, even if its header is damaged.
    pub(crate) fn salvage(&self, blob: &BlobRef) -> Result<Vec<u8>, StoreError> {
        let BlobRef::File { hash, len, raw_len, .. } = blob else { return self.open_blob(blob)?.bytes() };
        let lost = |why: &str| StoreError::corrupt(format!("its file {why}"));
        let path = self.path(blob).unwrap_or_default();
        let mut frame = Vec::new();
        let mut read = || -> io::Result<()> {
            let mut file = input::open(&path)?;
            file.seek(SeekFrom::Start(HEADER as u64))?;
            (&mut file).take(*len).read_to_end(&mut frame).map(drop)
        };
        read().map_err(StoreError::read(format!("the blob file {}", path.display())))?;
        if *blake3::hash(&frame).as_bytes() != *hash {
            return Err(lost("fails its checksum"));
        }
        BlobReader::inline(frame, *raw_len).bytes()
    }

    /// Returns the label in the file of a blob; `None` for an inline blob and for an invalid
    /// header.
    pub(crate) fn label(&self, blob: &BlobRef) -> Result<Option<BlobLabel>, StoreError> {
        let Some(path) = self.path(blob) else { return Ok(None) };
        let header = input::open(&path).and_then(|mut file| read_header(&mut file));
        let header = header.map_err(StoreError::read(format!("the blob file {}", path.display())))?;
        Ok(header.map(|header| header.label))
    }

    /// Returns true if the file of a blob is missing.
    pub(crate) fn is_missing(&self, blob: &BlobRef) -> Result<bool, StoreError> {
        let Some(path) = self.path(blob) else { return Ok(false) };
        match path.try_exists() {
            Ok(exists) => Ok(!exists),
            Err(error) => Err(StoreError::read(format!("the blob file {}", path.display()))(error)),
        }
    }

    /// Returns label and reference of a blob file, from its name and header.
    pub(crate) fn file_ref(&self, name: &str, path: &Path) -> Result<(BlobLabel, BlobRef), StoreError> {
        let bad = |why: &str| StoreError::corrupt(format!("the blob file {name} {why}"));
        let header = input::open(path).and_then(|mut file| read_header(&mut file));
        let header = header.map_err(StoreError::read(format!("the blob file {name}")))?;
        let header = header.ok_or_else(|| bad("has a bad header"))?;
        let id = file_id(name).ok_or_else(|| bad("has an unknown name"))?;
        if !name.ends_with(&hex::encode(header.hash)) {
            return Err(bad("has the name of another one"));
        }
        let Header { label, hash, len, raw_len, .. } = header;
        Ok((label, BlobRef::File { id, hash, len, raw_len }))
    }

    /// Returns the path of the file of a blob; `None` for an inline blob.
    pub(crate) fn path(&self, blob: &BlobRef) -> Option<PathBuf> {
        match blob {
            BlobRef::Inline { .. } => None,
            BlobRef::File { id, hash, .. } => Some(self.dir.join(file_name(*id, hash))),
        }
    }

    /// Calls a function with path and descriptor of the folder.
    pub(crate) fn with_folder<T>(&self, look: impl FnOnce(&Path, &File) -> T) -> T {
        look(&self.dir, &self.folder)
    }

    /// Makes removals in the folder durable.
    pub(crate) fn sync_folder(&self) -> io::Result<()> {
        fsync::sync_file(&self.folder)
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

/// Returns the id in the name of a blob file; `None` for other names.
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
            self.keep(label, BlobWriter::compress(label.kind, bytes)?, true)
        }
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().update(&len.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn small_blobs_stay_inline_and_large_ones_become_files() {
        let dir = tempfile::tempdir().unwrap();
        let (blobs, _) = Blobs::open(dir.path(), |_| Ok(true)).unwrap();
        let label = BlobLabel::block(BlobKind::Block, 1);
        for bytes in [vec![], vec![b'x'; 100_000], noise(100), noise(100_000)] {
            let blob = blobs.prepare(label, &bytes).unwrap().keep();
            assert_eq!(matches!(blob, BlobRef::File { .. }), bytes == noise(100_000));
            assert_eq!(blob.raw_len(), bytes.len() as u64);
            assert_eq!(blobs.open_blob(&blob).unwrap().bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn a_blob_without_an_owner_is_removed() {
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
        let blob = blobs.prepare(BlobLabel::block(BlobKind::Witness, 3), &noise(2_000)).unwrap().keep();
        let path = blobs.path(&blob).unwrap();
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            fs::write(&path, &bad).unwrap();
            assert!(matches!(blobs.open_blob(&blob), Err(StoreError::Corrupt { .. })), "byte {at}");
        }
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert!(blobs.open_blob(&blob).is_err());
        fs::remove_file(&path).unwrap();
        assert!(matches!(blobs.open_blob(&blob), Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn the_header_and_the_reference_are_frozen() {
        let label = BlobLabel::range(BlobKind::JobData, 1, 2);
        let header = Header { label, record_type: RecordType::Inline, raw_len: 5, len: 3, hash: [7; 32] };
        let bytes = header.bytes();
        assert_eq!(crate::store::durable::blob_header::parse_header(&bytes), Some(header));
        assert_eq!(bytes.len(), HEADER);
        assert_eq!(
            hex::encode(&bytes[..36]),
            "7a6b7773626f6479010700000100000002000000050000000000000003000000".to_string() + "00000000"
        );
        let blob = BlobRef::File { id: 1, hash: [2; 32], len: 300, raw_len: 4 };
        assert_eq!(
            hex::encode(crate::store::kv::codec::seal(&blob).unwrap()),
            format!("010101{}fb2c0104{}", "02".repeat(32), "b740bbaf")
        );
    }
}
