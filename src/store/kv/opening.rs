//! The opening of a kv that holds acknowledged records: a failed call loses none of them.
//!
//! While sled opens its files it recovers: it reads its log from the last snapshot to the end, takes
//! a read that fails for that end, writes over what follows, and reports nothing. But the result of
//! a recovery depends on the files only. So there are two of them, over two copies, and a read that
//! failed in one of them shows in its result:
//!
//! 1. The kv is copied to `index.trial`. sled recovers the copy, its files are hashed, and it is
//!    removed.
//! 2. The kv is set aside under the name `index.kept`, and a second copy takes its place.
//! 3. sled recovers that copy. Its files must be those of the first recovery.
//! 4. Once the store has compared the records with the journal, it accepts the kv: the files are
//!    synced, and `index.kept` is removed.
//!
//! If anything fails before, `index.kept` gets its name back. The next opening does that as well if
//! the process is killed in between, so a kv counts as long as it has this name.
//!
//! Copies of a large kv would take too long, so that one is only read through before sled opens it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;

use crate::fsync;
use crate::store::error::StoreError;
use crate::store::kv::sled_db::{self, RecoveredSled, SledDb};
use crate::store::kv::sled_files::{self, SledFiles};
use crate::store::kv::sled_snapshot;

/// Extensions of the names beside the kv. The sweep of a data folder knows the others.
const KEPT: &str = "kept";
const NEW: &str = "new";
const TRIAL: &str = "trial";

/// Size in bytes beyond which a kv is not copied.
const MAX_COPIED_BYTES: u64 = 128 << 20;
/// Number of looks at the files of the second recovery: sled truncates its file on another thread.
const LOOKS: u32 = 10;
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// A kv that is open but not accepted yet. If it is dropped, the files from before the opening get
/// their names back.
#[derive(Debug)]
pub(crate) struct Opening {
    /// `None` once it is accepted.
    dir: Option<PathBuf>,
}

/// Returns the folder with the kv: the one that an interrupted opening has set aside, if any.
pub(crate) fn place(dir: &Path) -> io::Result<PathBuf> {
    let kept = dir.with_extension(KEPT);
    Ok(if kept.try_exists()? { kept } else { dir.to_owned() })
}

/// Undoes an interrupted opening. The caller has the lock of the data folder.
pub(crate) fn put_back(dir: &Path) -> Result<(), StoreError> {
    let kept = place(dir).map_err(StoreError::io("opening the kv"))?;
    if kept == dir {
        return Ok(());
    }
    let run = || -> io::Result<()> {
        let aside = dir.with_extension(NEW);
        remove(&aside)?;
        if dir.try_exists()? {
            fsync::rename_durably(dir, &aside)?;
        }
        fsync::rename_durably(&kept, dir)?;
        remove(&aside)
    };
    run().map_err(StoreError::io("undoing an interrupted opening of the kv"))
}

/// Opens a kv that exists. A large one is accepted at once.
pub(crate) fn open(
    dir: &Path,
    cache_bytes: u64,
    flush_every_ms: u64,
) -> Result<(SledDb, Option<Opening>), StoreError> {
    if sled_files::size(dir)? > MAX_COPIED_BYTES {
        sled_db::wait_until_free(dir)?;
        return Ok((open_in_place(dir, cache_bytes, flush_every_ms)?, None));
    }
    check_renameable(dir)?;
    sled_db::wait_until_free(dir)?;
    let expected = try_out(dir, &dir.with_extension(TRIAL), cache_bytes)?;
    let opening = Opening::begin(dir)?;
    let sled = recover(dir, cache_bytes, &expected)?.start(flush_every_ms)?;
    Ok((sled, Some(opening)))
}

/// Checks that the kv can be renamed.
///
/// # Errors
/// If it is a mount point.
fn check_renameable(dir: &Path) -> Result<(), StoreError> {
    if is_mount_point(dir) {
        return Err(StoreError::io(
            "the folder `index` of the data folder is a mount point, so it cannot be renamed while the kv is opened: mount the whole data folder instead",
        )(Errno::BUSY.into()));
    }
    Ok(())
}

