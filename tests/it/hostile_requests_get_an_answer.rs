//! Hostile requests get a clear refusal or a closed connection, and the next valid request is
//! answered. Nothing panics.

use std::{
    fs,
    io::{Read, Write},
    net::Shutdown,
};

use crate::support::{SECRET, Server, heavy, token};

/// Short timeouts, so that incomplete requests end soon.
const SETTINGS: [&str; 8] = [
    "--set",
    "idle_timeout=1s",
    "--set",
    "stall_timeout=1s",
    "--set",
    "body_timeout=2s",
    "--set",
    "max_message_bytes=16KiB",
];

/// Sends bytes on a connection of their own; returns the statuses of all answers until it is
/// closed.
fn statuses(server: &Server, bytes: &[u8]) -> Vec<u16> {
    let mut stream = server.connect();
    // If the server closes the connection before it has read everything, its answer may be lost.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the connection stays open");
    }
    let answer = String::from_utf8_lossy(&answer);
    answer
        .match_indices("HTTP/1.1 ")
        .map(|(at, mark)| answer[at + mark.len()..][..3].parse().unwrap())
        .collect()
}

/// Sends a request that the server answers with one of the statuses, or not at all; then a valid
/// request, which it answers.
fn check(server: &Server, name: &str, bytes: &[u8], allowed: &[u16]) {
    let got = statuses(server, bytes);
    assert!(got.len() <= 1 && got.iter().all(|status| allowed.contains(status)), "{name}: {got:?}");
    assert_eq!(server.get("/status").accepted().text(), "alive", "after {name}");
}

/// Returns a head with a valid token, including the empty line.
fn head(first_line: &str, headers: &str) -> Vec<u8> {
    format!("{first_line}\r\nHost: a\r\nAuthorization: Bearer {}\r\n{headers}\r\n", token()).into_bytes()
}

/// Returns a head and a body.
fn request(first_line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    [&head(first_line, headers), body].concat()
}

/// Returns a request with a body and its length.
fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let headers = format!("{headers}Connection: close\r\nContent-Length: {}\r\n", body.len());
    request(&format!("POST {path} HTTP/1.1"), &headers, body)
}

fn chunked(body: &[u8]) -> Vec<u8> {
    request("POST /stopped HTTP/1.1", "Connection: close\r\nTransfer-Encoding: chunked\r\n", body)
}

/// Runs a test with a server, whose log must not contain a panic.
fn run(test: impl FnOnce(&Server)) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let settings = [&SETTINGS[..], &["--log", "debug"]].concat();
    let server = Server::start_logging(&folder.path().join("data"), SECRET, &settings, &log);
    test(&server);
    assert_eq!(server.terminate(), Some(0));
    let log = fs::read_to_string(log).unwrap();
    assert!(!log.contains("panicked") && log.contains("answered"), "{log}");
}

#[test]
fn ambiguous_framing_is_refused() {
    run(|server| {
        let hidden = String::from_utf8(head("GET /api/v1/status HTTP/1.1", "")).unwrap();
        let body = format!("3\r\n\"p\"\r\n0\r\n\r\n{hidden}");
        // RFC 9112 §6.3: the chunked framing counts, and the rest is not read as a request.
        for headers in [
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\nContent-Length: 5\r\n",
        ] {
            let bytes = request("POST /stopped HTTP/1.1", headers, body.as_bytes());
            assert_eq!(statuses(server, &bytes), [200], "{headers}");
        }
        let body = format!("\"p\"{hidden}");
        for headers in [
            "Content-Length: 3\r\nContent-Length: 4\r\n",
            "Content-Length: 3, 4\r\n",
            "Content-Length: +3\r\n",
            "Content-Length: -3\r\n",
            "Content-Length: 3 3\r\n",
            "Content-Length: 0x3\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked\u{b}\r\n",
            "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding\r\n : chunked\r\n",
            "Content-Length: 3\r\n folded\r\n",
            "X: a\0b\r\n",
            "X\0: a\r\n",
            ": a\r\n",
            "no colon\r\n",
        ] {
            let bytes = request("POST /stopped HTTP/1.1", headers, body.as_bytes());
            check(server, headers, &bytes, &[400]);
        }
        // The largest length that fits 64 bits.
        let most =
            request("POST /stopped HTTP/1.1", "Content-Length: 18446744073709551615\r\n", body.as_bytes());
        check(server, "the longest body", &most, &[400, 431]);
        let old =
            request("POST /stopped HTTP/1.0", "Transfer-Encoding: chunked\r\n", b"3\r\n\"p\"\r\n0\r\n\r\n");
        check(server, "chunks of HTTP/1.0", &old, &[400]);
        // The same length twice is unambiguous.
        let twice = "Connection: close\r\nContent-Length: 3\r\nContent-Length: 3\r\n";
        check(server, "one length twice", &request("POST /stopped HTTP/1.1", twice, b"\"p\""), &[200]);
    });
}

