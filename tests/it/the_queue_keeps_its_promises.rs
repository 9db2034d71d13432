//! Clients import, claim, renew, publish, stop, requeue, drop, retry, block, pause and list at the
//! same time, while the server is killed, stopped and hit by failing calls of the system. The
//! answers and their times are compared with the lease machine: one holder at a time, one accepted
//! proof of a job, nothing acknowledged lost, counters equal to lists.
//!
//! `HISTORY_SEED` repeats the random choices of the first history, but not the order in which
//! threads run; `HISTORIES` is the number of histories of the long forms.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Runtime;
use zksync_witness_server::api::paths;
use zksync_witness_server::client::{Client, ClientError, ProverClient, ProverJob, Work};
use zksync_witness_server::config::Secret;
use zksync_witness_server::testing::dice::Dice;
use zksync_witness_server::testing::internals::crypto::fr;
use zksync_witness_server::testing::internals::domain::{
    BlockNumber, JobResultData, ProverOutputRequest, sample_aggregated_proof, sample_single_proof,
};

use crate::support::{
    self, SECRET, Server,
    faults::{self, Effect, Fault, Faults},
    history::{Answer, Call, End, Event, History, Job, ListedJob, Listing, Micros},
    sealed_chain::Chain,
};

const TIMEOUT: Duration = Duration::from_millis(700);
const SETTINGS: &[&str] = &[
    "--witness-generators",
    "2",
    "--aggregate",
    "1,2",
    "--set",
    "aggregate_deadline=100ms",
    "--set",
    "gone_timeout=700ms",
    "--set",
    "max_attempts=3",
    "--set",
    "retry_backoff=50ms",
];
const PROVERS: usize = 3;
/// Imported blocks beyond the last one that a prover has received.
const AHEAD: u32 = 6;
/// Longest wait for an answer, and for everything to be proven at the end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The state that the clients of one history share.
struct Recorder {
    start: Instant,
    /// The client of the running server, and how often it was started.
    client: Mutex<(Client, u32)>,
    chain: Mutex<Chain>,
    events: Mutex<Vec<Event>>,
    /// Held for reading during a call, so that a listing is alone.
    calls: RwLock<()>,
    names: AtomicU32,
    head: AtomicU32,
    seen: AtomicU32,
    over: AtomicBool,
    /// True if everything is to be proven: nothing is imported, and no prover misbehaves.
    steady: AtomicBool,
}

impl Recorder {
    fn new(dice: &mut Dice, server: &Server) -> Self {
        Self {
            start: Instant::now(),
            client: Mutex::new((client(server), 1)),
            chain: Mutex::new(Chain::new(dice.fork())),
            events: Mutex::default(),
            calls: RwLock::default(),
            names: AtomicU32::new(0),
            head: AtomicU32::new(0),
            seen: AtomicU32::new(0),
            over: AtomicBool::new(false),
            steady: AtomicBool::new(false),
        }
    }

    fn now(&self) -> Micros {
        self.start.elapsed().as_micros() as Micros
    }

    fn is_steady(&self) -> bool {
        self.steady.load(Ordering::SeqCst)
    }