/// Returns true if the system says so. Where it cannot, the rename fails before anything is changed.
#[cfg(target_os = "linux")]
fn is_mount_point(dir: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

    let found = statx(CWD, dir, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty());
    found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mount_point(_: &Path) -> bool {
    false
}

/// Opens a kv without copies.
fn open_in_place(dir: &Path, cache_bytes: u64, flush_every_ms: u64) -> Result<SledDb, StoreError> {
    sled_files::read_through(dir)?;
    // A process that was killed before its sync may have left writes. From now on they are read,
    // and sled's next snapshot depends on them, so they have to be durable.
    fsync::sync_path(&dir.join("db")).map_err(StoreError::io("syncing the kv"))?;
    let kept = sled_snapshot::keep(dir).map_err(StoreError::io("keeping sled's snapshot"))?;
    let sled = SledDb::open(dir, cache_bytes, flush_every_ms)?;
    kept.release(dir).map_err(StoreError::io("syncing the folder of the kv"))?;
    Ok(sled)
}

/// Opens a copy of a kv, which stays unchanged. `to` is a new folder.
pub(crate) fn open_copy(
    from: &Path,
    to: &Path,
    cache_bytes: u64,
    flush_every_ms: u64,
) -> Result<SledDb, StoreError> {
    if sled_files::size(from)? > MAX_COPIED_BYTES {
        sled_files::copy(from, to)?;
        return SledDb::open(to, cache_bytes, flush_every_ms);
    }
    let expected = try_out(from, &to.with_extension(TRIAL), cache_bytes)?;
    sled_files::copy(from, to)?;
    recover(to, cache_bytes, &expected)?.start(flush_every_ms)
}

/// Lets sled recover a copy, and returns the files that it leaves.
fn try_out(from: &Path, copy: &Path, cache_bytes: u64) -> Result<SledFiles, StoreError> {
    let run = || {
        remove(copy).map_err(StoreError::io("trying to open the kv"))?;
        sled_files::copy(from, copy)?;
        RecoveredSled::open(copy, cache_bytes)?.close();
        SledFiles::read(copy)
    };
    let outcome = match run() {
        // A read that failed looks like damage, but hardly twice.
        Err(error) if error.is_damage() => run(),
        outcome => outcome,
    };
    // The next opening or sweep removes what remains.
    let _ = remove(copy);
    outcome
}

/// Lets sled recover the files of a kv, which must become the expected ones.
fn recover(dir: &Path, cache_bytes: u64, expected: &SledFiles) -> Result<RecoveredSled, StoreError> {
    // Another recovery of the same files succeeded, so this is not damage.
    let differs = |error: StoreError| {
        let found = io::Error::other(error.fault());
        if error.is_damage() { unsteady(found) } else { error }
    };
    let sled = RecoveredSled::open(dir, cache_bytes).map_err(differs)?;
    match compare(dir, expected).map_err(differs) {
        Ok(()) => Ok(sled),
        Err(error) => {
            sled.close();
            Err(error)
        }
    }
}

/// Checks that the files of a recovered kv are, or become, the expected ones.
fn compare(dir: &Path, expected: &SledFiles) -> Result<(), StoreError> {
    for _ in 0..LOOKS {
        if SledFiles::read(dir)? == *expected {
            return Ok(());
        }
        thread::sleep(LOOK_INTERVAL);
    }
    Err(unsteady(io::Error::other("two recoveries of the same files differ")))
}

fn unsteady(source: io::Error) -> StoreError {
    StoreError::io(
        "opening the kv, of which nothing was changed: the disk or the system fails, look into its log",
    )(source)
}

impl Opening {
    /// Sets the kv aside and puts a copy in its place.
    fn begin(dir: &Path) -> Result<Self, StoreError> {
        let failed = || StoreError::io("opening the kv");
        let new = dir.with_extension(NEW);
        remove(&new).map_err(failed())?;
        sled_files::copy(dir, &new)?;
        let opening = Self { dir: Some(dir.to_owned()) };
        fsync::rename_durably(dir, &dir.with_extension(KEPT)).map_err(failed())?;
        fsync::rename_durably(&new, dir).map_err(failed())?;
        Ok(opening)
    }

    /// Ends the opening: from now on the opened kv counts.
    pub(crate) fn accept(mut self) -> Result<(), StoreError> {
        let Some(dir) = &self.dir else { return Ok(()) };
        sled_files::sync(dir)?;
        let aside = dir.with_extension(NEW);
        fsync::rename_durably(&dir.with_extension(KEPT), &aside).map_err(StoreError::io("opening the kv"))?;
        self.dir = None;
        // The next opening or sweep removes what remains.
        let _ = remove(&aside);
        Ok(())
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(dir) = self.dir.take()
            && let Err(error) = put_back(&dir)
        {
            tracing::error!(%error, "the next opening of the kv puts its files back");
        }
    }
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::kv::batch::Write;
    use crate::store::kv::table::Table;

    const CACHE: u64 = 1 << 20;

    /// A closed kv with one entry.
    struct Sample {
        parent: tempfile::TempDir,
        before: SledFiles,
    }

    impl Sample {
        fn new() -> Self {
            let parent = tempfile::tempdir().unwrap();
            let sled = SledDb::open(&parent.path().join("index"), CACHE, 100).unwrap();
            let write = Write { table: Table::Meta, key: b"key".to_vec(), sealed: Some(b"value".to_vec()) };
            sled.write(&[write]).unwrap();
            sled.flush().unwrap();
            sled_db::close(sled);
            let before = SledFiles::read(&parent.path().join("index")).unwrap();
            Self { parent, before }
        }

        fn dir(&self) -> PathBuf {
            self.parent.path().join("index")
        }

        fn open(&self) -> (SledDb, Opening) {
            put_back(&self.dir()).unwrap();
            let (sled, opening) = open(&self.dir(), CACHE, 100).unwrap();
            (sled, opening.unwrap())
        }

        fn is_unchanged(&self) {
            assert_eq!(SledFiles::read(&self.dir()).unwrap(), self.before);
            assert_eq!(self.names(), ["index"]);
        }

        fn names(&self) -> Vec<String> {
            let names = fs::read_dir(self.parent.path()).unwrap();
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        }

        /// Opens and accepts the kv, which has its entry.
        fn is_sound(&self) {
            let (sled, opening) = self.open();
            assert_eq!(sled.get(Table::Meta, b"key").unwrap(), Some(b"value".to_vec()));
            opening.accept().unwrap();
            sled_db::close(sled);
            assert_eq!(self.names(), ["index"]);
        }
    }

    #[test]
    fn an_opening_is_undone_until_it_is_accepted() {
        let sample = Sample::new();
        for _ in 0..2 {
            let (sled, opening) = sample.open();
            let write = Write { table: Table::Meta, key: b"other".to_vec(), sealed: Some(vec![1; 999]) };
            sled.write(&[write]).unwrap();
            sled.flush().unwrap();
            sled_db::close(sled);
            assert_eq!(place(&sample.dir()).unwrap(), sample.parent.path().join("index.kept"));
            drop(opening);
            sample.is_unchanged();
        }
        sample.is_sound();
        assert_eq!(place(&sample.dir()).unwrap(), sample.dir());
        sample.is_sound();
    }

    #[test]
    fn a_kill_in_any_step_is_undone_by_the_next_opening() {
        for step in 0..4 {
            let sample = Sample::new();
            let (dir, in_parent) = (sample.dir(), |name: &str| sample.parent.path().join(name));
            fs::create_dir(in_parent("index.trial")).unwrap();
            sled_files::copy(&dir, &in_parent("index.new")).unwrap();
            fs::write(in_parent("index.new/db"), "changed").unwrap();
            let renames = [("index", "index.kept"), ("index.new", "index"), ("index", "index.new")];
            for (from, to) in &renames[..step] {
                fs::rename(in_parent(from), in_parent(to)).unwrap();
            }
            let found = place(&dir).unwrap();
            assert_eq!(SledFiles::read(&found).unwrap(), sample.before, "{step}");
            put_back(&dir).unwrap();
            assert_eq!(SledFiles::read(&dir).unwrap(), sample.before, "{step}");
            sample.is_sound();
        }
    }

    #[test]
    fn a_recovery_with_another_result_is_an_error_of_the_system() {
        let sample = Sample::new();
        let opening = Opening::begin(&sample.dir()).unwrap();
        let Err(error) = recover(&sample.dir(), CACHE, &SledFiles::default()) else {
            panic!("it is accepted")
        };
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
        drop(opening);
        sample.is_unchanged();
        // Files that cannot be recovered, although a copy of them was.
        let opening = Opening::begin(&sample.dir()).unwrap();
        fs::write(sample.dir().join("conf"), "noise, longer than what sled writes").unwrap();
        let Err(error) = recover(&sample.dir(), CACHE, &sample.before) else { panic!("it is accepted") };
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
        drop(opening);
        sample.is_unchanged();
    }

    #[test]
    fn damage_is_damage_and_stays_unchanged() {
        let sample = Sample::new();
        fs::write(sample.dir().join("conf"), "noise, longer than what sled writes").unwrap();
        let before = SledFiles::read(&sample.dir()).unwrap();
        let Err(error) = open(&sample.dir(), CACHE, 100) else { panic!("it is accepted") };
        assert!(error.is_damage(), "{error}");
        assert_eq!(SledFiles::read(&sample.dir()).unwrap(), before);
        assert_eq!(sample.names(), ["index"]);
    }

    #[test]
    fn a_large_kv_is_opened_in_place_whatever_a_killed_opening_left() {
        let sample = Sample::new();
        // Its number is larger than any other.
        fs::write(sample.dir().join("snap.FFFFFFFFFFFFFFFF.generating"), "half of").unwrap();
        let sled = open_in_place(&sample.dir(), CACHE, 100).unwrap();
        assert_eq!(sled.get(Table::Meta, b"key").unwrap(), Some(b"value".to_vec()));
        sled_db::close(sled);
        let names = fs::read_dir(sample.dir()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(names.filter(|name| name.contains("snap.")).count(), 1);
        sample.is_sound();
    }

    #[test]
    fn a_copy_is_opened_and_the_kv_stays_unchanged() {
        let sample = Sample::new();
        let copy = tempfile::tempdir().unwrap();
        let sled = open_copy(&sample.dir(), &copy.path().join("index"), CACHE, 100).unwrap();
        assert_eq!(sled.get(Table::Meta, b"key").unwrap(), Some(b"value".to_vec()));
        sled_db::close(sled);
        sample.is_unchanged();
    }
}
