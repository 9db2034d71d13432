//! Provers that publish false proofs, hang up in the middle of answers, die, publish late, or share
//! a name: blocks are proven by the others, and each prover is credited with its own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use zksync_witness_server::api::paths;
use zksync_witness_server::client::{Client, ProverClient, ProverJob};
use zksync_witness_server::config::Secret;
use zksync_witness_server::testing::dice::Dice;
use zksync_witness_server::testing::internals::crypto::fr;
use zksync_witness_server::testing::internals::domain::{
    BlockNumber, JobResultData, ProverOutputRequest, sample_single_proof,
};

use crate::support::{SECRET, Server, http, run_well, sealed_chain::Chain, token, until};

/// Starts a server with the jobs of the first blocks of a chain.
fn serving(folder: &Path, blocks: u32, more: &[&str]) -> Server {
    let server = Server::start_logging(folder, SECRET, more, &folder.with_extension("log"));
    let mut chain = Chain::new(Dice::new(7));
    chain.extend_to(blocks);
    server.post(paths::GENESIS, std::str::from_utf8(&chain.genesis_json).unwrap()).accepted();
    for number in 1..=blocks {
        let json = String::from_utf8(chain.block(number).json.clone()).unwrap();
        server.post(paths::BLOCKS, &json).accepted();
    }
    server.wait_for("/jobs/last_single_block", blocks.into());
    server
}

fn client(server: &Server) -> Client {
    Client::new(&server.url, &Secret::new(SECRET).unwrap(), Duration::from_secs(60)).unwrap()
}

fn proof(job: &ProverJob, valid: bool) -> ProverOutputRequest {
    let input = if valid { job.public_inputs().unwrap()[0] } else { fr::from_u64(7) };
    let data = JobResultData::BlockProof(sample_single_proof(&input, 1));
    let (first_block, last_block) = (BlockNumber(job.first), BlockNumber(job.last));
    ProverOutputRequest { job_id: job.id, first_block, last_block, data }
}

