//! One simulated prover: a connection of its own that asks, works, hands in, and now and then misbehaves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::World;
use super::tally::{Event, Kind};
use super::wire::{Reading, Reply, Wire};
use zksync_witness_server::crypto::{Fr, fr};
use zksync_witness_server::domain::{
    AggregatedProof, BlockNumber, JobRequestData, JobResultData, ProverInputResponse, ProverOutputRequest,
    SingleProof, SingleProofParts,
};

/// Pause when there is no job, as the reference's prover makes it.
const CYCLE_WAIT: Duration = Duration::from_millis(50);
/// Pause before a busy server is asked again, and after an error.
const RETRY: Duration = Duration::from_millis(50);
/// Of a hundred jobs so many are given back, so many are left behind, and so many are read slowly.
const STOP: u64 = 5;
const VANISH: u64 = 5;
const SLOW: u64 = 3;
/// The longest work on a job is that much for each connection, so that some fifty proofs a second arrive, whatever their number.
const WORK_PER_CONNECTION: Duration = Duration::from_millis(40);

/// Proofs to be made one's own: making one from nothing takes longer than all that the server does with it.
pub struct Templates {
    single: SingleProofParts,
    aggregated: AggregatedProof,
}

impl Templates {
    /// Makes one of each.
    ///
    /// # Errors
    /// None that can happen.
    pub fn new() -> anyhow::Result<Self> {
        let input = fr::from_u64(0);
        let single = zksync_witness_server::domain::sample_single_proof(&input, 1).parse()?;
        Ok(Self { single, aggregated: zksync_witness_server::domain::sample_aggregated_proof(&[], 1) })
    }

    fn single(&self, input: Fr, serial: u64) -> SingleProof {
        let parts = SingleProofParts {
            inputs: vec![input],
            quotient_polynomial_at_z: fr::from_u64(serial),
            ..self.single.clone()
        };
        SingleProof::from(&parts)
    }

    fn aggregated(&self, inputs: Vec<Fr>, serial: u64) -> AggregatedProof {
        let mut proof = self.aggregated.clone();
        proof.individual_vk_idxs = vec![0; inputs.len()];
        proof.individual_vk_inputs = inputs;
        if let Some(limb) = proof.aggr_limbs.first_mut() {
            *limb = fr::from_u64(serial);
        }
        proof
    }
}

/// See the module.
pub struct Prover {
    world: Arc<World>,
    name: String,
    wire: Wire,
    dice: Dice,
    /// When the last request began that renewed its lease.
    renewed: Instant,
}

/// A job in hand.
struct Job {
    id: i32,
    first: u32,
    last: u32,
    inputs: Vec<Fr>,
    aggregated: bool,
}

impl Prover {
    /// The prover of that number.
    ///
    /// # Errors
    /// See [`World::wire`].
    pub fn new(world: Arc<World>, number: usize) -> anyhow::Result<Self> {
        let wire = world.wire()?;
        let dice = Dice(0x9e37_79b9_7f4a_7c15 ^ number as u64);
        Ok(Self { world, name: format!("load-{number}"), wire, dice, renewed: Instant::now() })
    }

    /// Works until the load ends.
    pub async fn run(mut self) {
        while !self.world.is_over() {
            if let Err(error) = self.cycle().await {
                self.world.tally.unexpected(|| format!("{}: {error:#}", self.name));
                self.wire.hang_up();
                tokio::time::sleep(RETRY).await;
            }
            for _ in 0..std::mem::take(&mut self.wire.closed) {
                self.world.tally.event(Event::Reconnected);
            }
        }
    }

