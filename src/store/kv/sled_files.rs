//! The files of a kv: copied before sled opens them, compared after it, and made durable.
//!
//! sled changes its files while it opens them. It replaces its snapshot, the file `snap.…` with its
//! page table: it writes `snap.….generating`, renames that, then removes the one before. A killed
//! process may leave the unfinished file, which looks like the newest snapshot and which sled
//! refuses to open, so it is not copied. A kv that is opened in place has a second name of the
//! snapshot meanwhile, `kept-snap.…`, which counts if a power failure removed the first one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::fsync;
use crate::input;
use crate::store::error::StoreError;

/// Size of the reads, in bytes.
const PART_BYTES: usize = 1 << 20;
const SNAPSHOT: &str = "snap.";
const UNFINISHED: &str = ".generating";
const SECOND: &str = "kept-";

const ZEROS: [u8; 1 << 12] = [0; 1 << 12];

/// sled's log.
const LOG: &str = "db";

/// Lengths and hashes of the files of a kv, by their paths in it. Zeros at the end of the log do not
/// count: while sled overwrites segments that it has found free with zeros, another thread of it
/// truncates the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SledFiles(BTreeMap<PathBuf, (u64, blake3::Hash)>);

impl SledFiles {
    /// Reads all files of a kv.
    ///
    /// # Errors
    /// Damage only if a file is missing, or not a regular one.
    pub(crate) fn read(dir: &Path) -> Result<Self, StoreError> {
        let mut files = Self::default();
        files.add(dir, Path::new(""))?;
        Ok(files)
    }

    fn add(&mut self, dir: &Path, below: &Path) -> Result<(), StoreError> {
        for (name, is_folder) in entries(&dir.join(below))? {
            let name = below.join(name);
            if is_folder {
                self.add(dir, &name)?;
                continue;
            }
            let is_log = name == Path::new(LOG);
            let mut hasher = blake3::Hasher::new();
            let mut zeros = 0;
            read(&dir.join(&name), |part| {
                let (content, rest) = part.split_at(if is_log { content_end(part) } else { part.len() });
                if !content.is_empty() {
                    hash_zeros(&mut hasher, zeros);
                    zeros = 0;
                }
                hasher.update(content);
                zeros += rest.len();
                Ok(())
            })?;
            self.0.insert(name, (hasher.count(), hasher.finalize()));
        }
        Ok(())
    }
}

/// Returns the length without the zeros at the end. The log is mostly zeros, so they are compared
/// in pieces, which is fast in an unoptimised build as well.
fn content_end(mut part: &[u8]) -> usize {
    while let Some(before) = part.strip_suffix(&ZEROS) {
        part = before;
    }
    part.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

fn hash_zeros(hasher: &mut blake3::Hasher, mut count: usize) {
    while count > 0 {
        let part = ZEROS.get(..count).unwrap_or(&ZEROS);
        hasher.update(part);
        count -= part.len();
    }
}

/// Copies a kv to a new folder. Every byte is read, so a read that fails is noticed.
///
/// # Errors
/// Damage only if a file is missing, or not a regular one.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let unwritten = || StoreError::io(format!("copying the kv to {}", to.display()));
    let found = entries(from)?;
    let is_snapshot = |name: &String| name.starts_with(SNAPSHOT) && !name.ends_with(UNFINISHED);
    let has_snapshot = found.keys().any(is_snapshot);
    fs::create_dir_all(to).map_err(unwritten())?;
    for (name, is_folder) in found {
        let source = from.join(&name);
        if is_folder {
            copy(&source, &to.join(name))?;
            continue;
        }
        let target = match name.strip_prefix(SECOND) {
            Some(_) if has_snapshot => continue,
            Some(first) => {
                tracing::warn!(name, "sled's snapshot was lost, the one before replaces it");
                to.join(first)
            }
            None if name.starts_with(SNAPSHOT) && !is_snapshot(&name) => continue,
            None => to.join(name),
        };
        let mut file = File::create(&target).map_err(unwritten())?;
        read(&source, |part| file.write_all(part).map_err(unwritten()))?;
    }
    Ok(())
}

/// Returns the size of all files of a kv, in bytes.
pub(crate) fn size(dir: &Path) -> Result<u64, StoreError> {
    let mut sum = 0_u64;
    for (name, is_folder) in entries(dir)? {
        let path = dir.join(name);
        let length = || fs::metadata(&path).map(|found| found.len()).map_err(StoreError::read("the kv"));
        sum = sum.saturating_add(if is_folder { size(&path)? } else { length()? });
    }
    Ok(sum)
}

