//! Wakes worker threads when something they may wait for has changed.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// A counter of changes that threads wait on.
///
/// A thread that changes something calls [`notify`](Self::notify). A thread that waits reads the
/// [`generation`](Self::generation) before it looks for work, and waits from there if it finds
/// none, so that a change in between is not missed. All workers share one `Wakeup`: they are few,
/// and looking for work twice is cheap.
#[derive(Debug, Default)]
pub struct Wakeup {
    state: Mutex<State>,
    changed: Condvar,
    /// Wakes waiting tasks.
    task: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    generation: u64,
    stopping: bool,
    paused: bool,
}

/// The number of changes up to a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(u64);

impl Wakeup {
    /// Wakes all waiting threads.
    pub fn notify(&self) {
        self.lock().generation += 1;
        self.changed.notify_all();
        self.task.notify_waiters();
    }

    /// Ends all present and future waits.
    pub fn stop(&self) {
        self.lock().stopping = true;
        self.changed.notify_all();
    }

    /// Ends all present and future waits of the workers, until [`resume`](Self::resume).
    pub(super) fn pause(&self) {
        self.lock().paused = true;
        self.changed.notify_all();
    }

    /// Ends a pause.
    pub(super) fn resume(&self) {
        self.lock().paused = false;
    }

    /// Returns true if the workers have to end: after [`stop`](Self::stop) and during a pause.
    pub(super) fn is_halting(&self) -> bool {
        let state = self.lock();
        state.stopping || state.paused
    }

    /// Returns true once [`stop`](Self::stop) was called.
    pub fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Returns the present generation, to [`wait`](Self::wait) from.
    pub fn generation(&self) -> Generation {
        Generation(self.lock().generation)
    }

    /// Waits for a change after `since`, for the stop, or for `timeout`.
    pub fn wait(&self, since: Generation, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        while !state.stopping && !state.paused && state.generation == since.0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits in a task for a change after `since`.
    pub(crate) async fn changed(&self, since: Generation) {
        let mut change = std::pin::pin!(self.task.notified());
        // A change from here on wakes the task.
        change.as_mut().enable();
        if self.generation() == since {
            change.await;
        }
    }

    /// Waits for `timeout` or the stop, regardless of changes.
    pub fn sleep(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        while !self.is_halting() && Instant::now() < deadline {
            self.wait(self.generation(), deadline.saturating_duration_since(Instant::now()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_between_looking_and_waiting_is_not_missed() {
        let wakeup = Wakeup::default();
        let before = wakeup.generation();
        wakeup.notify();
        let start = Instant::now();
        wakeup.wait(before, Duration::from_secs(60));
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_pause_ends_waits_until_it_is_over() {
        let wakeup = Wakeup::default();
        wakeup.pause();
        let start = Instant::now();
        wakeup.wait(wakeup.generation(), Duration::from_secs(60));
        assert!(wakeup.is_halting() && !wakeup.is_stopping() && start.elapsed() < Duration::from_secs(30));
        wakeup.resume();
        assert!(!wakeup.is_halting());
    }

    #[tokio::test]
    async fn a_change_wakes_a_task() {
        let wakeup = Wakeup::default();
        let before = wakeup.generation();
        tokio::join!(wakeup.changed(before), async { wakeup.notify() });
        wakeup.changed(before).await;
        let waits = wakeup.changed(wakeup.generation());
        assert!(tokio::time::timeout(Duration::from_millis(20), waits).await.is_err());
    }

    #[test]
    fn stop_ends_every_wait() {
        let wakeup = Wakeup::default();
        wakeup.stop();
        let start = Instant::now();
        wakeup.wait(wakeup.generation(), Duration::from_secs(60));
        wakeup.sleep(Duration::from_secs(60));
        assert!(wakeup.is_stopping() && start.elapsed() < Duration::from_secs(30));
    }
}
