//! The files of a chain folder, found by their names.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::error::ChainFolderError;
use super::file::{ChainFile, SUFFIXES};

/// Longest unpacked files that are read, in bytes: a bound against archives that unpack without
/// end. The longest genesis is that of sixteen million accounts. The limits of a server's API are
/// lower by default.
pub(super) const MAX_GENESIS_BYTES: u64 = 4 << 30;
pub(super) const MAX_BLOCK_BYTES: u64 = 256 << 20;
pub(super) const MAX_OPERATION_BYTES: u64 = 1 << 30;

const GENESIS: &str = "genesis";
const BLOCKS: &str = "blocks";
const AGGREGATED_OPERATIONS: &str = "aggregated_operations";

/// A block of a chain folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockFile {
    /// The block number, from the name of the file.
    pub number: u32,
    /// The file with the block.
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
    /// Lists the files of a folder and checks that they are complete; reads none of them.
    pub fn open(root: &Path) -> Result<Self, ChainFolderError> {
        match fs::metadata(root) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(ChainFolderError::IsFile(root.to_owned())),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(ChainFolderError::Missing(root.to_owned()));
            }
            Err(error) => return Err(unreadable(root, error)),
        }
        Ok(Self {
            genesis: genesis_in(root)?,
            blocks: blocks_in(&root.join(BLOCKS))?,
            aggregated_operations: operations_in(&root.join(AGGREGATED_OPERATIONS))?,
        })
    }

    /// Returns the genesis.
    pub fn genesis(&self) -> &ChainFile {
        &self.genesis
    }

    /// Returns the blocks: at least one, with consecutive numbers.
    pub fn blocks(&self) -> &[BlockFile] {
        &self.blocks
    }

    /// Returns the aggregated operations, in order.
    pub fn aggregated_operations(&self) -> &[ChainFile] {
        &self.aggregated_operations
    }

    /// Leaves out the aggregated operations in the given files.
    pub(crate) fn without_operations(mut self, files: &[PathBuf]) -> Self {
        self.aggregated_operations.retain(|file| !files.iter().any(|left_out| left_out == file.path()));
        self
    }
}

fn unreadable(path: &Path, cause: io::Error) -> ChainFolderError {
    ChainFolderError::Unreadable { path: path.to_owned(), cause }
}

fn genesis_in(root: &Path) -> Result<ChainFile, ChainFolderError> {
    let mut found: Option<ChainFile> = None;
    for (suffix, compression) in SUFFIXES {
        let path = root.join(format!("{GENESIS}{suffix}"));
        if path.try_exists().map_err(|error| unreadable(&path, error))? {
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

/// Lists the JSON files of a folder, each with its name without the known ending; `limit` is the
/// longest unpacked content in bytes. Returns `None` if the folder is missing.
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

/// Splits a name into text and numbers, so that `2_commit` sorts before `10_commit`.
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
