//! Clients that keep a server busy: one imports, some prove, one operates. Each writes down what was acknowledged.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use zksync_witness_server::api::tokens::Authenticator;
use zksync_witness_server::config::Secret;
use zksync_witness_server::crypto::{Fr, fr};
use zksync_witness_server::domain::AggregatedAction;
use zksync_witness_server::domain::{
    AggregatedOperation, BlockNumber, JobRequestData, JobResultData, ProverInputResponse, ProverOutputRequest,
};

use crate::support::{
    Answer, SECRET,
    dice::Dice,
    ledger::{Job, Moment, Operation, World},
};

/// Blocks that are imported before a prover has seen the first of them.
const AHEAD: u32 = 12;
/// Blocks that are sealed before the clients start.
const SEALED_AHEAD: u32 = 12;
const PROVERS: usize = 4;
/// No answer takes as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the servers run: leases end soon, attempts are few, aggregates and retention small.
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

/// What the clients share.
pub struct Load<'a> {
    world: &'a Mutex<World>,
    now: &'a (dyn Fn() -> Moment + Sync),
    address: String,
    token: String,
    over: AtomicBool,
    /// Whether every prover does its best.
    steady: bool,
}

impl<'a> Load<'a> {
    /// Clients of the server at `url`; `now` tells the moment.
    pub fn new(
        url: &str,
        world: &'a Mutex<World>,
        now: &'a (dyn Fn() -> Moment + Sync),
        steady: bool,
    ) -> Self {
        let authenticator = Authenticator::new(&Secret::new(SECRET).unwrap());
        Self {
            world,
            now,
            address: url.strip_prefix("http://").unwrap().to_owned(),
            token: authenticator.mint("load", Duration::from_secs(24 * 3600)).unwrap(),
            over: AtomicBool::new(false),
            steady,
        }
    }

    /// Lets the clients work until `until` returns, which is when the server is dead or has nothing left to do.
    pub fn run(&self, dice: &mut Dice, until: impl FnOnce(&Self)) {
        {
            let mut world = self.world();
            let head = world.ledger.head(Moment::MAX);
            world.chain.extend_to(head + SEALED_AHEAD);
        }
        std::thread::scope(|scope| {
            if !self.steady {
                let mut dice = dice.fork();
                scope.spawn(move || self.guarded(|| self.import(&mut dice)));
            }
            for index in 0..PROVERS {
                let mut dice = dice.fork();
                scope.spawn(move || self.guarded(|| self.prove(index, &mut dice)));
            }
            let mut dice = dice.fork();
            scope.spawn(move || self.guarded(|| self.operate(&mut dice)));
            until(self);
            self.over.store(true, Ordering::SeqCst);
        });
    }

    /// The moment, taken after an answer.
    fn now(&self) -> Moment {
        (self.now)()
    }

