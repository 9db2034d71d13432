//! A prover client in the field's protocol, with the proving left to the caller (spec 06 §5).
//!
//! [`SampleProver`] asks for jobs, sends heartbeats while a prove function works, publishes what it returns, and says goodbye.
//! It keeps trying when the server is away, and never throws a proof away while the server may still take it.
//! [`sample_proof`] is a prove function whose proofs are **not cryptographic**: they have the right form and the right public
//! input, and convince nobody. It serves demos and tests of everything around the proving.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use crate::api::paths;
use crate::client::{Client, ClientError};
use crate::crypto::{Fr, fr};
use crate::domain::{
    BlockNumber, JobRequestData, JobResultData, ProverInputRequest, ProverInputRequestAuxData,
    ProverInputResponse, ProverOutputRequest, ProverStopped, SingleProof, WorkingOn, sample_aggregated_proof,
    sample_single_proof,
};

/// Pause after the server could not be reached, and the longest one.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// What there is to prove.
pub enum Work {
    /// A block: its `ProverData` as JSON, and its size in chunks.
    Block(Box<RawValue>, usize),
    /// The proofs of a range of blocks, each with its block's size.
    Aggregate(Vec<(SingleProof, usize)>),
}

/// A job that was handed out.
pub struct Job {
    /// The job's id.
    pub id: i32,
    /// First block of the range.
    pub first: u32,
    /// Last block of the range.
    pub last: u32,
    /// The work itself.
    pub work: Work,
}

/// Turns a job into a proof. Runs on a thread of its own, for as long as it takes.
pub type ProveFunction = Arc<dyn Fn(&Job) -> anyhow::Result<JobResultData> + Send + Sync>;

/// How a prover behaves.
#[derive(Clone, Debug)]
pub struct ProverOptions {
    /// Name under which it holds jobs.
    pub name: String,
    /// Interval of heartbeats.
    pub heartbeat_interval: Duration,
    /// Pause after being told that there is no job.
    pub cycle_wait: Duration,
    /// Ends after one published proof.
    pub die_after_proof: bool,
    /// Ends once there was no job for that long; `None` to go on for ever.
    pub max_idle: Option<Duration>,
}

/// See the module.
pub struct SampleProver {
    client: Client,
    options: ProverOptions,
    prove: ProveFunction,
}

