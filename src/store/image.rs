//! A stopped data folder as it is, in one file: for fixtures of tests, which are to be there at once.
//!
//! A tar archive in one zstd frame: every file of `index`, `blobs` and `journal`, then `manifest.json` with the length and the BLAKE3 hash of
//! each. What else lies in a data folder is left out: the generated secret, a configuration file, what a repair put aside.
//! Unlike a backup it is bound to this format of the index, holds witnesses and jobs as well, and nothing in it is understood: damage of
//! the folder is copied with it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::fsync;
use crate::store::error::StoreError;
use crate::store::durable::folder_lock::FolderLock;
use crate::store::kv::sled_db::wait_until_closed;
use crate::store::recovery::replace::{PARTS, is_data_folder, is_unfinished};

/// Version of the layout of the file.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
/// Longest manifest that is read; a file takes some 150 bytes of it.
const MAX_MANIFEST_BYTES: u64 = 256 << 20;
/// Fast; most of the bodies are packed already.
const LEVEL: i32 = 1;

/// A data folder cannot be saved or loaded. Each message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The folder cannot be locked or made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to save.
    #[error("{} is no data folder; check --data-dir", .0.display())]
    NoFolder(PathBuf),
    /// A repair or a restore of the folder did not come to its end.
    #[error("{} is in the middle of a repair; run `doctor` or `serve` once, which finishes it", .0.display())]
    Unfinished(PathBuf),
    /// The folder to load into holds something.
    #[error("{} exists and is not empty; name a new folder", .0.display())]
    Occupied(PathBuf),
    /// A file of the folder cannot be read or written.
    #[error("{}: {cause}; check permissions and free space", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// The snapshot cannot be written.
    #[error("the snapshot cannot be written: {0}; check the free space")]
    Write(io::Error),
    /// The snapshot is not whole, or no snapshot.
    #[error("the snapshot is damaged ({0}); save it once more")]
    Damaged(String),
    /// A snapshot of another version.
    #[error(
        "the snapshot is of format {found}, this program reads {FORMAT}; save it once more with this version"
    )]
    Format {
        /// What it says of itself.
        found: u32,
    },
}

/// What a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageSize {
    /// Number of files.
    pub files: usize,
    /// Their bytes, unpacked.
    pub bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    snapshot: u32,
    version: String,
    files: BTreeMap<String, Kept>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    bytes: u64,
    blake3: String,
}

impl Manifest {
    fn of(files: BTreeMap<String, Kept>) -> Self {
        Self { snapshot: FORMAT, version: env!("CARGO_PKG_VERSION").to_owned(), files }
    }

    fn size(&self) -> ImageSize {
        ImageSize { files: self.files.len(), bytes: self.files.values().map(|kept| kept.bytes).sum() }
    }
}

/// Writes a stopped data folder to `out`. The lock of the folder is held meanwhile; nothing in it changes.
///
/// # Errors
/// See [`ImageError`].
pub fn save(dir: &Path, out: impl Write) -> Result<ImageSize, ImageError> {
    if !is_data_folder(dir) {
        return Err(ImageError::NoFolder(dir.into()));
    }
    let _lock = FolderLock::take(dir)?;
    if is_unfinished(dir) {
        return Err(ImageError::Unfinished(dir.into()));
    }
    wait_until_closed(dir)?;
    let mut encoder = zstd::Encoder::new(out, LEVEL).map_err(ImageError::Write)?;
    encoder.include_checksum(true).map_err(ImageError::Write)?;
    let mut archive = tar::Builder::new(encoder);
    let mut files = BTreeMap::new();
    for part in PARTS {
        for path in files_below(&dir.join(part))? {
            let (name, kept) = append(&mut archive, dir, &path)?;
            files.insert(name, kept);
        }
    }
    let manifest = Manifest::of(files);
    let json = serde_json::to_vec(&manifest).map_err(|error| ImageError::Write(error.into()))?;
    let mut header = header(json.len() as u64);
    archive.append_data(&mut header, MANIFEST, &json[..]).map_err(ImageError::Write)?;
    let encoder = archive.into_inner().map_err(ImageError::Write)?;
    encoder.finish().and_then(|mut out| out.flush()).map_err(ImageError::Write)?;
    Ok(manifest.size())
}

/// All files below a folder, which may be absent.
fn files_below(dir: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder == dir => continue,
            entries => entries.map_err(at(&folder))?,
        };
        for entry in entries {
            let entry = entry.map_err(at(&folder))?;
            match entry.file_type().map_err(at(&entry.path()))?.is_dir() {
                true => folders.push(entry.path()),
                false => files.push(entry.path()),
            }
        }
    }
    files.sort();
    Ok(files)
}