    /// The first client that fails ends all.
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
        // `None`: the server is gone.
        let _ = work();
    }

    /// Whether neither is it over nor has a client failed.
    pub fn goes_on(&self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pause(&self, dice: &mut Dice, from: u64, to: u64) {
        std::thread::sleep(Duration::from_millis(dice.between(from, to)));
    }

    /// An answer, unless the server dies before it is complete. No server may answer that it has failed.
    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> Option<Answer> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (address, token, length) = (&self.address, &self.token, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let body = answer.split_off(end);
        let head = String::from_utf8(answer).unwrap();
        let length = head.to_ascii_lowercase();
        let length = length.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if length.is_some_and(|length: usize| length != body.len()) {
            return None;
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(status < 500, "{method} {path}: {head}{}", String::from_utf8_lossy(&body));
        Some(Answer { status, head, body })
    }

    fn post(&self, path: &str, body: &[u8]) -> Option<u16> {
        self.ask("POST", path, body).map(|answer| answer.status)
    }

    fn import(&self, dice: &mut Dice) -> Option<()> {
        while self.goes_on() {
            let (path, json, number) = {
                let mut world = self.world();
                let (head, seen) = (world.ledger.head(Moment::MAX), world.ledger.seen);
                if world.ledger.genesis.is_none() {
                    ("/api/v1/genesis", world.chain.genesis_json.clone(), 0)
                } else if head < seen + AHEAD {
                    world.chain.extend_to(head + 1);
                    ("/api/v1/blocks", world.chain.block(head + 1).json.clone(), head + 1)
                } else {
                    drop(world);
                    self.pause(dice, 5, 20);
                    continue;
                }
            };
            let answer = self.ask("POST", path, &json)?;
            assert_eq!(answer.status, 200, "block {number}: {}", answer.text());
            assert!(!answer.text().contains("quarantined"), "block {number}: {}", answer.text());
            let at = self.now();
            let mut world = self.world();
            if number == 0 {
                world.ledger.genesis = Some(at);
            } else {
                world.ledger.imported(number, at);
                world.tally.imports += 1;
            }
            drop(world);
            self.pause(dice, 5, 40);
        }
        Some(())
    }

    fn prove(&self, index: usize, dice: &mut Dice) -> Option<()> {
        while self.goes_on() {
            // Some go on with a job that was handed out before the server was killed.
            let held = {
                let held = &mut self.world().held;
                let take = !held.is_empty() && (self.steady || dice.happens(0.3));
                take.then(|| held.swap_remove(dice.below(held.len())))
            };
            let (name, job) = match held {
                Some(held) => held,
                None => {
                    // One that vanished does not come back under its name.
                    let name = format!("prover {index} {}", dice.below(1000));
                    match self.claim(&name)? {
                        Some(job) => (name, job),
                        None => {
                            self.pause(dice, 5, 25);
                            continue;
                        }
                    }
                }
            };
            self.work(name, job, dice)?;
        }
        Some(())
    }

    fn claim(&self, name: &str) -> Option<Option<Job>> {
        #[derive(Deserialize)]
        struct PublicPart {
            #[serde(with = "fr::serde_fr")]
            public_data_commitment: Fr,
        }
        let request = json!({"prover_name": name, "aux_data": {}}).to_string();
        let answer = self.ask("GET", "/get_job", request.as_bytes())?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let response: ProverInputResponse = serde_json::from_slice(&answer.body).unwrap();
        let Some(data) = response.data else { return Some(None) };
        let (first, last) = (response.first_block.0, response.last_block.0);
        let (aggregated, inputs) = match data {
            JobRequestData::BlockProof(witness, _) => {
                let public: PublicPart = serde_json::from_str(witness.get()).unwrap();
                (false, vec![public.public_data_commitment])
            }
            JobRequestData::AggregatedBlockProof(proofs) => {
                (true, proofs.iter().map(|(proof, _)| proof.public_inputs().unwrap()[0]).collect())
            }
        };
        let mut world = self.world();
        let expected: Vec<Fr> = (first..=last).map(|number| world.chain.block(number).input).collect();
        assert_eq!(inputs, expected, "the job of {first} to {last} is about something else");
        world.ledger.seen = world.ledger.seen.max(last);
        Some(Some(Job { id: response.job_id, first, last, aggregated, inputs }))
    }

    fn work(&self, name: String, job: Job, dice: &mut Dice) -> Option<()> {
        if !self.steady {
            match dice.below(20) {
                // Vanishes.
                0 => return Some(()),
                // Takes its time, beyond the end of the server perhaps.
                1..4 => {
                    self.world().held.push((name, job));
                    return Some(());
                }
                4 => return self.post("/stopped", json!(name).to_string().as_bytes()).map(|_| ()),
                // Proves something else: refused, and kept for inspection.
                5 => {
                    let wrong = Job { inputs: vec![fr::from_u64(7); job.inputs.len()], ..job };
                    let answer = self.publish(&wrong, wrong.proof(dice.roll()))?;
                    assert_ne!(answer.status, 200, "a wrong proof of {:?} was taken", wrong.range());
                    return Some(());
                }
                _ => {}
            }
        }
        for _ in 0..dice.below(3) {
            let heartbeat = json!({"prover_name": name, "job_id": job.id}).to_string();
            self.post("/working_on", heartbeat.as_bytes())?;
        }
        let data = job.proof(dice.roll());
        let proof = match &data {
            JobResultData::BlockProof(proof) => serde_json::to_vec(proof).unwrap(),
            JobResultData::AggregatedBlockProof(proof) => serde_json::to_vec(proof).unwrap(),
        };
        self.world().ledger.sent(job.range(), proof.clone());
        let answer = self.publish(&job, data)?;
        let at = self.now();
        let mut world = self.world();
        if answer.status == 200 {
            world.ledger.published(job.range(), proof, at);
            world.tally.publishes += 1;
        } else {
            // Another one was faster, or the job went with a revert. Nothing else costs a prover its work.
            let code = answer.json()["code"].as_str().unwrap().to_owned();
            let fair = ["duplicate_key", "unknown_job", "proof_refused"].contains(&code.as_str());
            assert!(fair, "{job:?}: {}", answer.text());
            *world.tally.refused.entry(code).or_default() += 1;
        }
        Some(())
    }

    fn publish(&self, job: &Job, data: JobResultData) -> Option<Answer> {
        let (first, last) = (BlockNumber(job.first), BlockNumber(job.last));
        let request = ProverOutputRequest { job_id: job.id, first_block: first, last_block: last, data };
        self.ask("POST", "/publish", &serde_json::to_vec(&request).unwrap())
    }

    fn operate(&self, dice: &mut Dice) -> Option<()> {
        while self.goes_on() {
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

    /// Gives a job another chance.
    fn requeue(&self, status: &str) -> Option<()> {
        let listed = self.ask("GET", &format!("/api/v1/jobs?status={status}&limit=1"), b"")?;
        for job in listed.json()["jobs"].as_array().unwrap() {
            let answer = self.ask("POST", &format!("/api/v1/jobs/{}/requeue", job["id"]), b"")?;
            assert!([200, 404, 409].contains(&answer.status), "{}", answer.text());
        }
        Some(())
    }

    /// Posts the next aggregated operation, or once more the last one if nobody knows what became of it.
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
                            // There is no block 0; nobody looks at this one.
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
        let answer = self.ask("POST", "/api/v1/aggregated_operations", &operation.json)?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let at = self.now();
        self.world().ledger.operations(action).last_mut().unwrap().acknowledged = Some(at);
        Some(())
    }

    /// Reads back some block and its proof.
    fn read(&self, dice: &mut Dice) -> Option<()> {
        let (number, json, proof) = {
            let world = self.world();
            let head = world.ledger.head(Moment::MAX);
            if head == 0 {
                return Some(());
            }
            let number = 1 + dice.below(head as usize) as u32;
            let proofs = world.ledger.proofs.get(&(number, number, false));
            let proof = proofs.and_then(|proofs| proofs.acknowledged.clone());
            (number, world.chain.block(number).json.clone(), proof)
        };
        let block = self.ask("GET", &format!("/api/v1/blocks/{number}"), b"")?;
        assert!(block.status == 200 && block.body == json, "block {number}: {}", block.text());
        if let Some((proof, _)) = proof {
            let answer = self.ask("GET", &format!("/api/v1/blocks/{number}/proof"), b"")?;
            assert!(answer.status == 200 && answer.body == proof, "proof {number}: {}", answer.text());
        }
        Some(())
    }
}
