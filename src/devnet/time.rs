//! The time of a devnet: that of the machine, moved by test controls.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};

use crate::clock::Clock;

/// The time of a devnet. Timestamps of blocks follow it; leases and time stamps of the server do
/// not.
#[derive(Debug)]
pub(super) struct DevnetTime {
    clock: Arc<dyn Clock>,
    /// Milliseconds by which it is ahead of the clock.
    offset_ms: AtomicI64,
}

impl DevnetTime {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, offset_ms: AtomicI64::new(0) }
    }

    /// Returns the time in milliseconds since 1970.
    pub(super) fn now_ms(&self) -> u64 {
        self.clock.wall_ms().saturating_add_signed(self.offset_ms())
    }

    /// Returns the time, exact to milliseconds.
    pub(super) fn now(&self) -> DateTime<Utc> {
        date(self.now_ms())
    }

    /// Returns the milliseconds by which it is ahead of the clock.
    pub(super) fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::SeqCst)
    }

    /// Sets the milliseconds by which it is ahead of the clock.
    pub(super) fn set_offset_ms(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::SeqCst);
    }

    /// Returns the offset at which the time is `ms` now.
    pub(super) fn offset_to(&self, ms: u64) -> i64 {
        let difference = i128::from(ms) - i128::from(self.clock.wall_ms());
        i64::try_from(difference).unwrap_or(i64::MAX)
    }
}

/// Returns a time from milliseconds since 1970.
pub(super) fn date(ms: u64) -> DateTime<Utc> {
    i64::try_from(ms).ok().and_then(DateTime::from_timestamp_millis).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Returns the last time that can be set, in Unix seconds: the end of the year 9999, up to which
/// every date has its JSON form.
pub(super) const LAST_SECOND: u64 = 253_402_300_799;