fn append<W: Write>(
    archive: &mut tar::Builder<W>,
    dir: &Path,
    path: &Path,
) -> Result<(String, Kept), ImageError> {
    let name = path.strip_prefix(dir).unwrap_or(path);
    let file = File::open(path).map_err(at(path))?;
    let bytes = file.metadata().map_err(at(path))?.len();
    let mut hashed = Hashed::new(BufReader::with_capacity(1 << 16, file).take(bytes));
    let mut header = header(bytes);
    archive.append_data(&mut header, name, &mut hashed).map_err(at(path))?;
    if hashed.bytes != bytes {
        return Err(at(path)(io::Error::other("the file became shorter while it was read")));
    }
    Ok((name.to_string_lossy().into_owned(), hashed.kept()))
}

fn header(bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o644);
    header
}

/// Makes a data folder of a snapshot: all of it or nothing. The folder must be absent or empty.
///
/// # Errors
/// See [`ImageError`]. What is in the folder is verified against the hashes before it gets its name.
pub fn load(from: impl Read, dir: &Path) -> Result<ImageSize, ImageError> {
    let occupied = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    };
    if occupied {
        return Err(ImageError::Occupied(dir.into()));
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fsync::create_folders(parent).map_err(at(parent))?;
    let fresh = tempfile::Builder::new().prefix(".loading-").tempdir_in(parent).map_err(at(parent))?;
    let size = unpack(from, fresh.path())?;
    make_durable(fresh.path())?;
    // Replaces an empty folder, and nothing else.
    fsync::rename(fresh.path(), dir).map_err(at(dir))?;
    let _ = fresh.keep();
    fsync::sync_folder(parent).map_err(at(parent))?;
    Ok(size)
}

fn unpack(from: impl Read, dir: &Path) -> Result<ImageSize, ImageError> {
    for part in PARTS {
        fs::create_dir(dir.join(part)).map_err(at(dir))?;
    }
    let mut archive = tar::Archive::new(zstd::Decoder::new(from).map_err(damaged)?);
    let (mut files, mut manifest) = (BTreeMap::new(), None);
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let name = entry.path().map_err(damaged)?.into_owned();
        if manifest.is_some() {
            return Err(ImageError::Damaged("something follows its end".to_owned()));
        }
        if name == Path::new(MANIFEST) {
            let mut json = Vec::new();
            entry.take(MAX_MANIFEST_BYTES).read_to_end(&mut json).map_err(damaged)?;
            manifest = Some(read_manifest(&json)?);
            continue;
        }
        if !is_own(&name) || !entry.header().entry_type().is_file() {
            return Err(ImageError::Damaged(format!("{} has no place in it", name.display())));
        }
        let kept = write(entry, &dir.join(&name))?;
        files.insert(name.to_string_lossy().into_owned(), kept);
    }
    // To the end of the frame, which has a checksum of its own.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(damaged)?;
    let manifest = manifest.ok_or_else(|| ImageError::Damaged("it was cut short".to_owned()))?;
    let differs = |name: &&String| files.get(*name) != manifest.files.get(*name);
    if let Some(name) = files.keys().chain(manifest.files.keys()).find(differs) {
        return Err(ImageError::Damaged(format!("{name} is not what was saved")));
    }
    Ok(manifest.size())
}

fn read_manifest(json: &[u8]) -> Result<Manifest, ImageError> {
    #[derive(Deserialize)]
    struct Version {
        snapshot: u32,
    }
    let bad = |error: serde_json::Error| ImageError::Damaged(format!("its manifest: {error}"));
    let Version { snapshot: found } = serde_json::from_slice(json).map_err(bad)?;
    if found != FORMAT {
        return Err(ImageError::Format { found });
    }
    serde_json::from_slice(json).map_err(bad)
}

/// Whether a name is one below the parts of a data folder.
fn is_own(name: &Path) -> bool {
    let mut components = name.components();
    let first = components.next();
    let in_part = PARTS.iter().any(|part| first == Some(Component::Normal(part.as_ref())));
    in_part
        && components.clone().next().is_some()
        && components.all(|part| matches!(part, Component::Normal(_)))
}

