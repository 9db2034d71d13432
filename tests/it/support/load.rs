//! Clients that keep a server busy: one imports, some prove, one operates. Each records what was
//! acknowledged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use zksync_witness_server::api::{paths, problems::Problem};
use zksync_witness_server::client::{Client, ClientError, ProverClient, ProverJob, Work};
use zksync_witness_server::config::Secret;
use zksync_witness_server::testing::internals::crypto::{Fr, fr};
use zksync_witness_server::testing::internals::domain::{
    AggregatedAction, AggregatedOperation, BlockNumber, JobResultData, ProverOutputRequest,
    sample_aggregated_proof, sample_single_proof,
};
use zksync_witness_server::testing::{
    dice::Dice,
    ledger::{Moment, Operation, Range},
};

use crate::support::{SECRET, world::World};

/// Imported blocks beyond the last one that a prover has received.
const AHEAD: u32 = 12;
/// Blocks sealed before the clients start.
const SEALED_AHEAD: u32 = 12;
const PROVERS: usize = 4;
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Settings of the servers: short leases, few attempts, small aggregates, little retention.
pub const SETTINGS: &[&str] = &[
    "--witness-generators",
    "2",
    "--aggregate",
    "1,2,4",
    "--set",
    "aggregate_deadline=100ms",
    "--set",
    "gone_timeout=700ms",
    "--set",
    "max_attempts=3",
    "--set",
    "history=30",
    "--set",
    "keep_verified=6",
];

/// A client, and the state that all clients share.
pub struct Load<'a> {
    world: &'a Mutex<World>,
    now: &'a (dyn Fn() -> Moment + Sync),
    client: Client,
    runtime: Runtime,
    over: Arc<AtomicBool>,
    /// True if no prover misbehaves and nothing is imported.
    steady: bool,
}

fn range(job: &ProverJob) -> Range {
    (job.first, job.last, matches!(job.work, Work::Aggregate(_)))
}

/// Makes one of many proofs of a job.
fn proof(job: &ProverJob, inputs: &[Fr], seed: u64) -> JobResultData {
    match job.work {
        Work::Aggregate(_) => JobResultData::AggregatedBlockProof(sample_aggregated_proof(inputs, seed)),
        Work::Block(..) => JobResultData::BlockProof(sample_single_proof(&inputs[0], seed)),
    }
}

/// Returns a runtime of one thread, which drives the connections of that thread. If another thread
/// drove them, a request that is sent just when a connection ends could stay in the channel to it
/// (tokio's, as hyper 1.12 uses it) and would wait until its timeout.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

impl<'a> Load<'a> {
    /// Clients of the server at `url`; `now` returns the current moment.
    pub fn new(
        url: &str,
        world: &'a Mutex<World>,
        now: &'a (dyn Fn() -> Moment + Sync),
        steady: bool,
    ) -> Self {
        let client = Client::new(url, &Secret::new(SECRET).unwrap(), PATIENCE).unwrap();
        Self { world, now, client, runtime: runtime(), over: Arc::default(), steady }
    }

    /// Returns another client of the same load, for another thread.
    fn another(&self) -> Self {
        let client = self.client.with_own_connections();
        Self { client, runtime: runtime(), over: self.over.clone(), ..*self }
    }

    /// Runs the clients until `until` returns, once the server is dead or has nothing left to do.
    pub fn run(&self, dice: &mut Dice, until: impl FnOnce(&Self)) {
        {
            let mut world = self.world();
            let head = world.ledger.head(Moment::MAX);
            world.chain.extend_to(head + SEALED_AHEAD);
        }
        std::thread::scope(|scope| {
            if !self.steady {
                let (client, mut dice) = (self.another(), dice.fork());
                scope.spawn(move || client.guarded(|| client.import(&mut dice)));
            }
            for index in 0..PROVERS {
                let (client, mut dice) = (self.another(), dice.fork());
                scope.spawn(move || client.guarded(|| client.prove(index, &mut dice)));
            }
            let (client, mut dice) = (self.another(), dice.fork());
            scope.spawn(move || client.guarded(|| client.operate(&mut dice)));
            until(self);
            self.over.store(true, Ordering::SeqCst);
        });
    }

    /// Returns the moment of an answer that has just arrived.
    fn now(&self) -> Moment {
        (self.now)()
    }

