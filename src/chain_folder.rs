//! Reader of a chain folder: the files an import takes, in order, read one at a time.
//!
//! ```text
//! genesis.json                      the genesis accounts
//! blocks/000001.json …              {"block": …, "accounts_updated": …}, consecutive numbers
//! aggregated_operations/*.json      in the order of the numbers in their names; may be absent
//! ```
//!
//! Each file may be compressed (`.json.gz`, `.json.zst`). Hidden files are ignored; any other unexpected name is an
//! error, since it is most likely a file still being copied. Opening the folder looks at names only.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

mod file;

pub use file::ChainFile;
use file::SUFFIXES;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub use file::read_as;

/// Longest unpacked files that are read, in bytes: a bound against archives that unpack without end. The genesis of the sixteen
/// million accounts there can be is the longest; of the others a server takes less by default.
const MAX_GENESIS_BYTES: u64 = 4 << 30;
const MAX_BLOCK_BYTES: u64 = 256 << 20;
const MAX_OPERATION_BYTES: u64 = 1 << 30;

const GENESIS: &str = "genesis";
const BLOCKS: &str = "blocks";
const AGGREGATED_OPERATIONS: &str = "aggregated_operations";

/// A chain folder that cannot be used. Each message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ChainFolderError {
    /// The folder or one of its necessary parts is absent.
    #[error("{} is missing; a chain folder holds genesis.json and blocks/000001.json and so on", .0.display())]
    Missing(PathBuf),
    /// There is no block at all.
    #[error("{} holds no block; copy the blocks there, named 000001.json and so on", .0.display())]
    NoBlocks(PathBuf),
    /// A block between others is absent.
    #[error("block {missing} is missing in {}, between {before} and {after}; copy it there", folder.display())]
    Gap {
        /// The folder of the blocks.
        folder: PathBuf,
        /// The last number before the gap.
        before: u32,
        /// The first absent number.
        missing: u32,
        /// The first number after the gap.
        after: u32,
    },
    /// Two files are the same thing.
    #[error("{} and {} are the same item; remove one of them", first.display(), second.display())]
    Duplicate {
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A name that does not fit.
    #[error("{} is no file of a chain folder; finish copying it if it is half copied, else remove it", .0.display())]
    UnexpectedName(PathBuf),
    /// A file that ends too early.
    #[error("{} is half written ({cause}); copy it again", path.display())]
    HalfWritten {
        /// The file.
        path: PathBuf,
        /// Where it breaks off.
        cause: String,
    },
    /// A file that is not what its name says.
    #[error("{} is damaged ({cause}); copy it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// A file that unpacks to more than this reader takes.
    #[error("{} is longer than {limit} bytes unpacked; check that it is the right file", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The system does not let us read.
    #[error("cannot read {}: {cause}; check its permissions", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
}

/// A block file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockFile {
    /// The block number, from the file's name.
    pub number: u32,
    /// The file.
    pub file: ChainFile,
}

/// A chain folder whose file names are complete and in order.
#[derive(Debug, Clone)]
pub struct ChainFolder {
    genesis: ChainFile,
    blocks: Vec<BlockFile>,
    aggregated_operations: Vec<ChainFile>,
}

impl ChainFolder {
    /// Looks at the names in a folder.
    ///
    /// # Errors
    /// See [`ChainFolderError`]: something missing, a gap, an unexpected or double name, an unreadable folder.
    pub fn open(root: &Path) -> Result<Self, ChainFolderError> {
        if !root.is_dir() {
            return Err(ChainFolderError::Missing(root.to_owned()));
        }
        Ok(Self {
            genesis: genesis_in(root)?,
            blocks: blocks_in(&root.join(BLOCKS))?,
            aggregated_operations: operations_in(&root.join(AGGREGATED_OPERATIONS))?,
        })
    }

    /// The genesis.
    pub fn genesis(&self) -> &ChainFile {
        &self.genesis
    }

    /// The blocks, at least one, with consecutive numbers.
    pub fn blocks(&self) -> &[BlockFile] {
        &self.blocks
    }

    /// The aggregated operations, in order.
    pub fn aggregated_operations(&self) -> &[ChainFile] {
        &self.aggregated_operations
    }
}

fn unreadable(path: &Path, cause: io::Error) -> ChainFolderError {
    ChainFolderError::Unreadable { path: path.to_owned(), cause }
}

