//! Files of the test vectors.

use std::path::{Path, PathBuf};

/// Reads a file; one that ends in `.zst` is decompressed.
pub(crate) fn read(path: &Path) -> Vec<u8> {
    let file = std::fs::read(path).unwrap();
    if path.extension().is_some_and(|end| end == "zst") {
        zstd::decode_all(file.as_slice()).unwrap()
    } else {
        file
    }
}

/// Returns the files of a folder, by name.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