#[test]
fn malformed_chunks_and_endless_bodies_are_refused() {
    run(|server| {
        for body in [
            "zz\r\n",
            "-1\r\n",
            "0x3\r\n\"p\"\r\n0\r\n\r\n",
            "\r\n",
            "3\r\n\"p\"0\r\n\r\n",
            "3\n\"p\"\n0\n\n",
        ] {
            check(server, body, &chunked(body.as_bytes()), &[400]);
        }
        check(server, "overflowing chunk", &chunked(b"fffffffffffffffff\r\nabc"), &[400]);
        check(server, "endless chunk", &chunked(b"ffffffffffffffff\r\nabc"), &[400, 408, 413]);
        let extension = format!("3;{}\r\n\"p\"\r\n0\r\n\r\n", "x".repeat(100_000));
        check(server, "chunk extension", &chunked(extension.as_bytes()), &[400]);
        let trailers = format!("3\r\n\"p\"\r\n0\r\n{}\r\n", "X: y\r\n".repeat(20_000));
        check(server, "trailers", &chunked(trailers.as_bytes()), &[400]);
        check(server, "many small chunks", &chunked("1\r\n1\r\n".repeat(30_000).as_bytes()), &[413]);
        let long = post("/stopped", "", &vec![b'1'; 1 << 20]);
        check(server, "long body", &long, &[413]);
        let announced = "Content-Length: 9000000000000000000\r\n";
        check(server, "announced", &request("POST /publish HTTP/1.1", announced, b"{"), &[413]);
        let cut = request("POST /stopped HTTP/1.1", "Content-Length: 100\r\n", b"\"p");
        check(server, "never sent", &cut, &[408]);
        let cut = request("POST /stopped HTTP/1.1", "Content-Length: 100\r\nExpect: 100-continue\r\n", b"");
        let got = statuses(server, &cut);
        assert_eq!(got, [100, 408], "announced and never sent");
        let mut gone = server.connect();
        gone.write_all(&request("POST /stopped HTTP/1.1", "Content-Length: 100\r\n", b"\"p")).unwrap();
        gone.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        let _ = gone.read_to_string(&mut answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    });
}

#[test]
fn floods_of_headers_and_malformed_lines_are_refused() {
    run(|server| {
        let many = "X: y\r\n".repeat(200);
        let long = format!("X: {}\r\n", "y".repeat(40_000));
        for headers in [&many, &long] {
            assert_eq!(statuses(server, &head("GET /status HTTP/1.1", headers)), [431]);
        }
        let endless = format!("GET /status HTTP/1.1\r\nX: {}", "y".repeat(1 << 20));
        check(server, "a header without end", endless.as_bytes(), &[431]);
        let path = format!("GET /{} HTTP/1.1", "x".repeat(40_000));
        check(server, "a long path", &head(&path, ""), &[414, 431]);
        let method = format!("{} /status HTTP/1.1", "X".repeat(40_000));
        check(server, "a long method", &head(&method, ""), &[400, 431]);

        for line in ["GET /status HTTP/9.9", "GET /status", "GET", " / HTTP/1.1", "GET  /status HTTP/1.1"] {
            check(server, line, &head(line, ""), &[400]);
        }
        check(server, "no slash", &head("GET status HTTP/1.1", "Connection: close\r\n"), &[400, 404]);
        check(server, "HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[400, 505]);
        check(server, "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", &[400]);
        let noise: Vec<u8> = (0..10_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        check(server, "noise", &noise, &[400]);
        check(server, "zeros", &[0; 10_000], &[400]);
    });
}

#[test]
fn targets_outside_the_routes_are_refused() {
    run(|server| {
        let get = |target: &str| head(&format!("GET {target} HTTP/1.1"), "Connection: close\r\n");
        for target in [
            "/../../../../etc/passwd",
            "/api/v1/blocks/../../../secret",
            "/api/v1/blocks/..%2f..%2f..%2fsecret/witness",
            "/api/v1/blocks/%2e%2e/witness",
            "/api/v1/blocks/1%00/witness",
            "/api/v1/jobs/%ff",
            "/api/v1/jobs/-1",
            "/api/v1/jobs/99999999999",
            "/api/v1/jobs?limit=-1",
            "/api/v1/jobs?status=idle&status=done",
            "/api/v1/blocks/1/witness/",
            "//status",
        ] {
            check(server, target, &get(target), &[400, 404]);
        }
        let mut bytes = get("/status");
        bytes.splice(5..11, *b"\xff\xfe\x80abc");
        check(server, "a path that is no UTF-8", &bytes, &[400, 404]);
        // The server is not a proxy: it ignores the host in the target and connects to no other
        // server.
        check(server, "absolute form", &get("http://203.0.113.1/status"), &[200]);
        check(server, "asterisk", &head("OPTIONS * HTTP/1.1", "Connection: close\r\n"), &[404, 405]);
        check(server, "CONNECT", &head("CONNECT 203.0.113.1:443 HTTP/1.1", ""), &[400, 404, 405]);
        check(
            server,
            "upgrade",
            &head("GET /status HTTP/1.1", "Connection: upgrade, close\r\nUpgrade: h2c\r\n"),
            &[200],
        );
        check(server, "HTTP/1.0", &head("GET /status HTTP/1.0", ""), &[200]);
    });
}

#[test]
fn bombs_and_malformed_bodies_are_refused() {
    run(|server| {
        let deep = [&b"[".repeat(8_000)[..], &b"{\"a\":".repeat(1_000)].concat();
        let nested = |field: &str| [format!("{{\"{field}\":").as_bytes(), &b"[".repeat(8_000)].concat();
        for path in [
            "/working_on",
            "/publish",
            "/stopped",
            "/api/internal/prover/replicas",
            "/api/v1/blocks",
            "/api/v1/genesis",
            "/api/v1/aggregated_operations",
        ] {
            for body in [&deep, &nested("data"), &nested("block"), &nested("x")] {
                let status = statuses(server, &post(path, "", body));
                // Without a genesis, blocks are refused unread.
                assert!(matches!(status[..], [400 | 409]), "{path}: {status:?}");
            }
        }
        for body in [
            &br#"{"prover_name":"a","prover_name":"b","job_id":1}"#[..],
            br#"{"prover_name":"a","job_id":1,"job_id":2}"#,
            br#"{"prover_name":"a","job_id":1e400}"#,
            br#"{"prover_name":"a","job_id":99999999999999999999}"#,
            b"{\"prover_name\":\"\xff\",\"job_id\":1}",
            br#"{"prover_name":"\ud800","job_id":1}"#,
            br#"{"prover_name":"a","job_id":1} {}"#,
            b"\xef\xbb\xbf{}",
            b"NaN",
        ] {
            check(server, &String::from_utf8_lossy(body), &post("/working_on", "", body), &[400]);
        }
        let bomb = zstd::encode_all(&vec![b' '; 64 << 20][..], 3).unwrap();
        assert!(bomb.len() < 16 << 10);
        for coding in ["zstd", "gzip", "deflate", "br", "identity, gzip", "gzip, identity", ""] {
            let coded = post("/stopped", &format!("Content-Encoding: {coding}\r\n"), &bomb);
            assert_eq!(statuses(server, &coded), [415], "{coding}");
        }
        check(server, "compressed without Content-Encoding", &post("/stopped", "", &bomb), &[400]);
        check(server, "identity", &post("/stopped", "Content-Encoding: Identity\r\n", b"\"p\""), &[200]);
    });
}

#[test]
fn many_requests_on_one_connection_and_many_idle_connections_are_served() {
    let _heavy = heavy();
    run(|server| {
        let one = head("GET /status HTTP/1.1", "");
        let last = head("GET /status HTTP/1.1", "Connection: close\r\n");
        assert_eq!(statuses(server, &[one.repeat(500), last].concat()), [200; 501]);
        for number in 0..10_000 {
            let mut stream = server.connect();
            if number % 3 == 0 {
                let _ = stream.write_all(b"GET /sta");
            }
            if number % 500 == 0 {
                assert_eq!(server.get("/status").accepted().text(), "alive");
            }
        }
    });
}
