//! On SIGTERM running requests are answered, everything acknowledged is stored, leases stay with
//! their holders, and the process ends in time.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use zksync_witness_server::api::paths;
use zksync_witness_server::client::{Client, ClientError};
use zksync_witness_server::config::Secret;
use zksync_witness_server::testing::internals::domain::sample_single_proof;

use crate::support::{SECRET, Server, block, chain, genesis, input_of, publication, run_well, token, until};

fn address(server: &Server) -> &str {
    server.url.strip_prefix("http://").unwrap()
}

/// Sends the head of a request, and waits until the server reads its body.
fn begun(server: &Server, path: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address(server)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let token = token();
    let head = format!(
        "POST {path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// Sends a request except for the last byte of its body.
fn almost(server: &Server, path: &str, body: &str) -> TcpStream {
    let mut stream = begun(server, path, body.len());
    stream.write_all(&body.as_bytes()[..body.len() - 1]).unwrap();
    stream
}

/// Waits until no connection is accepted.
fn wait_until_stopping(server: &Server) {
    until(|| TcpStream::connect(address(server)).is_err().then_some(()));
}

#[test]
fn a_proof_that_is_being_published_is_accepted_and_stored() {
    let folder = tempfile::tempdir().unwrap();
    run_well(&["import", "--data-dir", folder.path().to_str().unwrap(), chain("deposit").to_str().unwrap()]);
    let server = Server::start(folder.path(), &[]);
    let job = server.next_job("p");
    let proof = json!({"BlockProof": sample_single_proof(&input_of(&block("deposit")), 1)});
    let body = publication(&job, &proof);
    let mut publishing = almost(&server, "/publish", &body);
    server.signal("-TERM");
    wait_until_stopping(&server);
    publishing.write_all(&body.as_bytes()[body.len() - 1..]).unwrap();
    let mut answer = String::new();
    publishing.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.end(), Some(0));

    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.get("/api/v1/blocks/1/proof").accepted().json(), proof["BlockProof"]);
    assert_eq!(server.get("/api/v1/jobs/1").json()["status"], "done");
}

#[test]
fn leases_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    run_well(&["import", "--data-dir", folder.path().to_str().unwrap(), chain("deposit").to_str().unwrap()]);
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.next_job("one")["job_id"], 1);
    let heartbeat = r#"{"prover_name":"one","job_id":1}"#;
    assert_eq!(server.terminate(), Some(0));
    for signal in ["-INT", "-TERM"] {
        let server = Server::start(folder.path(), &[]);
        let job = server.get("/api/v1/jobs/1").accepted().json();
        assert_eq!(
            (&job["status"], &job["holder"], &job["attempts"]),
            (&json!("in_progress"), &json!("one"), &json!(1))
        );
        assert_eq!(server.get_job("two")["job_id"], 0, "another prover got it");
        server.post("/working_on", heartbeat).accepted();
        server.signal(signal);
        assert_eq!(server.end(), Some(0));
    }
}

