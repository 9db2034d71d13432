//! Options of the workers.

use std::sync::Arc;
use std::time::Duration;

use super::verifier::Verifier;
use crate::clock::{Clock, SystemClock};
use crate::config::Share;
use crate::metrics::Metrics;

/// Options of a [`Node`](super::Node).
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Number of maintainer threads, at least 1.
    pub witness_generators: u32,
    /// True if all other threads run before those that build witnesses.
    pub witnesses_in_background: bool,
    /// Longest wait of updater, hasher and maintainers if nothing wakes them.
    pub interval: Duration,
    /// Numbers of blocks to aggregate; empty if aggregated operations are only imported.
    pub aggregate: Vec<u32>,
    /// Longest time that a proven block waits for a larger aggregate.
    pub aggregate_deadline: Duration,
    /// Number of verified blocks that keep their witnesses and finished jobs; `None` keeps all.
    pub keep_verified: Option<u32>,
    /// Share of the blocks for which jobs are made.
    pub share: Share,
    /// Least number of provers that is reported to a scaler.
    pub idle_provers: u64,
    /// Source of the time.
    pub clock: Arc<dyn Clock>,
    /// Counters and timers of the node; the same as those of its store.
    pub metrics: Arc<Metrics>,
    /// Verifies published proofs; `None` accepts them unverified.
    pub verifier: Option<Arc<Verifier>>,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            witness_generators: 4,
            witnesses_in_background: false,
            interval: Duration::from_secs(5),
            aggregate: Vec::new(),
            aggregate_deadline: Duration::from_secs(1),
            keep_verified: None,
            share: Share::ALL,
            idle_provers: 1,
            clock: Arc::new(SystemClock::new()),
            metrics: Arc::default(),
            verifier: None,
        }
    }
}