/// Claims a job and hangs up before the answer is read.
fn hang_up(server: &Server, prover: &str) {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let body = json!({"prover_name": prover, "aux_data": {}}).to_string();
    let head = format!(
        "GET /get_job HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
        token(),
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.read_exact(&mut [0; 40]).unwrap();
}

fn job(server: &Server, id: i32) -> Value {
    server.get(&paths::job(id)).accepted().json()
}

/// Returns the attempts at a job as (prover, outcome), the newest first.
fn attempts(server: &Server, id: i32) -> Vec<(String, String)> {
    let page = server.get(&format!("{}?job={id}", paths::ATTEMPTS)).accepted().json();
    let attempt = |attempt: &Value| {
        let outcome = attempt["outcome"].as_str().unwrap_or("in progress");
        (attempt["prover"].as_str().unwrap().to_owned(), outcome.to_owned())
    };
    page["attempts"].as_array().unwrap().iter().map(attempt).collect()
}

#[test]
fn a_faulty_prover_does_not_empty_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["--set", "max_attempts=3", "--set", "refusal_backoff=1h"];
    let server = serving(&folder.path().join("data"), 2, &settings);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let [bad, good] =
            ["bad", "good"].map(|name| ProverClient::new(client(&server).with_own_connections(), name));
        let held = good.get_job().await.unwrap().unwrap();
        let job = bad.get_job().await.unwrap().unwrap();
        assert!(bad.publish(&proof(&job, false)).await.is_err());
        // The lease is over, and so is the turn of this prover.
        assert!(bad.get_job().await.unwrap().is_none());
        assert!(bad.heartbeat(job.id).await.is_err());
        let again = good.get_job().await.unwrap().unwrap();
        assert_eq!(again.id, job.id);
        good.publish(&proof(&held, true)).await.unwrap();
    });
    let shown = job(&server, 2);
    assert_eq!((&shown["attempts"], &shown["holder"]), (&json!(1), &json!("good")));
    assert_eq!(shown["refusals"], json!([{"prover": "bad", "attempts": 1}]));
    let text = server.get("/api/v1/blocks/2/explain").json()["text"].as_str().unwrap().to_owned();
    assert!(text.contains("refused: bad"), "{text}");
    let refused = &server.get(&format!("{}?job=2", paths::ATTEMPTS)).json()["attempts"][1];
    assert_eq!(refused["outcome"], "refused");
    assert!(refused["reason"].as_str().unwrap().contains("public input"), "{refused}");
    let provers = || server.get(paths::PROVERS).json()["provers"].clone();
    let bad = provers()[0].clone();
    assert_eq!(
        (&bad["name"], &bad["rejected"], &bad["refused_in_row"]),
        (&json!("bad"), &json!(1), &json!(1))
    );
    assert!(bad["suspended_until_ms"].is_u64(), "{bad}");
    let status = server.get(paths::STATUS).json();
    assert_eq!(status["provers_suspended"], 1);
    assert_eq!(status["provers_withheld"][0]["suspended_until_ms"], bad["suspended_until_ms"]);
    let status = String::from_utf8(run_well(&["status", "--url", &server.url])).unwrap();
    assert!(status.contains("Prover bad is suspended after refused proofs until 20"), "{status}");
    assert!(status.contains("`provers unblock bad`"), "{status}");
    let log = std::fs::read_to_string(folder.path().join("data.log")).unwrap();
    assert!(log.contains("gets no job for a while"), "{log}");

    server.post(&paths::unblock_prover("bad"), "").accepted();
    server.post(&paths::block_prover("good"), "").accepted();
    let good = provers()[1].clone();
    assert!(good["blocked_at_ms"].is_u64() && good["held"] == 0, "{good}");
    assert_eq!(server.get_job("good")["job_id"], 0);
    assert_eq!(server.get_job("bad")["job_id"], 2);
    // One that was never seen counts as blocked, but not as a prover that works here.
    let numbers = || {
        let status = server.get(paths::STATUS).json();
        (status["provers"].as_u64().unwrap(), status["provers_blocked"].as_u64().unwrap())
    };
    let (seen, blocked) = numbers();
    server.post(&paths::block_prover("unseen"), "").accepted();
    assert_eq!(numbers(), (seen, blocked + 1));
    let listed = String::from_utf8(run_well(&["provers", "--url", &server.url])).unwrap();
    let unseen = listed.lines().find(|line| line.starts_with("unseen ")).unwrap();
    assert_eq!(unseen.split_whitespace().nth(1), Some("-"), "{listed}");
    assert_eq!(server.get_job("unseen")["job_id"], 0);
    let unseen = provers().as_array().unwrap().iter().find(|one| one["name"] == "unseen").unwrap().clone();
    assert!(unseen["first_seen_ms"].as_u64() > Some(0) && numbers().0 == seen + 1, "{unseen}");
}

/// Returns the value of a metric, with its labels.
fn metric(server: &Server, name: &str) -> f64 {
    let text = http(&server.admin, "GET", "/metrics", None, "").accepted().text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name} is missing in {text}")).parse().unwrap()
}

/// Returns the lines of the log about jobs that used up their attempts.
fn failures(folder: &Path) -> Vec<String> {
    let log = std::fs::read_to_string(folder.join("data.log")).unwrap();
    log.lines().filter(|line| line.contains("jobs requeue")).map(str::to_owned).collect()
}

#[test]
fn the_log_names_a_job_that_used_up_its_attempts_once() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["max_attempts=2", "gone_timeout=1s", "retry_backoff=0s", "refusal_backoff=0s"];
    let mut settings: Vec<&str> = settings.into_iter().flat_map(|setting| ["--set", setting]).collect();
    settings.extend(["--log-format", "json"]);
    let server = serving(&folder.path().join("data"), 2, &settings);
    // Job 1 is held by provers that die.
    let failed = |id: i32| until(|| (job(&server, id)["status"] == "failed").then_some(()));
    assert_eq!(server.get_job("dies")["job_id"], 1);
    until(|| (job(&server, 1)["status"] == "idle").then_some(()));
    assert_eq!(failures(folder.path()), [""; 0]);
    assert_eq!(server.next_job("dies too")["job_id"], 1);
    failed(1);
    // Proofs of job 2 are refused.
    Runtime::new().unwrap().block_on(async {
        for name in ["false", "false too"] {
            let prover = ProverClient::new(client(&server).with_own_connections(), name);
            let job = prover.get_job().await.unwrap().unwrap();
            assert!(prover.publish(&proof(&job, false)).await.is_err());
        }
    });
    failed(2);
    assert_eq!(server.terminate(), Some(0));
    let failures = failures(folder.path());
    let field = |line: &str, name: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["level"], "ERROR", "{line}");
        line[name].clone()
    };
    assert_eq!(failures.len(), 2, "{failures:?}");
    for (line, number, attempts, refused, prover) in
        [(&failures[0], 1, 2, 0, "dies too"), (&failures[1], 2, 0, 2, "false too")]
    {
        let fields = ["job", "first", "last", "attempts", "refused"].map(|name| field(line, name));
        assert_eq!(fields, [number, number, number, attempts, refused].map(|value: i32| json!(value)));
        assert_eq!(field(line, "last_prover"), prover, "{line}");
        assert!(line.contains(&format!("`jobs requeue {number}`")), "{line}");
    }
}