/// Reads genesis and blocks of the sample chain.
fn sample() -> (Vec<u8>, Vec<Vec<u8>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain");
    let block = |number: u32| std::fs::read(folder.join(format!("blocks/{number:06}.json"))).unwrap();
    (std::fs::read(folder.join("genesis.json")).unwrap(), (1..=8).map(block).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_acknowledged_items_are_stored_and_other_requests_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let client = Client::new(&server.url, &Secret::new(SECRET).unwrap(), Duration::from_secs(30)).unwrap();
    let (genesis, blocks) = sample();
    client.post_bytes(paths::GENESIS, genesis).await.unwrap().success().unwrap();
    let (imported, claimed) = (AtomicU32::new(0), AtomicU32::new(0));
    let stopping = AtomicBool::new(false);
    let import = async {
        for block in &blocks {
            match client.post_bytes(paths::BLOCKS, block.clone()).await {
                Ok(answer) => drop(answer.success().unwrap()),
                Err(error) => return assert!(matches!(error, ClientError::Unreachable { .. }), "{error}"),
            }
            if imported.fetch_add(1, Ordering::SeqCst) == 4 {
                stopping.store(true, Ordering::SeqCst);
                server.signal("-TERM");
            }
        }
    };
    let prover = |name: &'static str| {
        let (client, claimed, stopping) = (client.clone(), &claimed, &stopping);
        async move {
            let ask = json!({"prover_name": name, "aux_data": {}});
            loop {
                let answer = match client.get_with_body("/get_job", &ask).await {
                    Ok(answer) => answer.success().unwrap(),
                    Err(error) => {
                        assert!(stopping.load(Ordering::SeqCst), "{error}");
                        return assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
                    }
                };
                let job: Value = serde_json::from_slice(&answer).unwrap();
                if job["job_id"] != 0 {
                    claimed.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    };
    tokio::join!(import, prover("a"), prover("b"), prover("c"));
    assert_eq!(server.end(), Some(0));

    let server = Server::start(folder.path(), &[]);
    let head = server.get("/api/v1/status").accepted().json()["blocks"]["head"].as_u64().unwrap();
    // One more may have been stored if its answer was cut off.
    let imported = u64::from(imported.into_inner());
    assert!(
        imported >= 5 && (imported..=imported + 1).contains(&head),
        "{imported} acknowledged, {head} stored"
    );
    for number in 1..=imported {
        server.get(&paths::block(u32::try_from(number).unwrap())).accepted();
    }
    let jobs = server.get("/api/v1/jobs?status=in_progress").accepted().json();
    let held = jobs["jobs"].as_array().unwrap().iter().filter(|job| job["holder"].is_string()).count();
    let claimed = claimed.into_inner() as usize;
    assert!((claimed..=claimed + 3).contains(&held), "{claimed} handed out, {held} held");
}

#[test]
fn unfinished_requests_are_aborted_after_the_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--set", "shutdown_timeout=500ms"]);
    let genesis = String::from_utf8(genesis("deposit")).unwrap();
    let mut never = almost(&server, paths::GENESIS, &genesis);
    server.signal("-TERM");
    assert_eq!(server.end(), Some(0));
    let mut answer = String::new();
    let _ = never.read_to_string(&mut answer);
    assert_eq!(answer, "");
    let server = Server::start(folder.path(), &[]);
    server.get(paths::GENESIS).refused_about(404, "not_found", "genesis");
}

/// `timeout`, and programs that pass on Ctrl-C, send a signal to the process and to its group.
#[test]
fn signals_at_the_same_time_count_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let name = format!("\"{}\"", "p".repeat(30));
    let mut stopped = begun(&server, "/stopped", name.len());
    // A body that pauses for a second is dropped at the stop.
    let trickling = std::thread::spawn(move || {
        for byte in name.bytes() {
            stopped.write_all(&[byte]).unwrap();
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut answer = String::new();
        stopped.read_to_string(&mut answer).unwrap();
        answer
    });
    // Two of one kind may arrive as one.
    let both = format!("kill -TERM {0} && kill -INT {0}", server.id());
    assert!(Command::new("sh").args(["-c", &both]).status().unwrap().success());
    let answer = trickling.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.end(), Some(0));
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    for (first, second) in [("-TERM", "-TERM"), ("-INT", "-TERM"), ("-TERM", "-INT")] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), &["--set", "shutdown_timeout=1h"]);
        // Its body continues, and takes longer than the test.
        let mut never = begun(&server, "/stopped", 60_000);
        let trickling = std::thread::spawn(move || {
            while never.write_all(b"p").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        server.signal(first);
        wait_until_stopping(&server);
        std::thread::sleep(Duration::from_millis(1_100));
        server.signal(second);
        assert_eq!(server.end(), Some(1), "{first} {second}");
        trickling.join().unwrap();
    }
}

#[test]
fn connections_without_a_whole_request_do_not_delay_the_stop() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--set", "shutdown_timeout=1h", "--set", "stall_timeout=1h"]);
    let genesis = String::from_utf8(genesis("deposit")).unwrap();
    let _stalled = almost(&server, paths::GENESIS, &genesis);
    let mut half_a_head = TcpStream::connect(address(&server)).unwrap();
    half_a_head.write_all(b"POST /publish HTTP/1.1\r\nAuthor").unwrap();
    let _silent = TcpStream::connect(address(&server)).unwrap();
    assert_eq!(server.terminate(), Some(0));
}
