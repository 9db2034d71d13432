//! Options of a data folder.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::domain::job::LeasePolicy;
use crate::metrics::Metrics;
use crate::store::durable::free_space::{SpaceProbe, SystemSpace};

/// Options of a [`Store`](crate::store::Store).
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Size of the cache of the kv, in bytes on disk; the cache uses more memory.
    pub cache_bytes: u64,
    /// Interval of background flushes in milliseconds. A power failure may lose the unsynced writes
    /// of this time.
    pub flush_every_ms: u64,
    /// Number of blocks that a revert can go back.
    pub history: u32,
    /// Time without a heartbeat after which a lease ends.
    pub gone_timeout: Duration,
    /// Number of attempts after which a job has failed; `None` for no limit.
    pub max_attempts: Option<u32>,
    /// Backoff of a job whose lease ended, doubled with each attempt up to `gone_timeout`; zero for
    /// none.
    pub retry_backoff: Duration,
    /// Time for which a prover gets no job after a refused proof, doubled with each further one in a
    /// row; zero for none.
    pub refusal_backoff: Duration,
    /// Maximum number of jobs that one prover holds; `None` for no limit.
    pub max_jobs_per_prover: Option<u32>,
    /// Floor of the free space in bytes, below which no new work begins; 0 for none.
    pub min_free_bytes: u64,
    /// Source of the free space.
    pub space: Arc<dyn SpaceProbe>,
    /// Number of rejected proofs that are stored.
    pub max_rejected: u32,
    /// True if published proofs wait until they are handed back to a node.
    pub hand_back: bool,
    /// Source of the time.
    pub clock: Arc<dyn Clock>,
    /// Counters and timers of the run.
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
            refusal_backoff: Duration::from_secs(2),
            max_jobs_per_prover: None,
            min_free_bytes: 0,
            space: Arc::new(SystemSpace),
            max_rejected: 100,
            hand_back: false,
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