#[test]
fn an_answer_that_did_not_arrive_keeps_no_lease_and_costs_no_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let server = serving(&folder.path().join("data"), 3, &["--set", "max_attempts=2"]);
    assert_eq!(server.get_job("first")["job_id"], 1);
    let idle = |id: i32| {
        until(|| Some(job(&server, id)).filter(|job| job["status"] == "idle"));
        job(&server, id)
    };
    for _ in 0..3 {
        hang_up(&server, "cut");
        assert_eq!(idle(2)["attempts"], 0);
    }
    assert_eq!(attempts(&server, 2), vec![("cut".to_owned(), "not_delivered".to_owned()); 3]);
    let log = std::fs::read_to_string(folder.path().join("data.log")).unwrap();
    assert!(log.contains("did not arrive"), "{log}");
    // The prover that asks again gets the same job, although an older one is idle.
    server.post("/stopped", r#""first""#).accepted();
    assert_eq!(idle(1)["attempts"], 1);
    assert_eq!(server.get_job("cut")["job_id"], 2);
    assert_eq!(job(&server, 2)["attempts"], 1);
    // A heartbeat says that an answer that seemed cut has arrived.
    hang_up(&server, "hasty");
    assert_eq!(idle(1)["attempts"], 1);
    let beat = json!({"prover_name": "hasty", "job_id": 1}).to_string();
    server.post("/working_on", &beat).accepted();
    assert_eq!((&job(&server, 1)["holder"], &job(&server, 1)["attempts"]), (&json!("hasty"), &json!(2)));
}

#[test]
fn a_late_proof_counts_for_the_prover_that_published_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["--set", "gone_timeout=1s", "--set", "retry_backoff=0s"];
    let data = folder.path().join("data");
    let server = serving(&data, 2, &settings);
    let runtime = Runtime::new().unwrap();
    let provers = ["first", "second"].map(|name| {
        let client = client(&server).with_own_connections();
        (client.clone(), ProverClient::new(client, name))
    });
    for (id, named) in [(1, true), (2, false)] {
        let [(connection, first), (_, second)] = &provers;
        let late = until(|| runtime.block_on(first.get_job()).unwrap());
        assert_eq!(late.id, id);
        until(|| (job(&server, id)["status"] == "idle").then_some(()));
        let moved = runtime.block_on(second.get_job()).unwrap().unwrap();
        assert_eq!(moved.id, id);
        runtime.block_on(async {
            match named {
                true => first.publish(&proof(&late, true)).await.unwrap(),
                // The message has no name, but its connection has.
                false => drop(
                    connection.post(paths::PUBLISH, &proof(&late, true)).await.unwrap().success().unwrap(),
                ),
            }
        });
        let outcomes = [("first", "accepted"), ("second", "superseded")];
        assert_eq!(attempts(&server, id), outcomes.map(|(prover, outcome)| (prover.into(), outcome.into())));
    }
    let blocks = server.get("/api/v1/blocks?order=asc").json()["blocks"].clone();
    assert_eq!(
        (&blocks[0]["proof"]["prover"], &blocks[1]["proof"]["prover"]),
        (&json!("first"), &json!("first"))
    );
    let shown = |server: &Server| {
        let shown = server.get(paths::PROVERS).json()["provers"].clone();
        let of = |prover: &Value| {
            let times = prover["times"].as_array().unwrap().iter();
            let proofs: u64 = times.map(|times| times["proofs"].as_u64().unwrap()).sum();
            (prover["proofs"].as_u64().unwrap(), proofs, prover["leases_lost"].as_u64().unwrap())
        };
        [of(&shown[0]), of(&shown[1])]
    };
    assert_eq!(shown(&server), [(2, 2, 2), (0, 0, 0)]);
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(shown(&Server::start(&data, &settings)), [(2, 2, 2), (0, 0, 0)]);
}

