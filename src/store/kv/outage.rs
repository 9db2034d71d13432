//! A period in which the kv cannot be reopened, and the time of the next attempt.

use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::store::error::StoreError;

/// Delays between attempts to reopen the kv.
const REOPENS: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// Lasts from the first failed reopen to the next successful one.
#[derive(Debug)]
pub(crate) struct Outage {
    /// The error of the last attempt.
    cause: String,
    attempts: u32,
    /// Time of the next attempt.
    next: Instant,
}

impl Outage {
    /// Begins an outage with a failed attempt, or continues the one before.
    pub(crate) fn after(before: Option<&Self>, cause: &StoreError) -> Self {
        let attempts = before.map_or(0, |outage| outage.attempts).saturating_add(1);
        Self { cause: cause.to_string(), attempts, next: Instant::now() + REOPENS.delay(attempts) }
    }

    /// Returns the number of failed attempts.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns true if it is time for the next attempt.
    pub(crate) fn is_next_due(&self) -> bool {
        Instant::now() >= self.next
    }

    /// Returns the error of the operations in the meantime.
    pub(crate) fn error(&self) -> StoreError {
        StoreError::Closed { cause: self.cause.clone() }
    }
}
