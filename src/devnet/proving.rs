//! The sample provers of a devnet, and their test controls.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::warn;

use crate::client::{Client, ProveFunction, ProverJob, ProverOptions, SampleProver, sample_proof};
use crate::config::Config;
use crate::domain::JobResultData;

/// The settings of the test controls for the sample provers.
#[derive(Debug, Default)]
pub(super) struct Proving {
    /// Number of proofs that still fail.
    failing: AtomicU32,
    held: Mutex<BTreeSet<u32>>,
    changed: Condvar,
    stopping: AtomicBool,
}

impl Proving {
    /// Makes the next `count` proofs fail.
    pub(super) fn fail_next(&self, count: u32) {
        self.failing.store(count, Ordering::SeqCst);
    }

    /// Holds a block back, or releases it.
    pub(super) fn hold(&self, block: u32, held: bool) {
        let mut blocks = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held {
            blocks.insert(block);
        } else {
            blocks.remove(&block);
        }
        self.changed.notify_all();
    }

    /// Returns the blocks that are held back.
    pub(super) fn held(&self) -> Vec<u32> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Forgets every control.
    pub(super) fn clear(&self) {
        self.fail_next(0);
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.changed.notify_all();
    }

    /// Ends all waits; proofs in progress fail.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.clear();
    }

    /// Proves a job as the controls say.
    fn prove(&self, job: &ProverJob, duration: Duration) -> anyhow::Result<JobResultData> {
        self.wait(job.first, job.last, duration)?;
        let one_less = |left: u32| left.checked_sub(1);
        if self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            bail!("this proof was requested to fail");
        }
        sample_proof(job)
    }

    /// Waits for the duration of a proof, and as long as a block of the range is held.
    fn wait(&self, first: u32, last: u32, duration: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + duration;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.stopping.load(Ordering::SeqCst) {
                bail!("the devnet stops");
            }
            let left = end.saturating_duration_since(Instant::now());
            if held.range(first..=last).next().is_some() {
                held = self.changed.wait(held).unwrap_or_else(PoisonError::into_inner);
            } else if left.is_zero() {
                return Ok(());
            } else {
                held = self.changed.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

/// Running sample provers.
pub(super) struct Provers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Provers {
    /// Starts sample provers that talk to the server of `client`.
    pub(super) fn start(
        config: &Config,
        client: &Client,
        count: u32,
        duration: Duration,
        proving: &Arc<Proving>,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for number in 1..=count {
            let options = ProverOptions {
                name: format!("devnet-prover-{number}"),
                heartbeat_interval: config.prover_heartbeat_interval,
                cycle_wait: config.prover_cycle_wait,
                die_after_proof: false,
                max_idle: None,
            };
            let proving = proving.clone();
            let prove: ProveFunction = Arc::new(move |job| proving.prove(job, duration));
            let prover = SampleProver::new(client.clone(), options, prove);
            let stopped = stopped.clone();
            tasks.spawn(async move {
                if let Err(error) = prover.run(stopped).await {
                    warn!(%error, "a sample prover stopped");
                }
            });
        }
        Self { stop, tasks }
    }

    /// Stops the provers and waits for them.
    pub(super) async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_held_block_waits_for_its_release_and_a_stop_ends_it() {
        let proving = Arc::new(Proving::default());
        proving.hold(3, true);
        assert_eq!(proving.held(), [3]);
        proving.wait(1, 2, Duration::ZERO).unwrap();
        let waiting = |first, last| {
            let proving = proving.clone();
            std::thread::spawn(move || proving.wait(first, last, Duration::ZERO).is_ok())
        };
        let (single, range) = (waiting(3, 3), waiting(1, 4));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!single.is_finished() && !range.is_finished());
        proving.hold(3, false);
        assert!(single.join().unwrap() && range.join().unwrap());
        proving.hold(5, true);
        let stopped = waiting(5, 5);
        proving.stop();
        assert!(!stopped.join().unwrap());
    }
}
