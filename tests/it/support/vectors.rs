//! Chains with the witnesses of the reference.

use std::io::Read;
use std::path::{Path, PathBuf};

/// A chain folder and the expected witnesses of its blocks, from block 1 on.
pub struct Chain {
    /// Its name, for messages.
    pub name: String,
    /// The argument of `witness-server import`.
    pub folder: PathBuf,
    /// A file for each block.
    pub expected: Vec<PathBuf>,
}

/// Returns the chains in this repository.
pub fn shipped() -> Vec<Chain> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut chains = in_folder(&root.join("tests/vectors/chains"));
    for chain in &mut chains {
        if chain.name == "chain_mixed" {
            chain.folder = root.join("data/sample-chain");
        }
    }
    chains
}

/// Returns every folder below `root` with expected witnesses.
pub fn in_folder(root: &Path) -> Vec<Chain> {
    let mut chains = Vec::new();
    for entry in sorted(root) {
        if !entry.is_dir() {
            continue;
        }
        if entry.join("expected").is_dir() {
            let name = entry.file_name().unwrap().to_string_lossy().into_owned();
            chains.push(Chain { name, expected: sorted(&entry.join("expected")), folder: entry });
        } else {
            chains.extend(in_folder(&entry));
        }
    }
    chains
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Reads a file, decompressed according to its extension.
pub fn read(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    match path.extension().and_then(|end| end.to_str()) {
        Some("zst") => zstd::decode_all(bytes.as_slice()).unwrap(),
        Some("xz") => {
            let mut unpacked = Vec::new();
            lzma_rust2::XzReader::new(bytes.as_slice(), true).read_to_end(&mut unpacked).unwrap();
            unpacked
        }
        _ => bytes,
    }
}