#[test]
fn a_process_that_stops_frees_no_job_that_another_one_with_its_name_keeps_alive() {
    let folder = tempfile::tempdir().unwrap();
    let server = serving(&folder.path().join("data"), 2, &[]);
    let runtime = Runtime::new().unwrap();
    let [stops, works] = [0; 2].map(|_| ProverClient::new(client(&server).with_own_connections(), "twin"));
    let own = runtime.block_on(stops.get_job()).unwrap().unwrap();
    let other = runtime.block_on(works.get_job()).unwrap().unwrap();
    runtime.block_on(works.heartbeat(other.id)).unwrap();
    runtime.block_on(stops.stopped()).unwrap();
    assert_eq!(job(&server, own.id)["status"], "idle");
    assert_eq!(job(&server, other.id)["status"], "in_progress");
    runtime.block_on(works.heartbeat(other.id)).unwrap();
    // Once its connection is closed, nothing keeps the job alive.
    runtime.block_on(stops.stopped()).unwrap();
    drop(works);
    until(|| (job(&server, other.id)["status"] == "idle").then_some(()));
    assert_eq!(attempts(&server, other.id), [("twin".to_owned(), "stopped".to_owned())]);
}

#[test]
fn jobs_are_requeued_in_bulk_and_claims_are_paused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = serving(&data, 3, &["--set", "max_attempts=1", "--set", "refusal_backoff=0s"]);
    let runtime = Runtime::new().unwrap();
    let bad = ProverClient::new(client(&server), "bad");
    runtime.block_on(async {
        while let Some(job) = bad.get_job().await.unwrap() {
            assert!(bad.publish(&proof(&job, false)).await.is_err());
        }
    });
    let failed = || server.get(paths::STATUS).json()["jobs"]["failed"].as_u64().unwrap();
    assert_eq!(failed(), 3);
    let run = |args: &[&str]| {
        let printed = run_well(&[args, &["--url", &server.url]].concat());
        String::from_utf8(printed).unwrap()
    };
    server.post(paths::REQUEUE_MANY, r#"{"ids":[1,9]}"#).refused_about(404, "not_found", "job 9");
    server.post(paths::REQUEUE_MANY, r#"{"ids":[1],"status":"failed"}"#).refused(400, "bad_parameter");
    server.post(paths::REQUEUE_MANY, r#"{"status":"idle"}"#).refused(400, "bad_parameter");
    server.post(paths::REQUEUE_MANY, r#"{"job":1}"#).refused(400, "bad_json");
    assert_eq!(failed(), 3);
    assert_eq!(run(&["jobs", "requeue", "1", "2"]), "2 jobs are requeued: 1, 2\n");
    assert_eq!(run(&["jobs", "requeue", "--blocks", "2-3"]), "2 jobs are requeued: 2, 3\n");
    assert_eq!(failed(), 0);
    assert_eq!(run(&["jobs", "requeue", "--status", "failed"]), "no job is requeued: none has failed\n");
    let none = run(&["jobs", "requeue", "--blocks", "7-9"]);
    assert_eq!(none, "no job is requeued: these blocks have no jobs, or all of them are done\n");

    run(&["jobs", "pause"]);
    assert_eq!(server.get_job("good")["job_id"], 0);
    let status = server.get(paths::STATUS).json();
    assert!(
        status["jobs"]["paused_at_ms"].is_u64() && status["jobs"]["claimable_since_ms"].is_u64(),
        "{status}"
    );
    let text = server.get("/api/v1/blocks/1/explain").json()["text"].as_str().unwrap().to_owned();
    assert!(text.contains("/api/v1/jobs/resume"), "{text}");
    assert!(metric(&server, "witness_server_claims_paused") == 1.0);
    assert!(metric(&server, "witness_server_claimable_seconds") > 0.0);
    assert_eq!(server.terminate(), Some(0));
    // On the stopped folder.
    let folder = data.to_str().unwrap();
    run_well(&["provers", "block", "good", "--data-dir", folder]);
    let server = Server::start(&data, &["--set", "max_jobs_per_prover=1"]);
    assert!(metric(&server, "witness_server_provers_withheld{reason=\"blocked\"}") == 1.0);
    assert_eq!(server.get_job("other")["job_id"], 0);
    server.post(paths::RESUME, "").accepted();
    assert_eq!(server.get_job("good")["job_id"], 0);
    assert_eq!([(); 2].map(|()| server.get_job("other")["job_id"].clone()), [1, 0]);
    assert_eq!(server.get_job("third")["job_id"], 2);
}

/// One healthy prover, one that publishes false proofs, one that hangs up in the middle of answers,
/// and one that dies again and again.
#[test]
fn bad_provers_keep_no_block_from_being_proven() {
    const BLOCKS: u32 = 12;
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        "--set",
        "gone_timeout=1s",
        "--set",
        "retry_backoff=50ms",
        "--set",
        "max_attempts=5",
        "--set",
        "refusal_backoff=100ms",
    ];
    let server = serving(&folder.path().join("data"), BLOCKS, &settings);
    let over = AtomicBool::new(false);
    // Claims of the healthy prover that got no job although one was claimable all the time.
    let refused = AtomicU32::new(0);
    let claimable = || server.get(paths::STATUS).json()["jobs"]["claimable_since_ms"].as_u64();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = Runtime::new().unwrap();
            let prover = ProverClient::new(client(&server).with_own_connections(), "healthy");
            while !over.load(Ordering::SeqCst) {
                let before = claimable();
                let Some(job) = runtime.block_on(prover.get_job()).unwrap() else {
                    let after = claimable();
                    refused.fetch_add(u32::from(before.is_some() && before == after), Ordering::SeqCst);
                    continue;
                };
                runtime.block_on(prover.heartbeat(job.id)).unwrap();
                std::thread::sleep(Duration::from_millis(50));
                // Another prover may hold the job only after its lease has ended.
                runtime.block_on(prover.publish(&proof(&job, true))).unwrap();
            }
        });
        scope.spawn(|| {
            let runtime = Runtime::new().unwrap();
            let prover = ProverClient::new(client(&server).with_own_connections(), "false");
            while !over.load(Ordering::SeqCst) {
                match runtime.block_on(prover.get_job()).unwrap() {
                    Some(job) => drop(runtime.block_on(prover.publish(&proof(&job, false))).unwrap_err()),
                    None => std::thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                hang_up(&server, "cut");
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        scope.spawn(|| {
            let runtime = Runtime::new().unwrap();
            for number in 0..3 {
                let prover =
                    ProverClient::new(client(&server).with_own_connections(), format!("dies-{number}"));
                drop(runtime.block_on(prover.get_job()));
                std::thread::sleep(Duration::from_millis(150));
            }
        });
        server.wait_for("/jobs/done", BLOCKS.into());
        over.store(true, Ordering::SeqCst);
    });
    let status = server.get(paths::STATUS).json();
    assert_eq!((&status["jobs"]["failed"], &status["jobs"]["idle"]), (&json!(0), &json!(0)));
    assert_eq!(refused.load(Ordering::SeqCst), 0);
    let provers = server.get(paths::PROVERS).json()["provers"].clone();
    let of = |name: &str| {
        provers.as_array().unwrap().iter().find(|prover| prover["name"] == name).unwrap().clone()
    };
    assert_eq!(of("healthy")["proofs"], BLOCKS);
    assert!(of("false")["rejected"].as_u64() > Some(0));
    let all = server.get(&format!("{}?limit=1000", paths::ATTEMPTS)).json()["attempts"].clone();
    for (prover, outcome) in [("false", "refused"), ("cut", "not_delivered"), ("healthy", "accepted")] {
        let found =
            all.as_array().unwrap().iter().any(|one| one["prover"] == prover && one["outcome"] == outcome);
        assert!(found, "{prover} {outcome}: {all}");
    }
    // A refused proof keeps no lease that would have to be lost.
    let lost = |one: &&Value| one["prover"] == "false" && one["outcome"] == "lease_lost";
    assert_eq!(all.as_array().unwrap().iter().find(lost), None);
}
