//! Exponential backoff: the delay before the next attempt doubles with each attempt, up to a
//! maximum.

use std::time::Duration;

/// Delays between attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
}

impl Backoff {
    /// Returns the backoff that starts with `first` and never exceeds `max`.
    pub(crate) const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max }
    }

    /// Returns the delay after the failed attempt of that number, counted from 1.
    pub(crate) fn delay(&self, attempt: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_maximum() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(1_500));
        let delays = [1, 2, 3, 4, 5, 6].map(|attempt| backoff.delay(attempt).as_millis());
        assert_eq!(delays, [100, 200, 400, 800, 1_500, 1_500]);
        assert_eq!(backoff.delay(0), backoff.delay(1));
        for attempt in [31, 32, 33, 1_000, u32::MAX] {
            assert_eq!(backoff.delay(attempt).as_millis(), 1_500, "{attempt}");
        }
        assert_eq!(Backoff::new(Duration::ZERO, Duration::MAX).delay(9), Duration::ZERO);
        assert_eq!(Backoff::new(Duration::MAX, Duration::MAX).delay(9), Duration::MAX);
    }
}
