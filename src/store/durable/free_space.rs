//! How much space is left, and whether that is enough to begin something new.
//!
//! Below a floor of free bytes the server takes in and hands out nothing more: no genesis, block or aggregated operation, no lease, no
//! witness. Proofs, heartbeats and releases still land; that is what the rest is kept for, since a prover that is turned away drops
//! its proof. It goes on by itself once there is a sixteenth more than the floor, so that it does not waver.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::error::StoreError;

/// The system is asked no more often, in milliseconds.
const LOOK_INTERVAL_MS: u64 = 1_000;

/// Tells how much space is left.
pub trait SpaceProbe: Debug + Send + Sync {
    /// Bytes that this process may still write to the file system of a folder.
    ///
    /// # Errors
    /// When the system does not tell.
    fn free_bytes(&self, folder: &Path) -> io::Result<u64>;
}

/// Asks the system (`statvfs`). Quotas are not part of its answer.
#[derive(Debug)]
pub struct SystemSpace;

impl SpaceProbe for SystemSpace {
    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(folder)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

/// Says what it was told, for tests.
#[derive(Debug)]
pub struct ManualSpace(AtomicU64);

impl ManualSpace {
    /// So many bytes are free.
    pub fn new(free_bytes: u64) -> Self {
        Self(AtomicU64::new(free_bytes))
    }

    /// From now on so many bytes are free.
    pub fn set(&self, free_bytes: u64) {
        self.0.store(free_bytes, Ordering::SeqCst);
    }
}

impl SpaceProbe for ManualSpace {
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.0.load(Ordering::SeqCst))
    }
}

/// What was found when the space was looked at last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpaceState {
    /// Bytes free in the file system of the data folder; `None` when the system does not tell.
    pub free_bytes: Option<u64>,
    /// The floor, in bytes; 0 for none.
    pub min_free_bytes: u64,
    /// Whether nothing new is begun.
    pub low: bool,
}

impl SpaceState {
    /// # Errors
    /// [`StoreError::InsufficientStorage`] when nothing new is to begin.
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

/// The space of one folder.
#[derive(Debug)]
pub(crate) struct Space {
    folder: PathBuf,
    probe: Arc<dyn SpaceProbe>,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    state: SpaceState,
    /// Monotonic time of the look.
    at_ms: Option<u64>,
}

impl Space {
    pub fn new(folder: &Path, probe: Arc<dyn SpaceProbe>, min_free_bytes: u64) -> Self {
        let state = SpaceState { min_free_bytes, ..SpaceState::default() };
        Self { folder: folder.into(), probe, seen: Mutex::new(Seen { state, at_ms: None }) }
    }

    /// The state, looked at anew when the last look is a second old.
    pub fn state(&self, now_ms: u64) -> SpaceState {
        let mut seen = self.lock();
        if seen.at_ms.is_none_or(|at_ms| now_ms.saturating_sub(at_ms) >= LOOK_INTERVAL_MS) {
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

/// The state after a look; says so when it has changed.
fn judged(before: SpaceState, found: io::Result<u64>) -> SpaceState {
    let SpaceState { min_free_bytes: floor, low: was_low, .. } = before;
    let free = match found {
        Ok(free) => free,
        Err(error) => {
            if before.free_bytes.is_some() {
                tracing::warn!(%error, "the system does not tell how much space is left");
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
            "space is short: no imports, hand-outs and witnesses until there is more; proofs are taken"
        ),
        (true, false) => tracing::info!(free, floor, "there is space again: everything goes on"),
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
    fn below_the_floor_is_low_until_there_is_a_little_more_than_the_floor() {
        let probe = Arc::new(ManualSpace::new(1_600));
        let space = Space::new(Path::new("/"), probe.clone(), 1_600);
        let mut now = 0;
        let mut look = |free| {
            probe.set(free);
            now += LOOK_INTERVAL_MS;
            space.state(now).low
        };
        let seen = [1_600, 1_599, 1_600, 1_699, 1_700, 1_600, 0, 5_000].map(&mut look);
        assert_eq!(seen, [false, true, true, true, false, false, true, false]);
    }

    #[test]
    fn the_system_is_asked_once_a_second() {
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
    fn a_system_that_does_not_tell_changes_nothing() {
        let low = SpaceState { free_bytes: Some(1), min_free_bytes: 5, low: true };
        let failed = || Err(io::Error::other("no answer"));
        assert_eq!(judged(low, failed()), SpaceState { free_bytes: None, ..low });
        let fine = SpaceState { free_bytes: None, min_free_bytes: 5, low: false };
        assert_eq!(judged(fine, failed()), fine);
    }

    #[test]
    fn the_system_tells_of_a_real_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert!(SystemSpace.free_bytes(folder.path()).unwrap() > 0);
        assert!(SystemSpace.free_bytes(&folder.path().join("missing")).is_err());
    }
}
