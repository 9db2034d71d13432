//! The routes for operators on both listeners: with a prover's token on one, without a token or
//! with the operator's on the other.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use zksync_witness_server::testing::internals::domain::Quarantine;
use zksync_witness_server::testing::internals::store::{Store, StoreOptions, wait_until_closed};

use crate::support::{self, Server, block, chain, genesis, http, until};

#[test]
fn blocks_and_provers_are_shown_on_both_listeners_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    assert!(chain("deposit").exists());
    server.post("/api/v1/genesis", &String::from_utf8(genesis("deposit")).unwrap()).accepted();
    server.post("/api/v1/blocks", &block("deposit").to_string()).accepted();
    let job = until(|| Some(server.get_job("alice")).filter(|job| job["job_id"] != 0));
    assert_eq!(job["first_block"], 1, "{job}");
    for url in [&server.url, &server.admin] {
        let token = support::token();
        let token = (*url == server.url).then_some(token.as_str());
        let get = |path: &str| http(url, "GET", path, token, "").accepted().json();
        let blocks = get("/api/v1/blocks?order=desc&limit=5");
        assert_eq!(blocks["blocks"][0]["stage"], "proving", "{blocks}");
        assert_eq!(blocks["next"], serde_json::Value::Null);
        let explained = get("/api/v1/blocks/1/explain");
        assert!(explained["text"].as_str().unwrap().contains("leased to alice"), "{explained}");
        let provers = get("/api/v1/provers");
        assert_eq!(provers["provers"][0]["name"], "alice", "{provers}");
        assert_eq!(provers["provers"][0]["jobs"], serde_json::json!([job["job_id"]]), "{provers}");
        let jobs = get("/api/v1/jobs");
        assert!(jobs["jobs"][0]["last_heartbeat_ms"].is_u64(), "{jobs}");
        let operations = get("/api/v1/blocks/1/operations");
        let deposit = serde_json::json!([{"kind": "Deposit", "count": 1, "chunks": 6}]);
        assert_eq!(operations["kinds"], deposit, "{operations}");
        get("/api/v1/status");
    }
    // The data of provers require a token.
    for path in ["/api/v1/jobs/1/data", "/api/v1/backup"] {
        http(&server.admin, "GET", path, None, "").refused(404, "unknown_route");
    }
    for part in ["", "/witness", "/proof", "/bundle"] {
        let path = format!("/api/v1/blocks/1{part}");
        http(&server.admin, "GET", &path, None, "").refused(403, "no_operator");
    }
    let refused = http(&server.url, "POST", "/api/v1/blocks/1/retry", Some(&support::token()), "");
    refused.refused(409, "not_quarantined");
    assert!(refused.head.contains("application/problem+json"), "{}", refused.head);
    let problem = refused.json();
    assert_eq!(problem["status"], 409);
    assert_eq!(problem["code"], "not_quarantined");
    assert_eq!(problem["detail"], problem["message"]);
    assert!(refused.head.contains(problem["request_id"].as_str().unwrap()), "{problem}");
    server.post("/api/v1/blocks/9/retry", "").refused_about(404, "not_found", "block 9");
}