fn genesis_in(root: &Path) -> Result<ChainFile, ChainFolderError> {
    let mut found: Option<ChainFile> = None;
    for (suffix, compression) in SUFFIXES {
        let path = root.join(format!("{GENESIS}{suffix}"));
        if path.exists() {
            if let Some(first) = found {
                return Err(ChainFolderError::Duplicate { first: first.path, second: path });
            }
            found = Some(ChainFile { path, compression, limit: MAX_GENESIS_BYTES });
        }
    }
    found.ok_or_else(|| ChainFolderError::Missing(root.join("genesis.json")))
}

fn blocks_in(folder: &Path) -> Result<Vec<BlockFile>, ChainFolderError> {
    let files =
        files_in(folder, MAX_BLOCK_BYTES)?.ok_or_else(|| ChainFolderError::Missing(folder.to_owned()))?;
    let mut by_number = BTreeMap::new();
    for (stem, file) in files {
        match stem.parse::<u32>() {
            Ok(number) if number > 0 && stem.bytes().all(|byte| byte.is_ascii_digit()) => {
                insert(&mut by_number, number, file)?;
            }
            _ => return Err(ChainFolderError::UnexpectedName(file.path)),
        }
    }
    let blocks: Vec<BlockFile> =
        by_number.into_iter().map(|(number, file)| BlockFile { number, file }).collect();
    for pair in blocks.windows(2) {
        if let [before, after] = pair
            && before.number + 1 != after.number
        {
            return Err(ChainFolderError::Gap {
                folder: folder.to_owned(),
                before: before.number,
                missing: before.number + 1,
                after: after.number,
            });
        }
    }
    if blocks.is_empty() { Err(ChainFolderError::NoBlocks(folder.to_owned())) } else { Ok(blocks) }
}

fn operations_in(folder: &Path) -> Result<Vec<ChainFile>, ChainFolderError> {
    let mut in_order = BTreeMap::new();
    for (stem, file) in files_in(folder, MAX_OPERATION_BYTES)?.unwrap_or_default() {
        insert(&mut in_order, natural_order(&stem), file)?;
    }
    Ok(in_order.into_values().collect())
}

fn insert<K: Ord>(
    files: &mut BTreeMap<K, ChainFile>,
    key: K,
    file: ChainFile,
) -> Result<(), ChainFolderError> {
    let second = file.path.clone();
    match files.insert(key, file) {
        None => Ok(()),
        Some(first) => Err(ChainFolderError::Duplicate { first: first.path, second }),
    }
}

/// The JSON files of a folder with their names up to the known ending, to be read up to that limit; `None` if there is no such folder.
fn files_in(folder: &Path, limit: u64) -> Result<Option<Vec<(String, ChainFile)>>, ChainFolderError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(unreadable(folder, cause)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|cause| unreadable(folder, cause))?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        let known = SUFFIXES.iter().find_map(|(suffix, compression)| {
            name.strip_suffix(suffix).map(|stem| (stem.to_owned(), *compression))
        });
        match known {
            Some((stem, compression)) if path.is_file() => {
                files.push((stem, ChainFile { path, compression, limit }))
            }
            _ => return Err(ChainFolderError::UnexpectedName(path)),
        }
    }
    Ok(Some(files))
}