/// Reads every byte of a kv, so a read that fails is noticed.
///
/// # Errors
/// Damage only if a file is missing, or not a regular one.
pub(crate) fn read_through(dir: &Path) -> Result<(), StoreError> {
    for (name, is_folder) in entries(dir)? {
        let path = dir.join(name);
        if is_folder { read_through(&path)? } else { read(&path, |_| Ok(()))? }
    }
    Ok(())
}

/// Makes the files of a kv durable, with their names in it.
pub(crate) fn sync(dir: &Path) -> Result<(), StoreError> {
    let failed = || StoreError::io("syncing the kv");
    for (name, is_folder) in entries(dir)? {
        let path = dir.join(name);
        if is_folder { sync(&path)? } else { fsync::sync_path(&path).map_err(failed())? }
    }
    fsync::sync_folder(dir).map_err(failed())
}

/// Returns the names in a folder of a kv, each with true if it is a folder itself.
fn entries(dir: &Path) -> Result<BTreeMap<String, bool>, StoreError> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(StoreError::read("the kv"))? {
        let entry = entry.map_err(StoreError::read("the kv"))?;
        let is_folder = fs::metadata(entry.path()).map_err(StoreError::read("the kv"))?.is_dir();
        found.insert(entry.file_name().to_string_lossy().into_owned(), is_folder);
    }
    Ok(found)
}

/// Reads a file in parts.
fn read(path: &Path, mut part: impl FnMut(&[u8]) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let failed = || StoreError::read(format!("the kv's file {}", path.display()));
    let mut file = input::open(path).map_err(failed())?;
    let mut buffer = vec![0; PART_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => part(buffer.get(..length).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed()(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(files: &[(&str, &str)]) -> tempfile::TempDir {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("index");
        fs::create_dir_all(dir.join("blobs")).unwrap();
        files.iter().for_each(|(name, content)| fs::write(dir.join(name), content).unwrap());
        parent
    }

    /// Copies these files; returns the names and contents of the copy.
    fn copied(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let parent = written(files);
        let (from, to) = (parent.path().join("index"), parent.path().join("copy"));
        let before = SledFiles::read(&from).unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(SledFiles::read(&from).unwrap(), before);
        sync(&to).unwrap();
        assert!(to.join("blobs").is_dir());
        let files = SledFiles::read(&to).unwrap().0;
        let content = |name: &PathBuf| fs::read_to_string(to.join(name)).unwrap();
        files.keys().map(|name| (name.display().to_string(), content(name))).collect()
    }

    #[test]
    fn an_unfinished_snapshot_is_not_copied_and_a_second_name_counts_if_it_is_the_only_one() {
        let pairs = |names: &[(&str, &str)]| -> Vec<(String, String)> {
            names.iter().map(|(name, content)| (name.to_string(), content.to_string())).collect()
        };
        let unfinished = ("snap.FF.generating", "half of");
        let whole = [("blobs/17", "large"), ("db", "log"), ("snap.0A", "old")];
        assert_eq!(copied(&[whole[0], whole[1], whole[2], unfinished]), pairs(&whole));
        let second = ("kept-snap.0A", "old");
        assert_eq!(copied(&[whole[0], whole[1], second, unfinished]), pairs(&whole));
        let newer = [("db", "log"), ("snap.0B", "new")];
        assert_eq!(copied(&[newer[0], newer[1], second]), pairs(&newer));
    }

    #[test]
    fn files_are_equal_if_names_and_contents_are() {
        let of = |files: &[(&str, &str)]| SledFiles::read(&written(files).path().join("index")).unwrap();
        let one = of(&[("db", "log"), ("blobs/1", "x")]);
        assert_eq!(one, of(&[("db", "log"), ("blobs/1", "x")]));
        for other in [
            &[("db", "log"), ("blobs/1", "y")][..],
            &[("db", "log"), ("blobs/2", "x")],
            &[("db", "log")],
            &[("db", "lo"), ("blobs/1", "x")],
        ] {
            assert_ne!(one, of(other));
        }
    }

    #[test]
    fn only_zeros_at_the_end_of_the_log_do_not_count() {
        let of = |name: &str, zeros: usize, end: &str| {
            let content = format!("x{}{end}", "\0".repeat(zeros));
            SledFiles::read(&written(&[(name, &content)]).path().join("index")).unwrap()
        };
        let many = 2 * PART_BYTES + 5;
        assert_eq!(of("db", 0, ""), of("db", many, ""));
        assert_eq!(of("db", many, "y"), of("db", many, "y\0"));
        assert_ne!(of("db", many, "y"), of("db", many - 1, "y"));
        assert_ne!(of("db", 3, "y"), of("db", 0, "y"));
        assert_ne!(of("snap.0A", 0, ""), of("snap.0A", 1, ""));
    }
}