    /// Runs a client; the first one that fails ends all.
    fn guarded(&self, work: impl FnOnce() -> Option<()>) {
        struct Guard<'a>(&'a AtomicBool);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    self.0.store(true, Ordering::SeqCst);
                }
            }
        }
        let _guard = Guard(&self.over);
        // `None` if the server is dead.
        let _ = work();
    }

    /// Returns false once the load is over or a client has failed.
    pub fn is_running(&self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pause(&self, dice: &mut Dice, from: u64, to: u64) {
        std::thread::sleep(Duration::from_millis(dice.between(from, to)));
    }

    /// Waits for an answer; `None` if the server dies before it is complete. A server never answers
    /// 5xx.
    fn ask<T>(
        &self,
        request: impl Future<Output = Result<T, ClientError>>,
    ) -> Option<Result<T, Box<Problem>>> {
        match self.runtime.block_on(request) {
            Ok(answer) => Some(Ok(answer)),
            Err(ClientError::Unreachable { .. }) => None,
            Err(ClientError::Refused { status, problem }) if status.is_client_error() => Some(Err(problem)),
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns the body of a 200 answer to a `GET`.
    fn get(&self, path: &str) -> Option<Vec<u8>> {
        let answer = self.ask(async { self.client.get(path).await?.success() })?;
        Some(answer.unwrap_or_else(|problem| panic!("{path}: {problem:?}")).into())
    }

    /// Returns the JSON of a 200 answer to a `GET`.
    pub fn get_json(&self, path: &str) -> Option<Value> {
        Some(serde_json::from_slice(&self.get(path)?).unwrap())
    }

    fn post(&self, path: &str, body: Vec<u8>) -> Option<Result<Bytes, Box<Problem>>> {
        self.ask(async { self.client.post_bytes(path, body).await?.success() })
    }

    fn import(&self, dice: &mut Dice) -> Option<()> {
        while self.is_running() {
            let (path, json, number) = {
                let mut world = self.world();
                let (head, seen) = (world.ledger.head(Moment::MAX), world.ledger.seen);
                if world.ledger.genesis.is_none() {
                    (paths::GENESIS, world.chain.genesis_json.clone(), 0)
                } else if head < seen + AHEAD {
                    world.chain.extend_to(head + 1);
                    (paths::BLOCKS, world.chain.block(head + 1).json.clone(), head + 1)
                } else {
                    drop(world);
                    self.pause(dice, 5, 20);
                    continue;
                }
            };
            let answer = self
                .post(path, json.clone())?
                .unwrap_or_else(|problem| panic!("block {number}: {problem:?}"));
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            assert!(answer["quarantined"].is_null(), "block {number}: {answer}");
            let at = self.now();
            let mut world = self.world();
            if number == 0 {
                world.ledger.genesis = Some(at);
            } else {
                world.ledger.imported(number, &json, at);
                world.tally.imports += 1;
            }
            drop(world);
            self.pause(dice, 5, 40);
        }
        Some(())
    }

    fn prove(&self, index: usize, dice: &mut Dice) -> Option<()> {
        while self.is_running() {
            // Some continue with a job that was handed out before the server was killed.
            let held = {
                let held = &mut self.world().held;
                let take = !held.is_empty() && (self.steady || dice.happens(0.3));
                take.then(|| held.swap_remove(dice.below(held.len())))
            };
            // A prover that vanished does not return under its name.
            let name = held
                .as_ref()
                .map_or_else(|| format!("prover {index} {}", dice.below(1000)), |held| held.0.clone());
            let prover = ProverClient::new(self.client.clone(), name);
            let job = match held {
                Some((_, job)) => Some(job),
                None => self.claim(&prover)?,
            };
            match job {
                Some(job) => self.work(&prover, job, dice)?,
                None => self.pause(dice, 5, 25),
            }
        }
        Some(())
    }

    fn claim(&self, prover: &ProverClient) -> Option<Option<ProverJob>> {
        let Some(job) = self.ask(prover.get_job())?.unwrap() else { return Some(None) };
        let mut world = self.world();
        let expected: Vec<Fr> =
            (job.first..=job.last).map(|number| world.chain.block(number).input).collect();
        assert_eq!(job.public_inputs().unwrap(), expected, "{:?} has other public inputs", range(&job));
        world.ledger.seen = world.ledger.seen.max(job.last);
        Some(Some(job))
    }

    fn work(&self, prover: &ProverClient, job: ProverJob, dice: &mut Dice) -> Option<()> {
        let inputs = job.public_inputs().unwrap();
        if !self.steady {
            match dice.below(20) {
                // Vanishes.
                0 => return Some(()),
                // Works for long, maybe until after the server was killed.
                1..4 => {
                    self.world().held.push((prover.name().to_owned(), job));
                    return Some(());
                }
                4 => return self.ask(prover.stopped()).map(|_| ()),
                // Publishes a proof of something else, which is rejected and kept.
                5 => {
                    let wrong = vec![fr::from_u64(7); inputs.len()];
                    let answer = self.publish(prover, &job, proof(&job, &wrong, dice.roll()))?;
                    assert!(answer.is_err(), "a wrong proof of {:?} was accepted", range(&job));
                    return Some(());
                }
                _ => {}
            }
        }
        for _ in 0..dice.below(3) {
            // Refused if the lease has ended.
            let _ = self.ask(prover.heartbeat(job.id))?;
        }
        let data = proof(&job, &inputs, dice.roll());
        let json_of_proof = match &data {
            JobResultData::BlockProof(proof) => serde_json::to_vec(proof).unwrap(),
            JobResultData::AggregatedBlockProof(proof) => serde_json::to_vec(proof).unwrap(),
        };
        self.world().ledger.sent(range(&job), &json_of_proof);
        let answer = self.publish(prover, &job, data)?;
        let at = self.now();
        let mut world = self.world();
        match answer {
            Ok(()) => {
                world.ledger.published(range(&job), &json_of_proof, at);
                world.tally.publishes += 1;
            }
            // Another prover was faster, or the job was reverted. Nothing else costs a prover its
            // work.
            Err(problem) => {
                let expected =
                    ["duplicate_key", "unknown_job", "proof_refused"].contains(&problem.code.as_str());
                assert!(expected, "{:?}: {problem:?}", range(&job));
                *world.tally.refused.entry(problem.code).or_default() += 1;
            }
        }
        Some(())
    }

    fn publish(
        &self,
        prover: &ProverClient,
        job: &ProverJob,
        data: JobResultData,
    ) -> Option<Result<(), Box<Problem>>> {
        let (first_block, last_block) = (BlockNumber(job.first), BlockNumber(job.last));
        let output = ProverOutputRequest { job_id: job.id, first_block, last_block, data };
        self.ask(prover.publish(&output))
    }

    fn operate(&self, dice: &mut Dice) -> Option<()> {
        while self.is_running() {
            match dice.below(5) {
                0 | 1 => self.requeue("failed")?,
                2 if !self.steady => self.requeue("in_progress")?,
                3 => self.operation(AggregatedAction::CommitBlocks, dice)?,
                4 => self.operation(AggregatedAction::ExecuteBlocks, dice)?,
                _ => self.read(dice)?,
            }
            self.pause(dice, 5, 40);
        }
        Some(())
    }

    /// Requeues a job of the given status.
    fn requeue(&self, status: &str) -> Option<()> {
        let listed = self.get_json(&format!("{}?status={status}&limit=1", paths::JOBS))?;
        for job in listed["jobs"].as_array().unwrap() {
            // Refused if its status has changed since.
            if let Err(problem) = self.post(&paths::requeue(&job["id"]), Vec::new())? {
                assert!([404, 409].contains(&problem.status), "{problem:?}");
            }
        }
        Some(())
    }

    /// Posts the next aggregated operation, or the last one again if its outcome is not known.
    fn operation(&self, action: AggregatedAction, dice: &mut Dice) -> Option<()> {
        let operation = {
            let world = &mut *self.world();
            let head = world.ledger.head(Moment::MAX);
            let known = world.ledger.operations(action).last().cloned();
            match known {
                Some(operation) if operation.acknowledged.is_none() => operation,
                known => {
                    let first = known.map_or(0, |operation| operation.last) + 1;
                    let last = match action {
                        AggregatedAction::CommitBlocks => Some(first + dice.below(3) as u32),
                        _ => world.ledger.aggregated_from(first),
                    };
                    let Some(last) = last.filter(|last| *last <= head) else { return Some(()) };
                    let block = |number: u32| world.chain.block(number).block.clone();
                    let blocks = (first..=last).map(block).collect();
                    let operation = match action {
                        AggregatedAction::CommitBlocks => {
                            // Block 0 does not exist, and the server does not read this field.
                            let last_committed_block = block(first.max(2) - 1);
                            AggregatedOperation::CommitBlocks { last_committed_block, blocks }
                        }
                        _ => AggregatedOperation::ExecuteBlocks { blocks },
                    };
                    let json = serde_json::to_vec(&operation).unwrap();
                    let operation = Operation { first, last, json, acknowledged: None };
                    world.ledger.operations(action).push(operation.clone());
                    operation
                }
            }
        };
        self.post(paths::AGGREGATED_OPERATIONS, operation.json)?.unwrap();
        let at = self.now();
        self.world().ledger.operations(action).last_mut().unwrap().acknowledged = Some(at);
        Some(())
    }

    /// Reads a block and its proof back.
    fn read(&self, dice: &mut Dice) -> Option<()> {
        let (number, json, proof) = {
            let world = self.world();
            let head = world.ledger.head(Moment::MAX);
            if head == 0 {
                return Some(());
            }
            let number = 1 + dice.below(head as usize) as u32;
            let proofs = world.ledger.proofs.get(&(number, number, false));
            let proof = proofs.and_then(|proofs| proofs.acknowledged);
            (number, world.chain.block(number).json.clone(), proof)
        };
        assert!(self.get(&paths::block(number))? == json, "block {number} differs");
        if let Some(proof) = proof {
            let stored = self.get(&paths::proof(number))?;
            assert!(blake3::hash(&stored) == proof.hash, "the proof of block {number} differs");
        }
        Some(())
    }
}
