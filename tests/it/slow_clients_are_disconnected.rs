//! Clients that send or read too slowly, or not at all, are disconnected and do not block others;
//! excess requests get 503.

#![cfg(target_os = "linux")]

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::support::{Server, token, until, witnessed_sample};

/// Sends the head of a request and a part of its body.
fn begin(server: &Server, path: &str) -> TcpStream {
    let mut stream = server.connect();
    let token = token();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: 50\r\n\r\n["
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Returns everything that arrives until the server closes the connection.
fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "the connection stays open");
    }
    String::from_utf8(answer).unwrap()
}

/// Sends a byte every 100 ms until the server closes the connection; returns its answer.
fn trickle(mut stream: TcpStream, bytes: &[u8]) -> String {
    for byte in bytes {
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    rest(stream)
}

#[test]
fn connections_without_a_request_are_closed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--set", "idle_timeout=500ms"]);
    assert_eq!(rest(server.connect()), "");
    let head = format!("GET /status HTTP/1.1\r\nAuthorization: Bearer {}\r\n", token());
    assert!(!trickle(server.connect(), head.as_bytes()).contains("200"));
    let mut served = server.connect();
    served.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    assert!(rest(served).ends_with("alive"));
}

#[test]
fn bodies_that_stop_or_trickle_get_408_and_free_their_permit() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        ["--set", "stall_timeout=500ms", "--set", "body_timeout=1500ms", "--set", "max_publish_requests=1"];
    let server = Server::start(folder.path(), &settings);
    for path in ["/publish", "/stopped", "/api/v1/blocks"] {
        let answer = rest(begin(&server, path));
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{path}: {answer}");
        let answer = trickle(begin(&server, path), &[b' '; 49]);
        assert!(answer.starts_with("HTTP/1.1 408"), "{path}: {answer}");
    }
    server.post("/publish", "[").refused_about(400, "bad_json", "line 1");
}

#[test]
fn requests_beyond_the_limit_of_their_kind_get_503_and_others_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["--set", "max_publish_requests=2", "--set", "request_wait=300ms"];
    let server = Server::start(folder.path(), &settings);
    let mut held = [begin(&server, "/publish"), begin(&server, "/publish")];
    let late = until(|| Some(server.post("/publish", "[")).filter(|answer| answer.status == 503));
    late.refused(503, "unavailable");
    assert!(late.head.contains("retry-after: "), "{}", late.head);
    assert_eq!(server.get_job("p")["job_id"], 0);
    server.post("/stopped", "\"p\"").accepted();
    server.post("/api/v1/blocks", "[").refused(409, "no_genesis");
    server.get("/api/v1/jobs").accepted();
    for stream in &mut held {
        stream.write_all(&[b']'; 49]).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 400");
    }
    server.post("/publish", "[").refused_about(400, "bad_json", "line 1");
}

/// Returns the number of open descriptors of a server.
fn descriptors(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap().count()
}

#[test]
fn connections_with_unread_answers_are_closed() {
    let folder = tempfile::tempdir().unwrap();
    witnessed_sample(folder.path());
    let server = Server::start(folder.path(), &["--set", "stall_timeout=500ms"]);
    let witness = server.get("/api/v1/blocks/1/witness").accepted().body.len();
    let before = descriptors(&server);
    let request = format!(
        "GET /api/v1/blocks/1/witness HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n",
        token()
    );
    // More than the socket buffers of both sides hold.
    let requests = request.repeat((64 << 20) / witness + 1);
    let mut readers: Vec<TcpStream> = (0..4).map(|_| server.connect()).collect();
    for reader in &mut readers {
        reader.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        // The server reads no further request until its answers are sent.
        let _ = reader.write_all(requests.as_bytes());
    }
    for reader in &readers {
        let error = until(|| reader.take_error().unwrap());
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    until(|| (descriptors(&server) <= before).then_some(()));
    assert_eq!(server.get("/api/v1/blocks/1/witness").accepted().body.len(), witness);
    assert_eq!(server.terminate(), Some(0));
}
