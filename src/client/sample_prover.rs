//! A prover whose proving is left to the caller.
//!
//! [`SampleProver`] claims jobs, sends heartbeats while a prove function runs, publishes the
//! result, and releases its jobs when it stops. It keeps trying while the server cannot be reached,
//! and keeps a proof as long as the server may still accept it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::{
    error::ClientError,
    http::Client,
    prover_protocol::{ProverClient, ProverJob},
};
use crate::{
    backoff::Backoff,
    domain::{BlockNumber, JobResultData, ProverOutputRequest},
};

/// Delays after the server could not be reached.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// Turns a job into a proof. Runs on a thread of its own for as long as it takes.
pub type ProveFunction = Arc<dyn Fn(&ProverJob) -> anyhow::Result<JobResultData> + Send + Sync>;

/// Options of a prover.
#[derive(Clone, Debug)]
pub struct ProverOptions {
    /// Name under which it holds jobs.
    pub name: String,
    /// Interval of heartbeats.
    pub heartbeat_interval: Duration,
    /// Delay after a response without a job.
    pub cycle_wait: Duration,
    /// True if it stops after its first accepted proof.
    pub die_after_proof: bool,
    /// Time without a job after which it stops; `None` if it never does.
    pub max_idle: Option<Duration>,
}

/// A prover: a client, options and a prove function.
pub struct SampleProver {
    prover: ProverClient,
    options: ProverOptions,
    prove: ProveFunction,
}

/// The server refuses the prover's token, so the prover stopped.
#[derive(Debug, thiserror::Error)]
#[error("the prover stopped: {0}")]
pub struct Refused(#[from] pub ClientError);

impl SampleProver {
    /// Returns a prover that sends its requests through `client`.
    pub fn new(client: Client, options: ProverOptions, prove: ProveFunction) -> Self {
        Self { prover: ProverClient::new(client, options.name.clone()), options, prove }
    }

    /// Works until `stop` becomes true or its sender is dropped, or until an option ends it.
    /// Returns the number of accepted proofs.
    ///
    /// # Errors
    /// [`Refused`] if the server refuses the token.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<u64, Refused> {
        let mut proofs = 0;
        let mut failures = 0;
        let mut last_job = Instant::now();
        let outcome = loop {
            if *stop.borrow() {
                break Ok(proofs);
            }
            let delay = match self.prover.get_job().await {
                Ok(Some(job)) => {
                    failures = 0;
                    match self.work(job, &mut stop).await {
                        Ok(accepted) => proofs += u64::from(accepted),
                        Err(refused) => break Err(refused),
                    }
                    last_job = Instant::now();
                    if self.options.die_after_proof && proofs > 0 {
                        break Ok(proofs);
                    }
                    continue;
                }
                Ok(None) => {
                    failures = 0;
                    self.options.cycle_wait
                }
                Err(error @ ClientError::Unauthorized { .. }) => break Err(error.into()),
                Err(error) => {
                    report(&error, "no job could be requested; trying again");
                    failures += 1;
                    BACKOFF.delay(failures)
                }
            };
            if self.options.max_idle.is_some_and(|limit| last_job.elapsed() >= limit) {
                break Ok(proofs);
            }
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                changed = stop.changed() => if changed.is_err() { break Ok(proofs) },
            }
        };
        // If this fails, the leases end by themselves.
        if let Err(error) = self.prover.stopped().await {
            debug!(%error, "the jobs of this prover could not be released");
        }
        outcome
    }

    /// Proves a job and publishes the proof. Returns true if the server accepted it.
    async fn work(&self, job: ProverJob, stop: &mut watch::Receiver<bool>) -> Result<bool, Refused> {
        let ProverJob { id, first, last, .. } = job;
        debug!(job = id, first, last, "working");
        let prove = self.prove.clone();
        let mut proving = tokio::task::spawn_blocking(move || prove(&job));
        let mut heartbeat = tokio::time::interval(self.options.heartbeat_interval);
        let result = loop {
            tokio::select! {
                result = &mut proving => break result,
                _ = heartbeat.tick() => {
                    if let Err(error) = self.prover.heartbeat(id).await {
                        debug!(job = id, %error, "a heartbeat failed");
                    }
                }
            }
        };
        let data = match result {
            Ok(Ok(data)) => data,
            Ok(Err(error)) => {
                warn!(job = id, %error, "the job could not be proven");
                return Ok(false);
            }
            Err(_) => {
                warn!(job = id, "the prove function panicked");
                return Ok(false);
            }
        };
        let output = ProverOutputRequest {
            job_id: id,
            first_block: BlockNumber(first),
            last_block: BlockNumber(last),
            data,
        };
        self.publish(&output, stop).await
    }

    async fn publish(
        &self,
        output: &ProverOutputRequest,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<bool, Refused> {
        for attempt in 1.. {
            match self.prover.publish(output).await {
                Ok(()) => {
                    info!(job = output.job_id, block = output.first_block.0, "proof published");
                    return Ok(true);
                }
                Err(error @ ClientError::Unauthorized { .. }) => return Err(error.into()),
                Err(ClientError::Refused { status, problem }) if !is_temporary(status) => {
                    warn!(job = output.job_id, %status, message = problem.message, "the proof was refused");
                    return Ok(false);
                }
                // Proving took longer than any outage should last.
                Err(error) => report(&error, "the proof will be published again"),
            }
            if *stop.borrow() {
                break;
            }
            tokio::time::sleep(BACKOFF.delay(attempt)).await;
        }
        Ok(false)
    }
}

/// Logs a failed request that is repeated: as a warning if an operator has to set a clock or a proxy.
fn report(error: &ClientError, then: &str) {
    match error {
        ClientError::TokenTime { .. } | ClientError::NotTheServer { .. } => warn!(%error, "{then}"),
        error => debug!(%error, "{then}"),
    }
}

/// Returns true if the server may later accept a request that it refused with this status.
fn is_temporary(status: StatusCode) -> bool {
    matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE)
}