    /// Makes a call and records it. After an answer that does not come, waits for the next server.
    fn call(
        &self,
        call: Call,
        run: impl AsyncFnOnce(&Client) -> Result<Answer, ClientError>,
        runtime: &Runtime,
    ) -> Answer {
        let _one = self.calls.read().unwrap();
        let (client, started) = self.client.lock().unwrap().clone();
        let from = self.now();
        let (answer, died) = match runtime.block_on(run(&client)) {
            Ok(answer) => (answer, false),
            Err(ClientError::Refused { status, problem }) if status.is_client_error() => {
                (Answer::Refused(problem.code), false)
            }
            Err(ClientError::Refused { .. }) => (Answer::Unknown, false),
            Err(_) => (Answer::Unknown, true),
        };
        let to = if matches!(answer, Answer::Unknown) { Micros::MAX } else { self.now() };
        self.events.lock().unwrap().push(Event { call, answer: answer.clone(), from, to });
        drop(_one);
        while died && self.client.lock().unwrap().1 == started && !self.over.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(2));
        }
        answer
    }

    fn import(&self, dice: &mut Dice) {
        let runtime = Runtime::new().unwrap();
        while !self.over.load(Ordering::SeqCst) {
            let head = self.head.load(Ordering::SeqCst);
            if self.is_steady() || head >= self.seen.load(Ordering::SeqCst) + AHEAD {
                pause(dice, 5, 20);
                continue;
            }
            let json = {
                let mut chain = self.chain.lock().unwrap();
                chain.extend_to(head + 1);
                chain.block(head + 1).json.clone()
            };
            let call = Call::Import { block: head + 1 };
            let send = async |client: &Client| {
                client.post_bytes(paths::BLOCKS, json).await?.success().map(|_| Answer::Done)
            };
            if matches!(self.call(call, send, &runtime), Answer::Done) {
                self.head.store(head + 1, Ordering::SeqCst);
            }
            pause(dice, 2, 20);
        }
    }

    fn prove(&self, dice: &mut Dice) {
        let runtime = Runtime::new().unwrap();
        while !self.over.load(Ordering::SeqCst) {
            let name = format!("p{}", self.names.fetch_add(1, Ordering::SeqCst));
            let mut work = None;
            let claim = async |client: &Client| {
                let Some(job) = ProverClient::new(client.clone(), &name).get_job().await? else {
                    return Ok(Answer::NothingToClaim);
                };
                let answer = Answer::Claimed(known(&job));
                work = Some(job);
                Ok(answer)
            };
            self.call(Call::Claim { prover: name.clone() }, claim, &runtime);
            match work {
                Some(job) => self.work(&name, &job, dice, &runtime),
                None => pause(dice, 2, 15),
            }
        }
    }

    fn work(&self, name: &str, job: &ProverJob, dice: &mut Dice, runtime: &Runtime) {
        self.seen.fetch_max(job.last, Ordering::SeqCst);
        let heartbeat = || {
            let call = Call::Heartbeat { prover: name.to_owned(), job: known(job) };
            let send = async |client: &Client| {
                ProverClient::new(client.clone(), name).heartbeat(job.id).await.map(|()| Answer::Done)
            };
            self.call(call, send, runtime)
        };
        let steady = self.is_steady();
        match if steady { 9 } else { dice.below(10) } {
            // Vanishes.
            0 => return,
            1 => {
                let stop = async |client: &Client| {
                    ProverClient::new(client.clone(), name).stopped().await.map(|()| Answer::Done)
                };
                self.call(Call::Stop { prover: name.to_owned() }, stop, runtime);
                // A prover that has stopped holds nothing.
                heartbeat();
                return;
            }
            3 => {
                let output = ProverOutputRequest {
                    job_id: job.id,
                    first_block: BlockNumber(job.first),
                    last_block: BlockNumber(job.last),
                    data: JobResultData::BlockProof(sample_single_proof(&fr::from_u64(7), 1)),
                };
                let publish = async |client: &Client| {
                    ProverClient::new(client.clone(), name).publish(&output).await.map(|()| Answer::Done)
                };
                let call = Call::PublishFalse { prover: name.to_owned(), job: known(job) };
                let answer = self.call(call, publish, runtime);
                assert!(!matches!(answer, Answer::Done), "a false proof was accepted");
                // Its lease is over.
                heartbeat();
                return;
            }
            // Falls asleep, maybe until its lease ends.
            2 => pause(dice, 100, 1_000),
            _ => {}
        }
        for _ in 0..dice.below(4) {
            heartbeat();
            pause(dice, 1, if steady { 5 } else { 120 });
        }
        let seed = dice.roll();
        let (first_block, last_block) = (BlockNumber(job.first), BlockNumber(job.last));
        let inputs = job.public_inputs().unwrap();
        let data = match job.work {
            Work::Aggregate(_) => JobResultData::AggregatedBlockProof(sample_aggregated_proof(&inputs, seed)),
            Work::Block(..) => JobResultData::BlockProof(sample_single_proof(&inputs[0], seed)),
        };
        let output = ProverOutputRequest { job_id: job.id, first_block, last_block, data };
        let publish = async |client: &Client| {
            ProverClient::new(client.clone(), name).publish(&output).await.map(|()| Answer::Done)
        };
        self.call(Call::Publish { job: known(job) }, publish, runtime);
        if dice.happens(0.3) {
            heartbeat();
        }
    }

    fn operate(&self, dice: &mut Dice) {
        let runtime = Runtime::new().unwrap();
        let post = |call: Call, path: String| {
            let send = async |client: &Client| {
                client.post_bytes(&path, Vec::new()).await?.success().map(|_| Answer::Done)
            };
            self.call(call, send, &runtime)
        };
        while !self.over.load(Ordering::SeqCst) {
            pause(dice, 5, 40);
            let Some(listing) = self.list(&runtime) else { continue };
            let open: Vec<&ListedJob> = listing.jobs.iter().filter(|job| job.status != "done").collect();
            let Some(listed) = (!open.is_empty()).then(|| *dice.pick(&open)) else { continue };
            let job = listed.job;
            match dice.below(10) {
                _ if self.is_steady() => {
                    let failed = open.iter().find(|job| job.status == "failed");
                    if let Some(ListedJob { job, .. }) = failed {
                        post(Call::Requeue { job: *job }, paths::requeue(job.id));
                    }
                }
                0..3 => {
                    post(Call::Requeue { job }, paths::requeue(job.id));
                }
                3 => {
                    let dropped = post(Call::Drop { job }, paths::drop(job.id));
                    pause(dice, 1, 30);
                    // The updater creates it again only if its block is the next one.
                    if !matches!(dropped, Answer::Refused(_)) {
                        self.retry(job.range.0, &runtime);
                    }
                }
                4 => {
                    let jobs: Vec<Job> = open.iter().take(3).map(|open| open.job).collect();
                    let ids: Vec<i32> = jobs.iter().map(|job| job.id).collect();
                    let send = async |client: &Client| {
                        let body = serde_json::json!({"ids": ids}).to_string();
                        client.post_bytes(paths::REQUEUE_MANY, body).await?.success().map(|_| Answer::Done)
                    };
                    self.call(Call::RequeueMany { jobs }, send, &runtime);
                }
                5 => {
                    // A holder, or one of the next provers.
                    let next = self.names.load(Ordering::SeqCst) + dice.below(4) as u32;
                    let prover = listed.holder.clone().filter(|_| dice.happens(0.5));
                    let prover = prover.unwrap_or_else(|| format!("p{next}"));
                    let path = paths::block_prover(&prover);
                    post(Call::Block { prover }, path);
                }
                6 => {
                    post(Call::Pause, paths::PAUSE.to_owned());
                    pause(dice, 5, 60);
                    post(Call::Resume, paths::RESUME.to_owned());
                }
                _ => {}
            }
        }
    }

    fn retry(&self, block: u32, runtime: &Runtime) {
        let send = async |client: &Client| {
            client.post_bytes(&paths::retry(block), Vec::new()).await?.success().map(|_| Answer::Done)
        };
        self.call(Call::Retry, send, runtime);
    }

    /// Reads the list of jobs and the counters while no call is in progress; `None` if the server
    /// ends meanwhile.
    fn list(&self, runtime: &Runtime) -> Option<Listing> {
        let _alone = self.calls.write().unwrap();
        let client = self.client.lock().unwrap().0.clone();
        let get = |path: &str| -> Option<Value> {
            let answer = runtime.block_on(async { client.get(path).await?.success() }).ok()?;
            serde_json::from_slice(&answer).ok()
        };
        let from = self.now();
        // The workers of the server continue, so that two answers may be of different moments.
        let mut tries = 0;
        let listing = loop {
            let before = get(paths::STATUS)?;
            let listed = get(&format!("{}?limit=1000", paths::JOBS))?;
            let after = get(paths::STATUS)?;
            let of = |status: &Value| {
                ["idle", "in_progress", "done", "failed"].map(|name| status["jobs"][name].as_u64())
            };
            tries += 1;
            let listing = Listing {
                head: after["blocks"]["head"].as_u64()? as u32,
                jobs: listed["jobs"].as_array()?.iter().map(listed_job).collect(),
                counts: ["idle", "in_progress", "done", "failed"]
                    .map(|name| (name.to_owned(), after["jobs"][name].as_u64().unwrap_or(u64::MAX)))
                    .into(),
            };
            let same = listing.counts.iter().all(|(status, count)| {
                listing.jobs.iter().filter(|job| job.status == *status).count() as u64 == *count
            });
            if (of(&before) == of(&after) && same) || tries == 100 {
                break listing;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let (call, answer, to) = (Call::List, Answer::Listed(listing.clone()), self.now());
        self.events.lock().unwrap().push(Event { call, answer, from, to });
        Some(listing)
    }

    /// Waits until every imported block is proven and aggregated; retries what was dropped.
    fn finish(&self) {
        self.steady.store(true, Ordering::SeqCst);
        let runtime = Runtime::new().unwrap();
        // A pause may have lost its end to a kill.
        let resume = async |client: &Client| {
            client.post_bytes(paths::RESUME, Vec::new()).await?.success().map(|_| Answer::Done)
        };
        while !matches!(self.call(Call::Resume, resume, &runtime), Answer::Done) {}
        let begin = Instant::now();
        loop {
            let head = self.head.load(Ordering::SeqCst);
            let listing = self.list(&runtime);
            let done = |block: u32, aggregated: bool| {
                listing.iter().flat_map(|listing| &listing.jobs).any(|job| {
                    let (first, last, kind) = job.job.range;
                    kind == aggregated && (first..=last).contains(&block) && job.status == "done"
                })
            };
            let open: Vec<u32> =
                (1..=head).filter(|block| !done(*block, false) || !done(*block, true)).collect();
            if open.is_empty() {
                break;
            }
            assert!(begin.elapsed() < PATIENCE, "not proven: {open:?}, {listing:?}");
            open.iter().for_each(|block| self.retry(*block, &runtime));
            std::thread::sleep(Duration::from_millis(50));
        }
        self.over.store(true, Ordering::SeqCst);
    }
}

fn client(server: &Server) -> Client {
    Client::new(&server.url, &Secret::new(SECRET).unwrap(), PATIENCE).unwrap()
}

fn known(job: &ProverJob) -> Job {
    Job { id: job.id, range: (job.first, job.last, matches!(job.work, Work::Aggregate(_))) }
}

fn listed_job(job: &Value) -> ListedJob {
    let block = |name: &str| job[name].as_u64().unwrap() as u32;
    let range = (block("first_block"), block("last_block"), job["type"] == "AGGREGATED_PROOF");
    ListedJob {
        job: Job { id: job["id"].as_i64().unwrap() as i32, range },
        status: job["status"].as_str().unwrap().to_owned(),
        holder: job["holder"].as_str().map(str::to_owned),
        attempts: job["attempts"].as_u64().unwrap() as u32,
    }
}

fn pause(dice: &mut Dice, from: u64, to: u64) {
    std::thread::sleep(Duration::from_millis(dice.between(from, to)));
}

fn start(folder: &Path, faults: &Faults) -> Server {
    Server::start_with(folder, SECRET, SETTINGS, |command| faults.prepare(command))
}

/// Makes one call of the running server fail, or several in a row.
fn disturb(faults: &Faults, dice: &mut Dice) {
    let calls = *dice.pick(&[faults::Call::WRITING, faults::Call::READING, &[faults::Call::Sync]]);
    let effect = *dice.pick(&[Effect::Io, Effect::DiskFull, Effect::TooManyFiles, Effect::Interrupted]);
    faults.arm(calls, Fault::once(dice.between(1, 40), effect));
}

/// Records and checks one history with the given number of ends of the server.
fn check(seed: u64, ends: usize, disturbed: bool) -> usize {
    println!("HISTORY_SEED={seed}");
    let mut dice = Dice::new(seed);
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("data");
    let faults = Faults::new(&folder);
    let first = start(&folder, &faults);
    let recorder = Recorder::new(&mut dice, &first);
    let genesis = recorder.chain.lock().unwrap().genesis_json.clone();
    first.post(paths::GENESIS, &String::from_utf8(genesis).unwrap()).accepted();
    let mut server = Some(first);
    let mut stops = Vec::new();
    std::thread::scope(|scope| {
        let recorder = &recorder;
        let mut fork = dice.fork();
        scope.spawn(move || recorder.import(&mut fork));
        for _ in 0..PROVERS {
            let mut fork = dice.fork();
            scope.spawn(move || recorder.prove(&mut fork));
        }
        let mut fork = dice.fork();
        scope.spawn(move || recorder.operate(&mut fork));
        // A failed assertion ends the clients as well.
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let _over = Over(&recorder.over);
        for _ in 0..ends {
            pause(&mut dice, 100, 500);
            if disturbed && dice.happens(0.7) {
                disturb(&faults, &mut dice);
                pause(&mut dice, 100, 300);
                faults.disarm();
                pause(&mut dice, 50, 200);
            }
            let begin = recorder.now();
            let end = if dice.happens(0.7) { End::Killed } else { End::Stopped };
            match (end, server.take().unwrap()) {
                (End::Killed, server) => drop(server),
                (End::Stopped, server) => assert_eq!(server.terminate(), Some(0)),
            }
            let next = start(&folder, &faults);
            stops.push((end, begin, recorder.now()));
            let mut current = recorder.client.lock().unwrap();
            *current = (client(&next), current.1 + 1);
            server = Some(next);
        }
        recorder.finish();
    });
    let events = recorder.events.into_inner().unwrap();
    let count = events.len();
    let history = History { events, ends: stops, timeout: TIMEOUT.as_micros() as Micros };
    let contradictions = history.contradictions();
    if !contradictions.is_empty() {
        history.print();
    }
    assert_eq!(contradictions, Vec::<String>::new(), "HISTORY_SEED={seed}");
    count
}

fn seed() -> u64 {
    let given = std::env::var("HISTORY_SEED").ok().map(|seed| seed.parse().expect("a whole number"));
    given.unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64)
}

#[test]
fn a_history_under_kills_and_stops_is_one_of_the_lease_machine() {
    println!("{} calls", check(seed(), 3, false));
}

/// Checks the histories of consecutive seeds.
fn check_many(disturbed: bool) {
    let (histories, first) = (support::number("HISTORIES", 200), seed());
    let calls = (0..u64::from(histories)).map(|index| check(first.wrapping_add(index), 3, disturbed));
    println!("{histories} histories, {} calls", calls.sum::<usize>());
}

#[test]
#[ignore = "long: 200 histories take about ten minutes"]
fn two_hundred_histories_under_kills_and_stops_are_those_of_the_lease_machine() {
    check_many(false);
}

#[test]
#[ignore = "long: 200 histories take about ten minutes"]
fn two_hundred_histories_under_failing_calls_are_those_of_the_lease_machine() {
    check_many(true);
}
