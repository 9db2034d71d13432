//! A prover in a process of its own proves the sample chain while the server is killed (SIGKILL)
//! and restarted three times: in the end every proof and aggregated proof is stored once.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use zksync_witness_server::testing::internals::domain::job::{JobStatus, JobType};
use zksync_witness_server::testing::internals::store::{Store, StoreOptions};

use crate::support::{SECRET, free_port, http, token, until};

/// A process that is killed when dropped.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(program: &Path, args: &[&str]) -> Guard {
    let child = Command::new(program)
        .args(args)
        .env_clear()
        .env("API_PROVER_SECRET_AUTH", SECRET)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Guard(child.unwrap_or_else(|error| panic!("{}: {error}", program.display())))
}

fn serve(folder: &Path, port: u16) -> Guard {
    let listen = format!("127.0.0.1:{port}");
    let server = spawn(
        Path::new(env!("CARGO_BIN_EXE_witness-server")),
        &[
            "serve",
            "--data-dir",
            folder.to_str().unwrap(),
            "--listen",
            &listen,
            "--admin-listen",
            "127.0.0.1:0",
            "--aggregate",
            "1,4",
            "--set",
            "aggregate_deadline=200ms",
        ],
    );
    let start = Instant::now();
    while std::net::TcpStream::connect(&listen).is_err() {
        assert!(start.elapsed() < Duration::from_secs(60), "the server does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    server
}

/// Returns the path of the example, which cargo builds next to the tests.
fn sample_prover() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let example = tests.parent().unwrap().parent().unwrap().join("examples/sample_prover");
    assert!(
        example.exists(),
        "`cargo test` builds it; for this test alone run `cargo build --examples` first"
    );
    example
}

/// Returns how many blocks have a proof, and how many are part of an aggregated one. The server
/// must be stopped.
fn count(store: &Store) -> (u32, u32) {
    let proven = (1..=8).filter(|block| store.queue().has_single_proof(*block).unwrap()).count();
    let jobs = store.queue().jobs(None, 0, 1000).unwrap().0;
    let aggregated = jobs
        .iter()
        .filter(|job| job.job_type == JobType::Aggregated && job.status == JobStatus::Done)
        .map(|job| job.last - job.first + 1)
        .sum();
    (proven as u32, aggregated)
}

#[test]
fn after_three_kills_every_proof_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain");
    let import = Command::new(env!("CARGO_BIN_EXE_witness-server"))
        .args(["import", "--data-dir"])
        .args([folder.path(), &chain])
        .output()
        .unwrap();
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));

    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let mut server = serve(folder.path(), port);
    // 200 ms for each proof: about two seconds of work, more than until the last kill.
    let _prover = spawn(&sample_prover(), &[&url, "survivor", "200"]);
    for pause in [450, 700, 550] {
        std::thread::sleep(Duration::from_millis(pause));
        server.0.kill().unwrap();
        server.0.wait().unwrap();
        server = serve(folder.path(), port);
    }

    until(|| {
        let status = http(&url, "GET", "/api/v1/status", Some(&token()), "").json();
        let of = |pointer: &str| status.pointer(pointer).and_then(Value::as_u64);
        (["/blocks/proven", "/blocks/aggregated"].map(of) == [Some(8); 2]).then_some(())
    });
    drop(server);

    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    assert_eq!(count(&store), (8, 8));
    let jobs = store.queue().jobs(None, 0, 1000).unwrap().0;
    let mut ranges: Vec<_> = jobs.iter().map(|job| (job.job_type as u8, job.first, job.last)).collect();
    ranges.sort_unstable();
    ranges.dedup();
    assert_eq!(ranges.len(), jobs.len(), "no job twice");
    for job in &jobs {
        assert_eq!(job.status, JobStatus::Done);
        let proof = match job.job_type {
            JobType::Single => store.queue().single_proof(job.first),
            JobType::Aggregated => store.queue().aggregated_proof(job.first, job.last),
        };
        assert!(proof.unwrap().is_some(), "job {} is done and has no proof", job.id);
    }
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}
