//! The prover protocol from the prover's side, one request at a time (docs/protocol/06-server.md
//! §5).

use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{error::ClientError, http::Client};
use crate::{
    api::paths,
    crypto::{Fr, fr},
    domain::{
        JobRequestData, ProverInputRequest, ProverInputRequestAuxData, ProverInputResponse,
        ProverOutputRequest, ProverStopped, SingleProof, WorkingOn,
    },
};

/// The block, or the proofs of a range, to be proven.
pub enum Work {
    /// A block: its `ProverData` as JSON, and its size in chunks.
    Block(Box<RawValue>, usize),
    /// The proofs of a range of blocks, each with the size of its block.
    Aggregate(Vec<(SingleProof, usize)>),
}

/// A claimed job.
pub struct ProverJob {
    /// The job's id.
    pub id: i32,
    /// First block of the range.
    pub first: u32,
    /// Last block of the range.
    pub last: u32,
    /// The block, or the proofs of a range, to be proven.
    pub work: Work,
}

impl ProverJob {
    /// Returns the public inputs of the blocks, which a proof must have.
    ///
    /// # Errors
    /// Fails if the job lacks the data that a prover needs.
    pub fn public_inputs(&self) -> anyhow::Result<Vec<Fr>> {
        #[derive(Deserialize)]
        struct PublicPart {
            #[serde(with = "fr::serde_fr")]
            public_data_commitment: Fr,
        }
        match &self.work {
            Work::Block(witness, _) => {
                let public: PublicPart = serde_json::from_str(witness.get()).context("the witness")?;
                Ok(vec![public.public_data_commitment])
            }
            Work::Aggregate(proofs) => proofs
                .iter()
                .map(|(proof, _)| {
                    proof.public_inputs()?.first().copied().context("a proof has no public input")
                })
                .collect(),
        }
    }
}

/// A prover's connection to the queue: a client and the name under which it holds jobs.
#[derive(Clone)]
pub struct ProverClient {
    client: Client,
    name: String,
}

impl ProverClient {
    /// Returns the client of the prover `name`.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    /// Returns the name of the prover.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Claims a job; `None` if the queue is empty.
    pub async fn get_job(&self) -> Result<Option<ProverJob>, ClientError> {
        let answer = self.client.get_with_body(paths::GET_JOB, &self.job_request()).await?;
        parse(&answer.success()?)
    }

    /// Claims a job like [`get_job`](Self::get_job), but waits for `delay` after each of the first
    /// `delays` parts of the response, like a prover with a slow network.
    pub async fn get_job_slowly(
        &self,
        delay: Duration,
        delays: u32,
    ) -> Result<Option<ProverJob>, ClientError> {
        let mut parts = self.client.get_parts_with_body(paths::GET_JOB, &self.job_request()).await?;
        let mut body = Vec::new();
        let mut left = delays;
        while let Some(part) = parts.next().await? {
            body.extend_from_slice(&part);
            if left > 0 {
                left -= 1;
                tokio::time::sleep(delay).await;
            }
        }
        parse(&body)
    }

    /// Sends a heartbeat for a job.
    ///
    /// # Errors
    /// Any [`ClientError`]; the server refuses it with 404 or 409 if the prover does not hold the
    /// job.
    pub async fn heartbeat(&self, job_id: i32) -> Result<(), ClientError> {
        let message = WorkingOn { job_id, prover_name: self.name.clone() };
        self.client.post(paths::WORKING_ON, &message).await?.success().map(drop)
    }

    /// Publishes a proof, with the name of the prover: without it, a proof that comes after the lease
    /// moved on may be taken for one of the next holder.
    pub async fn publish(&self, proof: &ProverOutputRequest) -> Result<(), ClientError> {
        let message = NamedProof { prover_name: &self.name, proof };
        self.client.post(paths::PUBLISH, &message).await?.success().map(drop)
    }

    /// Releases all jobs of the prover.
    pub async fn stopped(&self) -> Result<(), ClientError> {
        let message = ProverStopped { prover_name: self.name.clone() };
        self.client.post(paths::STOPPED, &message).await?.success().map(drop)
    }

    fn job_request(&self) -> ProverInputRequest {
        ProverInputRequest { prover_name: self.name.clone(), aux_data: ProverInputRequestAuxData::default() }
    }
}

/// A published proof with a field that the reference's server ignores.
#[derive(Serialize)]
struct NamedProof<'a> {
    prover_name: &'a str,
    #[serde(flatten)]
    proof: &'a ProverOutputRequest,
}

fn parse(response: &[u8]) -> Result<Option<ProverJob>, ClientError> {
    let ProverInputResponse { job_id, first_block, last_block, data } = serde_json::from_slice(response)?;
    Ok(data.map(|data| ProverJob {
        id: job_id,
        first: first_block.0,
        last: last_block.0,
        work: match data {
            JobRequestData::BlockProof(witness, size) => Work::Block(witness, size),
            JobRequestData::AggregatedBlockProof(proofs) => Work::Aggregate(proofs),
        },
    }))
}
