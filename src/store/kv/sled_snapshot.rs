//! Protection of the snapshot of a kv that sled opens in place: the file `snap.…` with its page
//! table.
//!
//! sled replaces the snapshot at each opening: it writes `snap.….generating`, renames that, then
//! removes the one before. It syncs the file but not the folder, which has two consequences:
//!
//! - An unfinished file of a killed process looks like the newest snapshot, and sled refuses to
//!   open it.
//! - A power failure may lose the new name after the old one was removed. sled then finds the
//!   beginning of its log overwritten, treats all of it as torn, and starts empty.
//!
//! So unfinished files are removed first, and the old snapshot has a second name until the new one
//! is durable.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::fsync;

const SNAPSHOT: &str = "snap.";
const UNFINISHED: &str = ".generating";
/// Prefix of the second name. sled ignores such files.
const KEPT: &str = "kept-";

/// The second name of a snapshot; `None` without a snapshot, or without hard links.
#[derive(Debug)]
pub(crate) struct Kept(Option<PathBuf>);

/// Gives the snapshot its second name, so that it outlives a power failure while sled opens.
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
        tracing::warn!(name, "sled's snapshot was lost, the one before replaces it");
        fsync::rename(&dir.join(kept), &dir.join(name))?;
        newest = Some(name.to_owned());
    } else if let Some(kept) = kept {
        fs::remove_file(dir.join(kept))?;
    }
    let Some(newest) = newest else { return Ok(Kept(None)) };
    let second = dir.join(format!("{KEPT}{newest}"));
    // Some file systems have no hard links. Most of these keep the order of renames.
    let linked = fs::hard_link(dir.join(&newest), &second);
    fsync::sync_folder(dir)?;
    Ok(Kept(linked.is_ok().then_some(second)))
}

impl Kept {
    /// Makes the new snapshot of the opened sled durable, and removes the second name of the old
    /// one.
    pub(crate) fn release(self, dir: &Path) -> io::Result<()> {
        fsync::sync_folder(dir)?;
        self.0.map_or(Ok(()), fs::remove_file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.contains(SNAPSHOT)).collect();
        names.sort();
        names
    }

    #[test]
    fn a_lost_snapshot_is_replaced_by_the_one_before() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path();
        assert!(keep(dir).unwrap().0.is_none());
        fs::write(dir.join("snap.0A"), "old").unwrap();
        let kept = keep(dir).unwrap();
        assert_eq!(names(dir), ["kept-snap.0A", "snap.0A"]);
        // sled replaced it, and the power failed before the new name was durable.
        fs::remove_file(dir.join("snap.0A")).unwrap();
        drop(kept);
        let kept = keep(dir).unwrap();
        assert_eq!(fs::read_to_string(dir.join("snap.0A")).unwrap(), "old");
        // This time the new name is durable.
        fs::write(dir.join("snap.0B"), "new").unwrap();
        fs::remove_file(dir.join("snap.0A")).unwrap();
        kept.release(dir).unwrap();
        assert_eq!(names(dir), ["snap.0B"]);
    }
}
