//! The floor of free space: where 507 (insufficient storage) is decided.
//!
//! If less than the floor is free, every operation that begins new work fails with
//! [`StoreError::InsufficientStorage`], which the server answers with 507: genesis, blocks,
//! aggregated operations, claims of jobs, and witnesses. Proofs, heartbeats and releases are still
//! accepted. The space below the floor is reserved for them, because a prover that is refused drops
//! its proof. Normal operation resumes when a sixteenth more than the floor is free, so that it
//! does not flap.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use crate::store::error::StoreError;

/// Shortest time between two queries of the free space, in milliseconds.
const QUERY_INTERVAL_MS: u64 = 1_000;

/// A source of the amount of free space.
pub trait SpaceProbe: Debug + Send + Sync {
    /// Returns the number of bytes that this process may write to the file system of a folder.
    ///
    /// # Errors
    /// If the system fails to report it.
    fn free_bytes(&self, folder: &Path) -> io::Result<u64>;
}

/// The free space that the system reports (`statvfs`), which ignores quotas.
#[derive(Debug)]
pub(crate) struct SystemSpace;

impl SpaceProbe for SystemSpace {
    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(folder)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

#[cfg(any(test, feature = "testing"))]
/// Free space that tests set.
#[derive(Debug)]
pub struct ManualSpace(AtomicU64);

#[cfg(any(test, feature = "testing"))]
impl ManualSpace {
    /// Creates a probe that reports the given number of free bytes.
    pub fn new(free_bytes: u64) -> Self {
        Self(AtomicU64::new(free_bytes))
    }

    /// Sets the number of free bytes.
    pub fn set(&self, free_bytes: u64) {
        self.0.store(free_bytes, Ordering::SeqCst);
    }
}

#[cfg(any(test, feature = "testing"))]
impl SpaceProbe for ManualSpace {
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.0.load(Ordering::SeqCst))
    }
}

/// The free space at the last query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpaceState {
    /// Free bytes in the file system of the data folder; `None` if the system failed to report
    /// them.
    pub free_bytes: Option<u64>,
    /// The floor, in bytes; 0 disables it.
    pub min_free_bytes: u64,
    /// True if less than the floor is free: no new work begins.
    pub low: bool,
}

impl SpaceState {
    /// Checks that new work may begin.
    ///
    /// # Errors
    /// [`StoreError::InsufficientStorage`] if less than the floor is free.
    pub fn check(&self) -> Result<(), StoreError> {
        match self {
            Self { low: true, free_bytes, min_free_bytes } => {
                let free = free_bytes.unwrap_or(0);
                Err(StoreError::InsufficientStorage { free, floor: *min_free_bytes })
            }
            _ => Ok(()),
        }
    }
}

/// The free space of one folder.
#[derive(Debug)]
pub(crate) struct Space {
    folder: PathBuf,
    probe: Arc<dyn SpaceProbe>,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    state: SpaceState,
    /// Monotonic time of the last query, in milliseconds.
    at_ms: Option<u64>,
}

impl Space {
    pub(crate) fn new(folder: &Path, probe: Arc<dyn SpaceProbe>, min_free_bytes: u64) -> Self {
        let state = SpaceState { min_free_bytes, ..SpaceState::default() };
        Self { folder: folder.into(), probe, seen: Mutex::new(Seen { state, at_ms: None }) }
    }

    /// Returns the state. Queries the system again if the last query is at least a second old.
    pub(crate) fn state(&self, now_ms: u64) -> SpaceState {
        let mut seen = self.lock();
        if seen.at_ms.is_none_or(|at_ms| now_ms.saturating_sub(at_ms) >= QUERY_INTERVAL_MS) {
            seen.at_ms = Some(now_ms);
            let found = self.probe.free_bytes(&self.folder);
            seen.state = judged(seen.state, found);
        }
        seen.state
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reserves space for more bytes behind the content of a file, if the file system can do that.
pub(crate) fn reserve(path: &Path, bytes: u64) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    let from = file.metadata()?.len();
    match fallocate(&file, FallocateFlags::empty(), from, bytes.max(1)) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        reserved => Ok(reserved?),
    }
}

/// Returns the state after a query, and logs a change.
fn judged(before: SpaceState, found: io::Result<u64>) -> SpaceState {
    let SpaceState { min_free_bytes: floor, low: was_low, .. } = before;
    let free = match found {
        Ok(free) => free,
        Err(error) => {
            if before.free_bytes.is_some() {
                tracing::warn!(%error, "cannot query the free space");
            }
            return SpaceState { free_bytes: None, ..before };
        }
    };
    let enough = if was_low { floor.saturating_add(floor / 16) } else { floor };
    let low = free < enough;
    match (was_low, low) {
        (false, true) => tracing::warn!(
            free,
            floor,
            "less than min_free_bytes is free: imports, claims and witnesses wait until there is more, proofs are accepted"
        ),
        (true, false) => {
            tracing::info!(free, floor, "enough space is free again: imports, claims and witnesses resume")
        }
        _ => {}
    }
    SpaceState { free_bytes: Some(free), min_free_bytes: floor, low }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free_and_low(state: SpaceState) -> (Option<u64>, bool) {
        (state.free_bytes, state.low)
    }

    #[test]
    fn space_is_low_until_a_sixteenth_more_than_the_floor_is_free() {
        let probe = Arc::new(ManualSpace::new(1_600));
        let space = Space::new(Path::new("/"), probe.clone(), 1_600);
        let mut now = 0;
        let mut query = |free| {
            probe.set(free);
            now += QUERY_INTERVAL_MS;
            space.state(now).low
        };
        let seen = [1_600, 1_599, 1_600, 1_699, 1_700, 1_600, 0, 5_000].map(&mut query);
        assert_eq!(seen, [false, true, true, true, false, false, true, false]);
    }

    #[test]
    fn the_system_is_queried_once_a_second() {
        let probe = Arc::new(ManualSpace::new(10));
        let space = Space::new(Path::new("/"), probe.clone(), 5);
        assert_eq!(free_and_low(space.state(50)), (Some(10), false));
        probe.set(1);
        assert_eq!(free_and_low(space.state(1_049)), (Some(10), false));
        assert_eq!(free_and_low(space.state(1_050)), (Some(1), true));
        let refused = space.state(1_051).check().unwrap_err();
        assert!(matches!(refused, StoreError::InsufficientStorage { free: 1, floor: 5 }), "{refused}");
    }

    #[test]
    fn without_a_floor_nothing_is_low() {
        let space = Space::new(Path::new("/"), Arc::new(ManualSpace::new(0)), 0);
        assert_eq!(free_and_low(space.state(0)), (Some(0), false));
        space.state(0).check().unwrap();
    }

    #[test]
    fn a_failed_query_changes_nothing() {
        let low = SpaceState { free_bytes: Some(1), min_free_bytes: 5, low: true };
        let failed = || Err(io::Error::other("no answer"));
        assert_eq!(judged(low, failed()), SpaceState { free_bytes: None, ..low });
        let fine = SpaceState { free_bytes: None, min_free_bytes: 5, low: false };
        assert_eq!(judged(fine, failed()), fine);
    }

    #[test]
    fn the_system_reports_a_real_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert!(SystemSpace.free_bytes(folder.path()).unwrap() > 0);
        assert!(SystemSpace.free_bytes(&folder.path().join("missing")).is_err());
    }
}