    /// One job, or a pause.
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
                self.wire.hang_up();
                self.name.push('\'');
                Ok(())
            }
            _ => self.publish(&job).await,
        }
    }

    async fn get_job(&mut self) -> anyhow::Result<Option<Job>> {
        let slow = self.dice.below(100) < SLOW;
        let (kind, reading) =
            if slow { (Kind::SlowGetJob, Reading::Slow) } else { (Kind::GetJob, Reading::Fast) };
        let request = json!({"prover_name": self.name, "aux_data": {}}).to_string();
        let begin = Instant::now();
        let reply = self.ask(kind, Method::GET, "/get_job", request, reading).await?;
        if reply.status != StatusCode::OK {
            bail!("get_job: {} {}", reply.status, String::from_utf8_lossy(&reply.body));
        }
        self.renewed = begin;
        let response: ProverInputResponse = serde_json::from_slice(&reply.body).context("get_job")?;
        let (id, first, last) = (response.job_id, response.first_block.0, response.last_block.0);
        let (inputs, aggregated) = match response.data {
            None => return Ok(None),
            Some(JobRequestData::BlockProof(witness, _)) => {
                #[derive(Deserialize)]
                struct Public {
                    #[serde(with = "fr::serde_fr")]
                    public_data_commitment: Fr,
                }
                let public: Public = serde_json::from_str(witness.get()).context("the witness")?;
                (vec![public.public_data_commitment], false)
            }
            Some(JobRequestData::AggregatedBlockProof(proofs)) => {
                let inputs = proofs.iter().map(|(proof, _)| proof.public_inputs());
                (inputs.collect::<Result<Vec<_>, _>>()?.concat(), true)
            }
        };
        Ok(Some(Job { id, first, last, inputs, aggregated }))
    }

    /// Whether the job is still this prover's.
    async fn heartbeat(&mut self, job: &Job) -> anyhow::Result<bool> {
        let message = json!({"prover_name": self.name, "job_id": job.id}).to_string();
        let begin = Instant::now();
        let reply = self.ask(Kind::WorkingOn, Method::POST, "/working_on", message, Reading::Fast).await?;
        if reply.status == StatusCode::OK {
            self.renewed = begin;
            return Ok(true);
        }
        self.lost("working_on", &reply)?;
        Ok(false)
    }

    async fn publish(&mut self, job: &Job) -> anyhow::Result<()> {
        let serial = self.dice.roll();
        let (data, proof) = if job.aggregated {
            let proof = self.world.templates.aggregated(job.inputs.clone(), serial);
            let json = serde_json::to_vec(&proof)?;
            (JobResultData::AggregatedBlockProof(proof), json)
        } else {
            let input = job.inputs.first().copied().context("a job without public input")?;
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
        let body = serde_json::to_string(&output)?;
        let reply = self.ask(Kind::Publish, Method::POST, "/publish", body, Reading::Fast).await?;
        if reply.status != StatusCode::OK {
            return self.lost("publish", &reply);
        }
        if job.aggregated {
            self.world.ledger.aggregated((job.first, job.last), &proof);
        } else {
            self.world.ledger.proven(job.first, &proof);
        }
        Ok(())
    }

    async fn stop(&mut self) -> anyhow::Result<()> {
        let message = json!({"prover_name": self.name}).to_string();
        let reply = self.ask(Kind::Stopped, Method::POST, "/stopped", message, Reading::Fast).await?;
        if reply.status != StatusCode::OK {
            bail!("stopped: {}", reply.status);
        }
        self.world.tally.event(Event::Stopped);
        Ok(())
    }

    /// A refusal is in order when the lease may have ended: then the job is somebody else's, or proven.
    fn lost(&self, what: &str, reply: &Reply) -> anyhow::Result<()> {
        let (silent, timeout) = (self.renewed.elapsed(), self.world.gone_timeout);
        if !matches!(reply.status, StatusCode::CONFLICT | StatusCode::NOT_FOUND) || silent < timeout {
            bail!(
                "{what}: {} {} after {silent:?} of silence, with a timeout of {timeout:?}",
                reply.status,
                String::from_utf8_lossy(&reply.body)
            );
        }
        self.world.tally.event(Event::LeaseLost);
        Ok(())
    }

    /// A request that is repeated while the server is busy.
    async fn ask(
        &mut self,
        kind: Kind,
        method: Method,
        path: &str,
        body: String,
        reading: Reading,
    ) -> anyhow::Result<Reply> {
        let body = bytes::Bytes::from(body);
        loop {
            let reply = self.wire.ask(method.clone(), path, body.clone(), reading).await;
            let reply = reply.with_context(|| path.to_owned())?;
            self.world.tally.answered(kind, reply.status, reply.took);
            if !matches!(reply.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
                return Ok(reply);
            }
            self.world.tally.event(Event::Busy);
            if self.world.is_over() {
                bail!("{path}: the server is busy to the end");
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// Pseudo-random numbers (splitmix64): a load that starts the same way each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }
}
