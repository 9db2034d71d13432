//! The wake-up call: rung whenever something changed that a worker may wait for.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A counter that threads wait on. Whoever changes something rings; whoever found nothing to do waits for the next ring,
/// counted from before it looked, so that no ring is missed. One bell serves all workers: they are few, and
/// looking twice is cheap.
#[derive(Debug, Default)]
pub struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    rings: u64,
    stopping: bool,
}

/// A moment to wait from.
#[derive(Clone, Copy, Debug)]
pub struct Heard(u64);

impl Bell {
    /// Wakes everyone.
    pub fn ring(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).rings += 1;
        self.rung.notify_all();
    }

    /// Wakes everyone for good: every wait returns at once from now on.
    pub fn stop(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stopping = true;
        self.rung.notify_all();
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn is_stopping(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stopping
    }

    /// Marks the moment before looking for work.
    pub fn listen(&self) -> Heard {
        Heard(self.state.lock().unwrap_or_else(PoisonError::into_inner).rings)
    }

    /// Waits for a ring after `heard`, for the stop, or for the timeout.
    pub fn wait(&self, heard: Heard, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.stopping && state.rings == heard.0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.rung.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for the stop or the timeout, whatever rings.
    pub fn pause(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        while !self.is_stopping() && Instant::now() < deadline {
            self.wait(self.listen(), deadline.saturating_duration_since(Instant::now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_between_looking_and_waiting_is_not_missed() {
        let bell = Bell::default();
        let heard = bell.listen();
        bell.ring();
        let start = Instant::now();
        bell.wait(heard, Duration::from_secs(60));
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn stopping_ends_every_wait() {
        let bell = Bell::default();
        bell.stop();
        let start = Instant::now();
        bell.wait(bell.listen(), Duration::from_secs(60));
        bell.pause(Duration::from_secs(60));
        assert!(bell.is_stopping() && start.elapsed() < Duration::from_secs(30));
    }
}