#[test]
fn the_admin_listener_does_nothing_without_the_operators_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("operator");
    std::fs::write(&file, "the-operators-token\n").unwrap();
    let setting = format!("operator_token_file={}", file.display());
    let data = folder.path().join("data");
    let server = Server::start(&data, &["--set", &setting]);
    let post = |token: Option<&str>| http(&server.admin, "POST", "/api/v1/jobs/1/requeue", token, "");
    post(None).refused_about(401, "unauthorized", "Authorization");
    post(Some("the-operators-toke")).refused_about(401, "unauthorized", "operator_token");
    post(Some(&support::token())).refused_about(401, "unauthorized", "operator_token");
    post(Some("the-operators-token")).refused_about(404, "unknown_job", "job 1");
    let operator = http(&server.admin, "GET", "/api/v1/operator", None, "").accepted().json();
    assert_eq!(operator["enabled"], true);
    // The parts of a block are for operators.
    let get = |token: Option<&str>, part: &str| {
        http(&server.admin, "GET", &format!("/api/v1/blocks/1{part}"), token, "")
    };
    for part in ["", "/witness", "/proof", "/bundle"] {
        get(None, part).refused(401, "unauthorized");
        get(Some("the-operators-token"), part).refused(404, "not_found");
    }
    // It is not valid on the other listener.
    http(&server.url, "GET", "/api/v1/status", Some("the-operators-token"), "").refused(401, "unauthorized");
    assert_eq!(server.terminate(), Some(0));

    let server = Server::start(&data, &[]);
    for path in ["/api/v1/jobs/1/requeue", "/api/v1/jobs/1/drop", "/api/v1/blocks/1/retry"] {
        http(&server.admin, "POST", path, Some("the-operators-token"), "").refused_about(
            403,
            "no_operator",
            "operator_token_file",
        );
    }
    let operator = http(&server.admin, "GET", "/api/v1/operator", None, "").accepted().json();
    assert_eq!(operator["enabled"], false);
}

#[test]
fn a_quarantined_block_is_retried_and_quarantined_again_if_it_still_cannot_be_witnessed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    server.post("/api/v1/genesis", &String::from_utf8(genesis("deposit")).unwrap()).accepted();
    let mut bad = block("deposit");
    bad["block"]["block_commitment"] = serde_json::json!(format!("0x{}", "0".repeat(64)));
    let outcome = server.post("/api/v1/blocks", &bad.to_string()).accepted().json();
    assert_eq!(outcome["outcome"], "quarantined", "{outcome}");
    let quarantine = || server.get("/api/v1/blocks").json()["blocks"][0]["quarantine"].clone();
    let before = quarantine();
    assert!(before["at_ms"].is_u64(), "{before}");
    let text = server.get("/api/v1/blocks/1/explain").json()["text"].clone();
    assert!(text.as_str().unwrap().contains("/api/v1/blocks/1/retry"), "{text}");
    server.post("/api/v1/blocks/1/retry", "").accepted();
    let after = until(|| Some(quarantine()).filter(|after| after["at_ms"].is_u64() && *after != before));
    assert!(after["at_ms"].as_u64() > before["at_ms"].as_u64(), "{after}");
}

#[test]
fn a_retried_block_gets_its_witness_once_the_cause_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    support::run_well(&[
        "import",
        "--data-dir",
        folder.path().to_str().unwrap(),
        chain("deposit").to_str().unwrap(),
    ]);
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let reason = "something that is gone".to_owned();
    store.chain().set_quarantine(1, Quarantine { reason, operation: None, kind: None, at_ms: 1 }).unwrap();
    store.sync().unwrap();
    drop(store);
    wait_until_closed(folder.path()).unwrap();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.get("/api/v1/blocks").json()["blocks"][0]["stage"], "quarantined");
    server.post("/api/v1/blocks/1/retry", "").accepted();
    server.wait_for("/blocks/witnessed", 1);
}

#[test]
fn changes_are_streamed_and_the_stream_ends_when_the_server_stops() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let address = server.admin.strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let head: Vec<String> =
        lines.by_ref().take_while(|line| !line.is_empty()).map(|line| line.to_lowercase()).collect();
    for header in ["content-type: text/event-stream", "x-accel-buffering: no"] {
        assert!(head.iter().any(|line| line == header), "{header} in {head:?}");
    }
    let mut heads = lines.by_ref().filter_map(|line| {
        let status: serde_json::Value = serde_json::from_str(line.strip_prefix("data: ")?).unwrap();
        status["blocks"]["head"].as_u64()
    });
    assert_eq!(heads.next(), Some(0), "the state at once");
    server.post("/api/v1/genesis", &String::from_utf8(genesis("deposit")).unwrap()).accepted();
    server.post("/api/v1/blocks", &block("deposit").to_string()).accepted();
    assert!(heads.any(|head| head == 1));
    let history = http(&server.admin, "GET", "/api/v1/history", None, "").accepted().json();
    assert!(history["points"][0]["at_ms"].is_u64(), "{history}");
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(heads.last().filter(|head| *head != 1), None, "and then its end");
}

