//! Folders that are still there after a power failure: the name of a folder is on the disk once the folder above it was synced.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Makes a folder and whatever is missing above it. On return their names are on the disk, also when they were there: whoever made them may
/// have been stopped before it came to this.
pub(crate) fn make(dir: &Path) -> io::Result<()> {
    let missing =
        dir.ancestors().take_while(|above| !above.as_os_str().is_empty() && !above.exists()).count();
    fs::create_dir_all(dir)?;
    let dir = dir.canonicalize()?;
    for above in dir.ancestors().skip(1).take(missing.max(1)) {
        match sync(above) {
            // A folder that was there may lie in one that is not ours to read.
            Err(error) if missing == 0 && error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

/// Makes changes of the names in a folder durable.
pub(crate) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_and_may_be_there() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a/b/c");
        for _ in 0..2 {
            make(&dir).unwrap();
            assert!(dir.is_dir());
        }
        fs::write(dir.join("file"), "").unwrap();
        assert!(make(&dir.join("file/d")).is_err());
    }
}
