//! Every fsync of the program, and every rename that has to survive a power failure.
//!
//! A new or renamed file is durable once the file was synced and then the folder with its name.
//! Nothing else in `src` syncs or renames. The module is below all layers because the secret file
//! of the configuration, backups and the store all need it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::access;

/// Makes the content and the metadata of a file durable.
pub(crate) fn sync_file(file: &File) -> io::Result<()> {
    file.sync_all()
}

/// Makes the content and the length of a file durable, but not its times.
pub(crate) fn sync_data(file: &File) -> io::Result<()> {
    file.sync_data()
}

/// Makes a file that is not open durable.
pub(crate) fn sync_path(path: &Path) -> io::Result<()> {
    sync_file(&File::open(path)?)
}

/// Makes created, renamed and removed names in a folder durable.
pub(crate) fn sync_folder(dir: &Path) -> io::Result<()> {
    sync_file(&File::open(dir)?)
}

/// Makes created and renamed names in a folder durable, unless its file system cannot do that, as
/// some network mounts. For files that this program writes for others, never for a data folder.
pub(crate) fn sync_folder_if_supported(dir: &Path) -> io::Result<()> {
    match sync_folder(dir) {
        Err(error) if access::is_unsupported(&error) => Ok(()),
        synced => synced,
    }
}

/// Renames a file or folder. The new name is durable once its folder is synced.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Renames a file or folder whose content is durable, and syncs the folders of both names.
pub(crate) fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    rename(from, to)?;
    // The new name first: a power failure in between may show both names, but never neither.
    let (old, new) = (folder_of(from), folder_of(to));
    sync_folder(new)?;
    if old == new { Ok(()) } else { sync_folder(old) }
}

/// Writes a file with its name and content durable on return. A power failure before that may leave
/// a part.
pub(crate) fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    sync_file(&file)?;
    sync_folder(folder_of(path))
}

/// Gives a temporary file of the same folder its name: the whole file is durable on return, or
/// absent.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if a file has this name.
pub(crate) fn persist_new(file: NamedTempFile, path: &Path) -> io::Result<()> {
    sync_file(file.as_file())?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(folder_of(path))
}

/// Creates a folder and its missing parents, and makes their names durable. The name of an existing
/// folder is synced as well: the process that created it may have been killed before its own sync.
pub(crate) fn create_folders(dir: &Path) -> io::Result<()> {
    let missing =
        dir.ancestors().take_while(|above| !above.as_os_str().is_empty() && !above.exists()).count();
    fs::create_dir_all(dir)?;
    let dir = dir.canonicalize()?;
    for above in dir.ancestors().skip(1).take(missing.max(1)) {
        match sync_folder(above) {
            // The parent of an existing folder may not be readable for this user.
            Err(error) if missing == 0 && error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

/// Returns the folder that contains a name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_folders_are_created_and_existing_ones_accepted() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a/b/c");
        for _ in 0..2 {
            create_folders(&dir).unwrap();
            assert!(dir.is_dir());
        }
        fs::write(dir.join("file"), "").unwrap();
        assert!(create_folders(&dir.join("file/d")).is_err());
    }

    #[test]
    fn a_new_file_is_whole_and_never_replaces_another() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        let temporary = |content: &[u8]| {
            let mut file = NamedTempFile::new_in(root.path()).unwrap();
            file.write_all(content).unwrap();
            file
        };
        persist_new(temporary(b"first"), &path).unwrap();
        let refused = persist_new(temporary(b"second"), &path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_rename_moves_between_folders() {
        let root = tempfile::tempdir().unwrap();
        let other = root.path().join("other");
        create_folders(&other).unwrap();
        write_file(&root.path().join("file"), b"content").unwrap();
        rename_durably(&root.path().join("file"), &other.join("file")).unwrap();
        assert_eq!(fs::read(other.join("file")).unwrap(), b"content");
    }
}