#[test]
fn the_admin_listener_is_for_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let address = server.admin.strip_prefix("http://").unwrap().to_owned();
    let port = address.rsplit_once(':').unwrap().1;
    let ask = |path: &str, head: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\n{head}Connection: close\r\n\r\n").unwrap();
        let answer = std::io::read_to_string(stream).unwrap();
        let status: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.contains("foreign_site"))
    };
    for host in [address.clone(), format!("localhost:{port}"), "[::1]".to_owned()] {
        let head = format!("Host: {host}\r\nSec-Fetch-Site: same-origin\r\n");
        assert_eq!(ask("/api/v1/status", &head), (200, false), "{host}");
    }
    // A foreign host name that resolves to this machine.
    for path in ["/", "/metrics", "/api/v1/status", "/nowhere"] {
        assert_eq!(ask(path, &format!("Host: evil.example:{port}\r\n")), (403, true), "{path}");
    }
    assert_eq!(ask("http://evil.example/api/v1/status", &format!("Host: {address}\r\n")), (403, true));
    // A foreign page, and a page of another server on this machine.
    for site in ["cross-site", "same-site"] {
        let head = format!("Host: {address}\r\nSec-Fetch-Site: {site}\r\n");
        assert_eq!(ask("/api/v1/rejected_proofs", &head), (403, true), "{site}");
        assert_eq!(ask("/", &head), (200, false), "a link from another site");
    }
}

#[test]
fn the_number_of_open_streams_is_limited() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let address = server.admin.strip_prefix("http://").unwrap().to_owned();
    let open = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        (line.split(' ').nth(1).unwrap().parse::<u16>().unwrap(), reader)
    };
    let mut streams: Vec<_> = (0..64).map(|_| open()).collect();
    assert!(streams.iter().all(|(status, _)| *status == 200));
    assert_eq!(open().0, 503);
    // A closed stream makes room for another one.
    streams.pop();
    until(|| (open().0 == 200).then_some(()));
}

#[test]
fn the_remaining_time_follows_from_proven_blocks_and_sizes_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    support::witnessed_sample(&data);
    let server = Server::start(&data, &[]);
    server.wait_for("/jobs/idle", 8);
    let shown = |id: &serde_json::Value| server.get(&format!("/api/v1/jobs/{id}")).accepted().json();
    let mut of_size = std::collections::BTreeMap::new();
    for _ in 0..8 {
        let job = server.get_job("p");
        let view = shown(&job["job_id"]);
        // Known for blocks of a size that was proven before.
        let known = of_size.insert(view["chunks"].as_u64().unwrap(), ()).is_some();
        assert_eq!(view["eta_ms"].is_u64(), known, "{view}");
        let number = job["first_block"].as_u64().unwrap();
        let input = support::input_of(&support::sample_block(u32::try_from(number).unwrap()));
        let data = serde_json::json!({"BlockProof": zksync_witness_server::testing::internals::domain::sample_single_proof(&input, 1)});
        server.post("/publish", &support::publication(&job, &data)).accepted();
    }
    assert!(of_size.len() < 8, "no two blocks are of one size");
    let storage =
        until(|| Some(server.get("/api/v1/status").json()["storage"].clone()).filter(|s| !s.is_null()));
    for part in ["index_bytes", "blobs_bytes", "journal_bytes"] {
        assert!(storage[part].as_u64().unwrap() > 0, "{storage}");
    }
}
