//! Care for sled's snapshot, the file `snap.…` with its page table. sled replaces it whenever it opens: it writes `snap.….generating`,
//! renames that, then removes the one before; and syncs the file but not the folder.
//!
//! Two things follow. An unfinished file that a stopped process left looks to sled like its newest snapshot, and it refuses to open. And
//! after a power failure the new name may be missing while the old one is gone already: sled then finds the beginning of
//! its log overwritten, takes all of it for torn, and begins with nothing.
//!
//! So unfinished files are removed first, and the old snapshot keeps a second name until the new one is durable.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::durable::folder;

const SNAPSHOT: &str = "snap.";
const UNFINISHED: &str = ".generating";
/// The second name is this before the first; nothing that sled looks for.
const KEPT: &str = "kept-";

/// A snapshot with a second name.
#[derive(Debug)]
pub(crate) struct Kept(Option<PathBuf>);

/// To be called before sled opens: afterwards whatever snapshot there was outlives a power failure.
pub(crate) fn keep(dir: &Path) -> io::Result<Kept> {
    let (mut newest, mut kept) = (None, None);
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(SNAPSHOT) && name.ends_with(UNFINISHED) {
            fs::remove_file(dir.join(name))?;
        } else if name.starts_with(SNAPSHOT) {
            newest = newest.max(Some(name));
        } else if name.starts_with(KEPT) {
            kept = kept.max(Some(name));
        }
    }
    if let (None, Some(kept)) = (&newest, &kept)
        && let Some(name) = kept.strip_prefix(KEPT)
    {
        tracing::warn!(name, "the snapshot of the index was lost, the one before is taken");
        fs::rename(dir.join(kept), dir.join(name))?;
        newest = Some(name.to_owned());
    } else if let Some(kept) = kept {
        fs::remove_file(dir.join(kept))?;
    }
    let Some(newest) = newest else { return Ok(Kept(None)) };
    let second = dir.join(format!("{KEPT}{newest}"));
    // Not every file system has second names; most of those keep the order of renames anyway.
    let linked = fs::hard_link(dir.join(&newest), &second);
    folder::sync(dir)?;
    Ok(Kept(linked.is_ok().then_some(second)))
}

impl Kept {
    /// To be called once sled is open: its new snapshot is durable on return.
    pub fn release(self, dir: &Path) -> io::Result<()> {
        folder::sync(dir)?;
        self.0.map_or(Ok(()), fs::remove_file)
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::{Table, Write};
    use super::*;
    use crate::store::kv::sled_db::SledDb;

    fn names(dir: &Path) -> Vec<String> {
        let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.contains(SNAPSHOT)).collect();
        names.sort();
        names
    }

    #[test]
    fn an_unfinished_snapshot_does_not_matter() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("index");
        let write = Write { table: Table::Meta, key: b"key".to_vec(), sealed: Some(b"value".to_vec()) };
        let index = SledDb::open(&dir, 1 << 20, 100).unwrap();
        index.write(&[write]).unwrap();
        index.flush().unwrap();
        drop(index);
        // Later than any other.
        fs::write(dir.join("snap.FFFFFFFFFFFFFFFF.generating"), "half of").unwrap();
        let index = SledDb::open(&dir, 1 << 20, 100).unwrap();
        assert_eq!(index.get(Table::Meta, b"key").unwrap(), Some(b"value".to_vec()));
        assert_eq!(names(&dir).len(), 1);
    }

    #[test]
    fn a_lost_snapshot_is_replaced_by_the_one_before() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path();
        assert!(keep(dir).unwrap().0.is_none());
        fs::write(dir.join("snap.0A"), "old").unwrap();
        let kept = keep(dir).unwrap();
        assert_eq!(names(dir), ["kept-snap.0A", "snap.0A"]);
        // sled replaced it, and the power failed before the new name was on the disk.
        fs::remove_file(dir.join("snap.0A")).unwrap();
        drop(kept);
        let kept = keep(dir).unwrap();
        assert_eq!(fs::read_to_string(dir.join("snap.0A")).unwrap(), "old");
        // This time it is.
        fs::write(dir.join("snap.0B"), "new").unwrap();
        fs::remove_file(dir.join("snap.0A")).unwrap();
        kept.release(dir).unwrap();
        assert_eq!(names(dir), ["snap.0B"]);
    }
}