/// A name cut into text and numbers, so that `2_commit` comes before `10_commit`.
fn natural_order(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let (text, after) = rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
        let (digits, after) =
            after.split_at(after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len()));
        parts.push((text.to_owned(), digits.parse().unwrap_or(u64::MAX)));
        rest = after;
    }
    parts
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::io::Write;

    use tempfile::TempDir;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn folder(files: &[(&str, &[u8])]) -> TempDir {
        let folder = TempDir::new().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn refused(files: &[(&str, &[u8])]) -> ChainFolderError {
        ChainFolder::open(folder(files).path()).unwrap_err()
    }

    const G: (&str, &[u8]) = ("genesis.json", b"{}");

    #[test]
    fn reads_plain_and_compressed_files_in_order() {
        let zst = zstd::encode_all(&b"{\"n\":9}"[..], 3).unwrap();
        let gz = gzip(b"{\"n\":10}");
        let folder = folder(&[
            ("genesis.json.gz", &gzip(b"{}")),
            ("meta.json", b"ignored"),
            ("blocks/000010.json.gz", &gz),
            ("blocks/000009.json.zst", &zst),
            ("blocks/11.json", b"{\"n\":11}"),
            ("blocks/.hidden", b""),
            ("aggregated_operations/10_execute.json", b"10"),
            ("aggregated_operations/2_commit.json", b"2"),
        ]);
        let chain = ChainFolder::open(folder.path()).unwrap();
        assert_eq!(chain.genesis().read().unwrap(), b"{}");
        for (block, number) in chain.blocks().iter().zip([9, 10, 11]) {
            assert_eq!(block.number, number);
            assert_eq!(block.file.read().unwrap(), format!("{{\"n\":{number}}}").into_bytes());
        }
        let operations = chain.aggregated_operations().iter().map(|file| file.read().unwrap());
        assert_eq!(operations.collect::<Vec<_>>(), [b"2".to_vec(), b"10".to_vec()]);
    }

    #[test]
    fn missing_parts_gaps_doubles_and_strange_names_are_told() {
        assert!(matches!(ChainFolder::open(Path::new("not-there")), Err(ChainFolderError::Missing(_))));
        assert!(matches!(refused(&[("blocks/1.json", b"1")]), ChainFolderError::Missing(_)));
        assert!(matches!(refused(&[G]), ChainFolderError::Missing(_)));
        assert!(matches!(refused(&[G, ("blocks/.x", b"")]), ChainFolderError::NoBlocks(_)));
        let gap = refused(&[G, ("blocks/1.json", b"1"), ("blocks/4.json", b"1")]);
        assert!(gap.to_string().starts_with("block 2 is missing"), "{gap}");
        let double = refused(&[G, ("blocks/1.json", b"1"), ("blocks/000001.json.gz", b"1")]);
        assert!(matches!(double, ChainFolderError::Duplicate { .. }));
        let double = refused(&[G, ("genesis.json.gz", b"1"), ("blocks/1.json", b"1")]);
        assert!(matches!(double, ChainFolderError::Duplicate { .. }));
        for name in ["blocks/1.json.part", "blocks/one.json", "blocks/0.json", "blocks/+1.json"] {
            assert!(matches!(refused(&[G, (name, b"1")]), ChainFolderError::UnexpectedName(_)), "{name}");
        }
    }

    #[test]
    fn what_unpacks_beyond_its_limit_is_not_read_on() {
        let long: Vec<u8> = format!("[{}1]", "1,".repeat(1 << 20)).into_bytes();
        let (gz, zst) = (gzip(&long), zstd::encode_all(&long[..], 3).unwrap());
        for (name, packed) in [("1.json", &long), ("1.json.gz", &gz), ("1.json.zst", &zst)] {
            assert_eq!(read_as(name, packed, long.len() as u64).unwrap(), long);
            let error = read_as(name, packed, long.len() as u64 - 1).unwrap_err();
            assert!(
                matches!(error, ChainFolderError::TooLong { limit, .. } if limit < long.len() as u64),
                "{name}"
            );
        }
        assert!(gz.len() < long.len() / 100 && zst.len() < long.len() / 100);
        let folder = folder(&[G, ("blocks/1.json", b"1"), ("aggregated_operations/1.json", b"1")]);
        let chain = ChainFolder::open(folder.path()).unwrap();
        assert_eq!(chain.genesis().limit, MAX_GENESIS_BYTES);
        assert_eq!(chain.blocks()[0].file.limit, MAX_BLOCK_BYTES);
        assert_eq!(chain.aggregated_operations()[0].limit, MAX_OPERATION_BYTES);
    }

    #[test]
    fn half_written_and_damaged_files_are_told() {
        let long: Vec<u8> = format!("[{}1]", "123456789,".repeat(5000)).into_bytes();
        let (gz, zst) = (gzip(&long), zstd::encode_all(&long[..], 3).unwrap());
        let read = |name: &str, bytes: &[u8]| {
            let folder = folder(&[G, (name, bytes)]);
            let chain = ChainFolder::open(folder.path()).unwrap();
            chain.blocks()[0].file.read()
        };
        assert_eq!(read("blocks/1.json.gz", &gz).unwrap(), long);
        for (name, bytes) in [
            ("blocks/1.json", &b""[..]),
            ("blocks/1.json", &long[..1000]),
            ("blocks/1.json.gz", &gz[..gz.len() / 2]),
            ("blocks/1.json.zst", &zst[..zst.len() / 2]),
            ("blocks/1.json.zst", &b""[..]),
            ("blocks/1.json.gz", &b""[..]),
        ] {
            let error = read(name, bytes).unwrap_err();
            assert!(matches!(error, ChainFolderError::HalfWritten { .. }), "{name}: {error}");
        }
        for (name, bytes) in [
            ("blocks/1.json", &b"{]"[..]),
            ("blocks/1.json.gz", b"no gzip at all"),
            ("blocks/1.json.zst", b"no zstd"),
        ] {
            let error = read(name, bytes).unwrap_err();
            assert!(matches!(error, ChainFolderError::Damaged { .. }), "{name}: {error}");
        }
    }
}
