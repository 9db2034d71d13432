//! An open folder, which stays the same one wherever it is moved.
//!
//! The path of a folder may lead to another one a moment later: it was renamed, and a second server
//! created a new one in its place. sled opens files by path at any time. So everything below a data
//! folder is opened by a path through the descriptor of the folder, which leads nowhere once the
//! folder is removed.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A folder that is open.
#[derive(Debug)]
pub(crate) struct OpenFolder {
    file: File,
    path: PathBuf,
}

impl OpenFolder {
    /// Opens a folder.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        if !fs::metadata(dir)?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is not a folder"));
        }
        let file = File::open(dir)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        // Without /proc the folder is only checked, see `is_at`.
        let path = if is_at(&path, &file).unwrap_or(false) { path } else { dir.to_owned() };
        Ok(Self { file, path })
    }

    /// Returns a path that leads to this folder as long as the value lives.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns true if a path leads to this folder.
    pub(crate) fn is_at(&self, dir: &Path) -> io::Result<bool> {
        is_at(dir, &self.file)
    }
}

/// Returns true if a path leads to an open file or folder.
///
/// # Errors
/// If the system fails to look. A missing name is not an error.
pub(crate) fn is_at(path: &Path, file: &File) -> io::Result<bool> {
    let named = match fs::metadata(path) {
        Ok(named) => named,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    let open = file.metadata()?;
    Ok((named.dev(), named.ino()) == (open.dev(), open.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_follows_the_folder_and_never_leads_to_another_one() {
        let parent = tempfile::tempdir().unwrap();
        let (dir, elsewhere) = (parent.path().join("data"), parent.path().join("elsewhere"));
        fs::create_dir(&dir).unwrap();
        let folder = OpenFolder::open(&dir).unwrap();
        fs::write(folder.path().join("first"), "").unwrap();
        assert!(folder.is_at(&dir).unwrap());
        fs::rename(&dir, &elsewhere).unwrap();
        assert!(!folder.is_at(&dir).unwrap());
        fs::create_dir(&dir).unwrap();
        assert!(!folder.is_at(&dir).unwrap() && folder.is_at(&elsewhere).unwrap());
        fs::write(folder.path().join("second"), "").unwrap();
        assert!(elsewhere.join("first").exists() && elsewhere.join("second").exists());
        fs::remove_dir_all(&elsewhere).unwrap();
        assert!(fs::write(folder.path().join("third"), "").is_err());
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        fs::write(parent.path().join("file"), "").unwrap();
        assert!(OpenFolder::open(&parent.path().join("file")).is_err());
    }
}
