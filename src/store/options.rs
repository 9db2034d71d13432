//! How a data folder is opened.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::domain::job::LeasePolicy;
use crate::metrics::Metrics;
use crate::store::durable::free_space::{SpaceProbe, SystemSpace};

/// How a store works.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Cache of the index, in bytes on disk; memory use is larger.
    pub cache_bytes: u64,
    /// Interval of background flushes, in milliseconds: what is not synced explicitly may be lost for that long.
    pub flush_every_ms: u64,
    /// How many blocks a revert can go back.
    pub history: u32,
    /// A lease that is not renewed for that long ends.
    pub gone_timeout: Duration,
    /// A job that was handed out that often and not proven is parked as failed; `None` for no limit.
    pub max_attempts: Option<u32>,
    /// A job whose lease ended waits for that long before it is handed out again, twice as long after each attempt, up to
    /// `gone_timeout`; zero for no wait.
    pub retry_backoff: Duration,
    /// Bytes of the file system that are to stay free: below, nothing new is begun. 0 for no such floor.
    pub min_free_bytes: u64,
    /// Who tells how much is free.
    pub space: Arc<dyn SpaceProbe>,
    /// How many rejected proofs are kept.
    pub max_rejected: u32,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where the store counts and times what it does.
    pub metrics: Arc<Metrics>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            flush_every_ms: 100,
            history: 400,
            gone_timeout: Duration::from_secs(60),
            max_attempts: None,
            retry_backoff: Duration::from_secs(1),
            min_free_bytes: 0,
            space: Arc::new(SystemSpace),
            max_rejected: 100,
            clock: Arc::new(SystemClock::new()),
            metrics: Arc::default(),
        }
    }
}

impl StoreOptions {
    pub(crate) fn lease_policy(&self) -> LeasePolicy {
        LeasePolicy {
            gone_timeout_ms: milliseconds(self.gone_timeout),
            max_attempts: self.max_attempts,
            retry_backoff_ms: milliseconds(self.retry_backoff),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