fn write(entry: impl Read, path: &Path) -> Result<Kept, ImageError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(at(parent))?;
    }
    let mut file = File::create_new(path).map_err(at(path))?;
    let mut hashed = Hashed::new(entry);
    let mut buffer = vec![0; 1 << 16];
    loop {
        // What fails here is the snapshot, what fails below is the folder.
        let read = hashed.read(&mut buffer).map_err(damaged)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        file.write_all(part).map_err(at(path))?;
    }
    Ok(hashed.kept())
}

/// Makes everything in a folder durable, and the names of it.
fn make_durable(dir: &Path) -> Result<(), ImageError> {
    for entry in fs::read_dir(dir).map_err(at(dir))? {
        let path = entry.map_err(at(dir))?.path();
        match path.is_dir() {
            true => make_durable(&path)?,
            false => fsync::sync_path(&path).map_err(at(&path))?,
        }
    }
    fsync::sync_folder(dir).map_err(at(dir))
}

/// Hashes what is read through it.
struct Hashed<R> {
    inner: R,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl<R> Hashed<R> {
    fn new(inner: R) -> Self {
        Self { inner, hasher: blake3::Hasher::new(), bytes: 0 }
    }

    fn kept(&self) -> Kept {
        Kept { bytes: self.bytes, blake3: self.hasher.finalize().to_hex().to_string() }
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        self.bytes += read as u64;
        Ok(read)
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> ImageError {
    move |cause| ImageError::Io { path: path.to_owned(), cause }
}

fn damaged(error: io::Error) -> ImageError {
    ImageError::Damaged(error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("data");
        for (name, text) in [
            ("index/conf", "conf"),
            ("index/blobs/1", "one"),
            ("blobs/0/2", "two"),
            ("journal/3.log", ""),
            ("secret", "do not tell"),
            ("witness-server.toml", "secret = 'do not tell'"),
            ("damaged/old", "old"),
        ] {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn saved(root: &tempfile::TempDir) -> Vec<u8> {
        let mut image = Vec::new();
        save(&root.path().join("data"), &mut image).unwrap();
        image
    }

    #[test]
    fn what_is_loaded_is_what_was_saved_without_secrets() {
        let root = folder();
        let to = root.path().join("a/new");
        let size = load(&saved(&root)[..], &to).unwrap();
        assert_eq!(size, ImageSize { files: 4, bytes: 10 });
        for name in ["index/conf", "index/blobs/1", "blobs/0/2", "journal/3.log"] {
            assert_eq!(
                fs::read(to.join(name)).unwrap(),
                fs::read(root.path().join("data").join(name)).unwrap()
            );
        }
        for name in ["secret", "witness-server.toml", "damaged"] {
            assert!(!to.join(name).exists(), "{name}");
        }
        assert!(matches!(load(&saved(&root)[..], &to), Err(ImageError::Occupied(_))));
    }

    #[test]
    fn damage_anywhere_loads_nothing() {
        let root = folder();
        let image = saved(&root);
        let to = root.path().join("new");
        for at in (0..image.len()).step_by(3) {
            let mut other = image.clone();
            other[at] ^= 1 << (at % 8);
            // A header of zstd has bits without a meaning: then the content is the same.
            if load(&other[..], &to).is_ok() {
                assert_eq!(fs::read(to.join("blobs/0/2")).unwrap(), b"two", "{at}");
                fs::remove_dir_all(&to).unwrap();
            }
            assert!(!to.exists(), "{at}");
        }
        for length in (0..image.len()).step_by(7) {
            assert!(load(&image[..length], &to).is_err(), "{length}");
            assert!(!to.exists());
        }
        let left = fs::read_dir(root.path()).unwrap().count();
        assert_eq!(left, 1, "nothing but the folder itself");
    }

    #[test]
    fn names_that_lead_out_of_the_folder_are_refused() {
        for name in ["../x", "index/../../x", "/etc/x", "secret", "index", "other/x"] {
            assert!(!is_own(Path::new(name)), "{name}");
        }
        assert!(is_own(Path::new("index/blobs/1")));
    }

    #[test]
    fn a_folder_in_use_and_none_are_refused() {
        let root = folder();
        let dir = root.path().join("data");
        let lock = FolderLock::take(&dir).unwrap();
        let error = save(&dir, Vec::new()).unwrap_err();
        assert!(matches!(error, ImageError::Store(StoreError::Locked { .. })), "{error}");
        drop(lock);
        let nothing = root.path().join("nothing");
        assert!(matches!(save(&nothing, Vec::new()), Err(ImageError::NoFolder(_))));
        assert!(!nothing.exists());
    }
}
