//! A simulated prover with a connection of its own: it claims jobs, sends heartbeats, publishes
//! proofs, and sometimes misbehaves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use hyper::StatusCode;

use super::tally::{Event, Kind};
use super::world::{RETRY, Refusal, World};
use zksync_witness_server::client::{ProverClient, ProverJob, Work};
use zksync_witness_server::testing::dice::Dice;
use zksync_witness_server::testing::internals::domain::{BlockNumber, JobResultData, ProverOutputRequest};

/// Delay after a response without a job; the same as that of the reference's prover.
const CYCLE_WAIT: Duration = Duration::from_millis(50);
/// Delay of a slow reader after each part of a response, and the number of such delays.
const SLOW_DELAY: Duration = Duration::from_millis(20);
const SLOW_DELAYS: u32 = 40;
/// Of a hundred jobs, how many are released, abandoned, and read slowly.
const STOP: usize = 5;
const VANISH: usize = 5;
const SLOW: usize = 3;
/// Longest work on a job, for each connection: with any number of connections, about fifty proofs a
/// second arrive.
const WORK_PER_CONNECTION: Duration = Duration::from_millis(40);

/// A simulated prover.
pub struct Prover {
    world: Arc<World>,
    name: String,
    client: ProverClient,
    dice: Dice,
    /// Start of the last request that renewed its lease.
    renewed: Instant,
}

impl Prover {
    /// Returns the prover with the given number.
    pub fn new(world: Arc<World>, number: usize) -> Self {
        let name = format!("load-{number}");
        let client = world.prover(&name);
        let dice = Dice::new(0x9e37_79b9_7f4a_7c15 ^ number as u64);
        Self { world, name, client, dice, renewed: Instant::now() }
    }

    /// Works until the load is over.
    pub async fn run(mut self) {
        while !self.world.is_over() {
            if let Err(error) = self.cycle().await {
                self.world.tally.unexpected(|| format!("{}: {error:#}", self.name));
                self.rename(self.name.clone());
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    /// Continues under the given name, with a new connection.
    fn rename(&mut self, name: String) {
        self.client = self.world.prover(&name);
        self.name = name;
    }

    /// Processes one job, or waits if there is none.
    async fn cycle(&mut self) -> anyhow::Result<()> {
        let Some(job) = self.get_job().await? else {
            self.world.tally.event(Event::NoJob);
            tokio::time::sleep(CYCLE_WAIT).await;
            return Ok(());
        };
        self.world.tally.event(Event::Job);
        let longest = WORK_PER_CONNECTION * u32::try_from(self.world.options.connections).unwrap_or(u32::MAX);
        let work = longest.mul_f64(self.dice.below(1000) as f64 / 1000.0);
        let done = Instant::now() + work;
        while Instant::now() < done {
            if self.world.is_over() || !self.heartbeat(&job).await? {
                return Ok(());
            }
            if !self.world.options.heartbeat_interval.is_zero() {
                tokio::time::sleep(self.world.options.heartbeat_interval).await;
            }
        }
        match self.dice.below(100) {
            dice if dice < STOP => self.stop().await,
            dice if dice < STOP + VANISH => {
                self.world.tally.event(Event::Vanished);
                self.rename(format!("{}'", self.name));
                Ok(())
            }
            _ => self.publish(&job).await,
        }
    }

    async fn get_job(&mut self) -> anyhow::Result<Option<ProverJob>> {
        let begin = Instant::now();
        let job = if self.dice.below(100) < SLOW {
            let slow = self.world.slow_prover(&self.name);
            let claim = || slow.get_job_slowly(SLOW_DELAY, SLOW_DELAYS);
            self.world.request(Kind::SlowGetJob, claim).await?
        } else {
            self.world.request(Kind::GetJob, || self.client.get_job()).await?
        };
        let job = job.map_err(|refusal| anyhow!("get_job: {refusal}"))?;
        self.renewed = begin;
        Ok(job)
    }

    /// Sends a heartbeat. Returns false if the prover no longer holds the job.
    async fn heartbeat(&mut self, job: &ProverJob) -> anyhow::Result<bool> {
        let begin = Instant::now();
        let heartbeat = || self.client.heartbeat(job.id);
        match self.world.request(Kind::WorkingOn, heartbeat).await? {
            Ok(()) => {
                self.renewed = begin;
                Ok(true)
            }
            Err(refusal) => self.lost("working_on", &refusal).map(|()| false),
        }
    }

    async fn publish(&mut self, job: &ProverJob) -> anyhow::Result<()> {
        let serial = self.dice.roll();
        let inputs = job.public_inputs()?;
        let aggregated = matches!(job.work, Work::Aggregate(_));
        let (data, proof) = if aggregated {
            let proof = self.world.templates.aggregated(inputs, serial);
            let json = serde_json::to_vec(&proof)?;
            (JobResultData::AggregatedBlockProof(proof), json)
        } else {
            let input = inputs.first().copied().context("the job has no public input")?;
            let proof = self.world.templates.single(input, serial);
            let json = serde_json::to_vec(&proof)?;
            (JobResultData::BlockProof(proof), json)
        };
        let output = ProverOutputRequest {
            job_id: job.id,
            first_block: BlockNumber(job.first),
            last_block: BlockNumber(job.last),
            data,
        };
        let publish = || self.client.publish(&output);
        if let Err(refusal) = self.world.request(Kind::Publish, publish).await? {
            return self.lost("publish", &refusal);
        }
        self.world.ledger.published((job.first, job.last, aggregated), &proof);
        Ok(())
    }

    async fn stop(&mut self) -> anyhow::Result<()> {
        let stopped = || self.client.stopped();
        let released = self.world.request(Kind::Stopped, stopped).await?;
        released.map_err(|refusal| anyhow!("stopped: {refusal}"))?;
        self.world.tally.event(Event::Stopped);
        Ok(())
    }

    /// Accepts a refusal if the lease may have expired: then another prover holds the job, or it is
    /// proven.
    fn lost(&self, request: &str, refusal: &Refusal) -> anyhow::Result<()> {
        let silent = self.renewed.elapsed();
        let timeout = self.world.gone_timeout;
        if !matches!(refusal.status, StatusCode::CONFLICT | StatusCode::NOT_FOUND) || silent < timeout {
            bail!("{request}: {refusal} {silent:?} after the last renewal; the lease lasts {timeout:?}");
        }
        self.world.tally.event(Event::LeaseLost);
        Ok(())
    }
}
