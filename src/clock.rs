//! Time, as an argument: leases and time stamps ask a [`Clock`], so that tests need no sleep.

use std::fmt::{self, Debug, Display};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the time comes from.
///
/// The wall clock names moments across restarts and may jump; the monotonic clock measures spans within one run
/// and never goes back.
///
/// Time in which the whole machine sleeps is no part of a span (on Linux: `CLOCK_MONOTONIC`, not `CLOCK_BOOTTIME`): nobody could send a
/// heartbeat meanwhile, and a machine that wakes up must not end every lease before the first one arrives.
pub trait Clock: Debug + Send + Sync {
    /// Milliseconds since 1970-01-01 UTC.
    fn wall_ms(&self) -> u64;
    /// Milliseconds since an arbitrary moment before the first call; never decreases.
    fn monotonic_ms(&self) -> u64;
}

/// The clocks of the machine.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Monotonic time counts from this call.
    pub fn new() -> Self {
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

/// A clock that moves only when told to; the wall clock can be set apart from the monotonic one.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicU64,
    monotonic_ms: AtomicU64,
}

impl ManualClock {
    /// Starts at this wall time, with the monotonic clock at 0.
    pub fn new(wall_ms: u64) -> Self {
        Self { wall_ms: AtomicU64::new(wall_ms), monotonic_ms: AtomicU64::new(0) }
    }

    /// Time passes: both clocks move.
    pub fn advance(&self, ms: u64) {
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.monotonic_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Somebody sets the wall clock: the monotonic one does not notice.
    pub fn set_wall_ms(&self, ms: u64) {
        self.wall_ms.store(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn wall_ms(&self) -> u64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> u64 {
        self.monotonic_ms.load(Ordering::SeqCst)
    }
}

/// Says now and then how far a long task is and how long the rest will take, judged by the pace so far.
#[derive(Debug)]
pub struct Countdown {
    interval: Duration,
    state: Mutex<Option<Pace>>,
}

#[derive(Debug)]
struct Pace {
    began: Instant,
    /// What was done before, by an earlier run: it took no time now.
    done_before: u64,
    told: Instant,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Things done.
    pub done: u64,
    /// Things there are to do in all.
    pub total: u64,
    /// Time the rest will take, in whole seconds; `None` while nothing was done yet.
    pub left: Option<Duration>,
}

impl Countdown {
    /// Speaks up once in `interval`.
    pub fn new(interval: Duration) -> Self {
        Self { interval, state: Mutex::new(None) }
    }

    /// `done` of `total` are done: the standing, if it is time to say so. The first call begins the count.
    pub fn tell(&self, done: u64, total: u64) -> Option<Standing> {
        self.tell_at(Instant::now(), done, total)
    }

    fn tell_at(&self, now: Instant, done: u64, total: u64) -> Option<Standing> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = state.get_or_insert(Pace { began: now, done_before: done, told: now });
        if now.duration_since(pace.told) < self.interval {
            return None;
        }
        pace.told = now;
        let (new, rest) = (done.saturating_sub(pace.done_before), total.saturating_sub(done));
        let taken = now.duration_since(pace.began).as_secs_f64();
        let left = (new > 0).then(|| Duration::from_secs((taken * rest as f64 / new as f64).round() as u64));
        Some(Standing { done, total, left })
    }
}

impl Display for Standing {
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
    fn a_countdown_speaks_up_now_and_then_and_judges_by_what_this_run_did() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let countdown = Countdown::new(Duration::from_secs(5));
        // 400 were done before: they say nothing about the pace.
        assert_eq!(countdown.tell_at(start, 400, 1000), None);
        assert_eq!(countdown.tell_at(after(4), 500, 1000), None);
        let standing = countdown.tell_at(after(10), 500, 1000).unwrap();
        assert_eq!(standing.to_string(), "500 of 1000, 50s left");
        assert_eq!(countdown.tell_at(after(14), 600, 1000), None);
        assert_eq!(countdown.tell_at(after(15), 1000, 1000).unwrap().to_string(), "1000 of 1000, 0s left");
        let idle = Countdown::new(Duration::ZERO);
        assert_eq!(idle.tell_at(start, 0, 7).unwrap().to_string(), "0 of 7");
    }

    #[test]
    fn the_monotonic_clock_does_not_notice_a_wall_clock_that_is_set() {
        let clock = ManualClock::new(1_000);
        clock.advance(5);
        clock.set_wall_ms(7);
        assert_eq!((clock.wall_ms(), clock.monotonic_ms()), (7, 5));
    }

    #[test]
    fn the_system_clock_does_not_go_back() {
        let clock = SystemClock::new();
        let first = clock.monotonic_ms();
        assert!(clock.monotonic_ms() >= first && clock.wall_ms() > 0);
    }
}
