//! The source of time for leases and time stamps, which tests replace so that they need no sleep.

use std::fmt::{self, Debug, Display};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A wall clock and a monotonic clock.
///
/// Wall time is comparable across restarts, but may jump. Monotonic time measures intervals within
/// one run and never decreases.
///
/// Monotonic time stops while the machine is suspended (on Linux it is `CLOCK_MONOTONIC`, not
/// `CLOCK_BOOTTIME`): no heartbeat can arrive in that time, and a resumed machine must not end
/// every lease before the first heartbeat does.
pub trait Clock: Debug + Send + Sync {
    /// Returns the wall time, in milliseconds since 1970-01-01 UTC.
    fn wall_ms(&self) -> u64;
    /// Returns the monotonic time, in milliseconds since an arbitrary moment before the first call.
    fn monotonic_ms(&self) -> u64;
}

/// The clocks of the operating system.
#[derive(Debug)]
pub(crate) struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Creates a clock whose monotonic time starts at 0.
    pub(crate) fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn wall_ms(&self) -> u64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(any(test, feature = "testing"))]
/// A clock that only moves by calls, for tests. Its wall time can be set without its monotonic
/// time.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicU64,
    monotonic_ms: AtomicU64,
}

#[cfg(any(test, feature = "testing"))]
impl ManualClock {
    /// Creates a clock with the given wall time and monotonic time 0.
    pub fn new(wall_ms: u64) -> Self {
        Self { wall_ms: AtomicU64::new(wall_ms), monotonic_ms: AtomicU64::new(0) }
    }

    /// Advances wall time and monotonic time.
    pub fn advance(&self, ms: u64) {
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.monotonic_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets the wall time; monotonic time is unaffected.
    pub fn set_wall_ms(&self, ms: u64) {
        self.wall_ms.store(ms, Ordering::SeqCst);
    }
}

#[cfg(any(test, feature = "testing"))]
impl Clock for ManualClock {
    fn wall_ms(&self) -> u64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> u64 {
        self.monotonic_ms.load(Ordering::SeqCst)
    }
}

/// Limits progress reports of a long task to one per interval, and estimates the remaining time
/// from the pace of this run.
#[derive(Debug)]
pub(crate) struct ProgressMeter {
    interval: Duration,
    state: Mutex<Option<Pace>>,
}

#[derive(Debug)]
struct Pace {
    started: Instant,
    /// Items that an earlier, interrupted run completed; they do not count towards the pace.
    done_before: u64,
    last_report: Instant,
}

/// Progress of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProgressReport {
    /// Completed items.
    pub done: u64,
    /// All items.
    pub total: u64,
    /// Estimated remaining time, in whole seconds; `None` until this run has completed an item.
    pub left: Option<Duration>,
}

impl ProgressMeter {
    /// Creates a meter that reports once per `interval`.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, state: Mutex::new(None) }
    }

    /// Records that `done` of `total` items are completed; returns a report if one is due. The
    /// first call starts the measurement.
    pub(crate) fn update(&self, done: u64, total: u64) -> Option<ProgressReport> {
        self.update_at(Instant::now(), done, total)
    }

    fn update_at(&self, now: Instant, done: u64, total: u64) -> Option<ProgressReport> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = state.get_or_insert(Pace { started: now, done_before: done, last_report: now });
        if now.duration_since(pace.last_report) < self.interval {
            return None;
        }
        pace.last_report = now;
        let new = done.saturating_sub(pace.done_before);
        let rest = total.saturating_sub(done);
        let taken = now.duration_since(pace.started).as_secs_f64();
        let left = (new > 0).then(|| Duration::from_secs((taken * rest as f64 / new as f64).round() as u64));
        Some(ProgressReport { done, total, left })
    }
}

impl Display for ProgressReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.done, self.total)?;
        match self.left {
            Some(left) => write!(f, ", {} left", humantime::format_duration(left)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_reports_once_per_interval_and_estimates_from_the_pace_of_this_run() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let meter = ProgressMeter::new(Duration::from_secs(5));
        // 400 items were completed by an earlier run and do not count towards the pace.
        assert_eq!(meter.update_at(start, 400, 1000), None);
        assert_eq!(meter.update_at(after(4), 500, 1000), None);
        let report = meter.update_at(after(10), 500, 1000).unwrap();
        assert_eq!(report.to_string(), "500 of 1000, 50s left");
        assert_eq!(meter.update_at(after(14), 600, 1000), None);
        assert_eq!(meter.update_at(after(15), 1000, 1000).unwrap().to_string(), "1000 of 1000, 0s left");
        let idle = ProgressMeter::new(Duration::ZERO);
        assert_eq!(idle.update_at(start, 0, 7).unwrap().to_string(), "0 of 7");
    }

    #[test]
    fn setting_the_wall_clock_does_not_move_the_monotonic_clock() {
        let clock = ManualClock::new(1_000);
        clock.advance(5);
        clock.set_wall_ms(7);
        assert_eq!((clock.wall_ms(), clock.monotonic_ms()), (7, 5));
    }

    #[test]
    fn the_system_clock_never_decreases() {
        let clock = SystemClock::new();
        let first = clock.monotonic_ms();
        assert!(clock.monotonic_ms() >= first && clock.wall_ms() > 0);
    }
}