/// Why a prover stopped early: the server refuses to talk to it.
#[derive(Debug, thiserror::Error)]
#[error("the server refuses this prover for good: {0}")]
pub struct Refused(#[from] ClientError);

impl SampleProver {
    /// A prover that talks through `client`.
    pub fn new(client: Client, options: ProverOptions, prove: ProveFunction) -> Self {
        Self { client, options, prove }
    }

    /// Works until `stop` turns true (or its sender is gone), or until its options end it. Gives the number of proofs that
    /// the server took.
    ///
    /// # Errors
    /// [`Refused`] when the server does not accept the token.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<u64, Refused> {
        let mut proofs = 0;
        let mut retry = FIRST_RETRY;
        let mut last_job = std::time::Instant::now();
        let outcome = loop {
            if *stop.borrow() {
                break Ok(proofs);
            }
            let pause = match self.next_job().await {
                Ok(Some(job)) => {
                    retry = FIRST_RETRY;
                    match self.work(job, &mut stop).await {
                        Ok(taken) => proofs += u64::from(taken),
                        Err(refused) => break Err(refused),
                    }
                    last_job = std::time::Instant::now();
                    if self.options.die_after_proof && proofs > 0 {
                        break Ok(proofs);
                    }
                    continue;
                }
                Ok(None) => {
                    retry = FIRST_RETRY;
                    self.options.cycle_wait
                }
                Err(error @ ClientError::Unauthorized { .. }) => break Err(error.into()),
                Err(error) => {
                    debug!(%error, "the server gives no job, it will be asked again");
                    let pause = retry;
                    retry = (retry * 2).min(LAST_RETRY);
                    pause
                }
            };
            if self.options.max_idle.is_some_and(|limit| last_job.elapsed() >= limit) {
                break Ok(proofs);
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                changed = stop.changed() => if changed.is_err() { break Ok(proofs) },
            }
        };
        // Frees what this prover holds; a server that is gone finds out by itself.
        let goodbye = ProverStopped { prover_name: self.options.name.clone() };
        if let Err(error) = self.client.post(paths::STOPPED, &goodbye).await {
            debug!(%error, "the server could not be told that this prover stops");
        }
        outcome
    }

    async fn next_job(&self) -> Result<Option<Job>, ClientError> {
        let request = ProverInputRequest {
            prover_name: self.options.name.clone(),
            aux_data: ProverInputRequestAuxData::default(),
        };
        let body = self.client.get_with_body(paths::GET_JOB, &request).await?.success()?;
        let response: ProverInputResponse = serde_json::from_slice(&body)?;
        Ok(response.data.map(|data| Job {
            id: response.job_id,
            first: response.first_block.0,
            last: response.last_block.0,
            work: match data {
                JobRequestData::BlockProof(witness, size) => Work::Block(witness, size),
                JobRequestData::AggregatedBlockProof(proofs) => Work::Aggregate(proofs),
            },
        }))
    }

    /// Proves and publishes; whether the server took the proof.
    async fn work(&self, job: Job, stop: &mut watch::Receiver<bool>) -> Result<bool, Refused> {
        let (id, first, last) = (job.id, job.first, job.last);
        debug!(job = id, first, last, "working");
        let prove = self.prove.clone();
        let mut proving = tokio::task::spawn_blocking(move || prove(&job));
        let mut heartbeat = tokio::time::interval(self.options.heartbeat_interval);
        let result = loop {
            tokio::select! {
                result = &mut proving => break result,
                _ = heartbeat.tick() => self.heartbeat(id).await,
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

    async fn heartbeat(&self, job_id: i32) {
        let message = WorkingOn { job_id, prover_name: self.options.name.clone() };
        if let Err(error) = self.client.post(paths::WORKING_ON, &message).await {
            debug!(job = job_id, %error, "a heartbeat did not arrive");
        }
    }

    async fn publish(
        &self,
        output: &ProverOutputRequest,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<bool, Refused> {
        let mut retry = FIRST_RETRY;
        loop {
            let answer = self.client.post(paths::PUBLISH, output).await;
            match answer.and_then(|answer| answer.success()) {
                Ok(_) => {
                    info!(job = output.job_id, block = output.first_block.0, "proof published");
                    return Ok(true);
                }
                Err(error @ ClientError::Unauthorized { .. }) => return Err(error.into()),
                Err(ClientError::Refused { status, body }) if !is_passing(status) => {
                    warn!(job = output.job_id, %status, message = body.message, "the proof was not taken");
                    return Ok(false);
                }
                // Away, overloaded or without space: a proof is worth waiting for.
                Err(error) => debug!(job = output.job_id, %error, "the proof will be published again"),
            }
            if *stop.borrow() {
                return Ok(false);
            }
            tokio::time::sleep(retry).await;
            retry = (retry * 2).min(LAST_RETRY);
        }
    }
}

/// Whether the server may take later what it does not take now.
fn is_passing(status: StatusCode) -> bool {
    matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE)
}

/// Makes a proof of the right form with the right public input. **Not cryptographic**: it convinces no verifier.
///
/// # Errors
/// When the job's data lack what a prover needs.
pub fn sample_proof(job: &Job) -> anyhow::Result<JobResultData> {
    #[derive(Deserialize)]
    struct PublicPart {
        #[serde(with = "fr::serde_fr")]
        public_data_commitment: Fr,
    }
    let seed = u64::from(job.first) << 32 | u64::from(job.last);
    match &job.work {
        Work::Block(witness, _) => {
            let public: PublicPart = serde_json::from_str(witness.get()).context("the witness")?;
            Ok(JobResultData::BlockProof(sample_single_proof(&public.public_data_commitment, seed)))
        }
        Work::Aggregate(proofs) => {
            let inputs: Result<Vec<Fr>, _> = proofs
                .iter()
                .map(|(proof, _)| {
                    let inputs = proof.public_inputs()?;
                    inputs.first().copied().context("a proof without public input")
                })
                .collect();
            Ok(JobResultData::AggregatedBlockProof(sample_aggregated_proof(&inputs?, seed)))
        }
    }
}
