//! Client commands and provers behind a proxy: its failures and its limits are distinguished from
//! those of the server, and the documented configuration of nginx carries a whole run.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::sync::watch;
use zksync_witness_server::client::{Client, ProverOptions, SampleProver, sample_proof};
use zksync_witness_server::config::Secret;

use crate::support::{SECRET, Server, begun, free_port, run_badly, run_well, sample_chain, token, until};

/// Reads a request to its end.
fn read_request(stream: &mut TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
}

/// Starts a server that gives the same answer to every request; returns its URL.
fn answering(head: String, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            read_request(&mut stream);
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

fn page(status: &str) -> String {
    answering(
        format!("{status}\r\nContent-Type: text/html"),
        format!("<html><body><h1>{status}</h1>\n<hr>nginx</body></html>\n"),
    )
}

#[test]
fn failures_of_a_proxy_and_pages_of_html_are_exit_code_5_with_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let chain = sample_chain();
    let file = folder.path().join("out").to_str().unwrap().to_owned();
    for (status, word) in [
        ("502 Bad Gateway", "proxy"),
        ("503 Service Unavailable", "proxy"),
        ("504 Gateway Time-out", "timeouts of the proxy"),
        ("413 Request Entity Too Large", "client_max_body_size"),
        ("404 Not Found", "check the URL"),
        ("401 Unauthorized", "check the URL"),
        ("200 OK", "check the URL"),
    ] {
        let url = page(status);
        for args in [
            &["status"][..],
            &["status", "--json"],
            &["export", "witness", "1"],
            &["jobs", "list"],
            &["import", &chain],
            &["backup", "--out", &file],
        ] {
            let error = run_badly(&[args, &["--url", &url]].concat(), 5);
            assert!(error.contains(word) && error.contains(&status[..3]) && !error.contains('<'), "{error}");
        }
    }
    assert!(!Path::new(&file).exists());
}

#[test]
fn a_token_out_of_its_time_is_refused_with_the_difference_of_both_clocks() {
    let problem = |code: &str| json!({"code": code, "message": "the token expired 3590 s ago"}).to_string();
    for (ahead, expected) in [(3600, "ahead"), (-3600, "behind"), (0, "proxy_request_buffering")] {
        let date = (Utc::now() + TimeDelta::seconds(ahead)).format("%a, %d %b %Y %H:%M:%S GMT");
        for code in ["token_expired", "token_not_yet_valid"] {
            let head = format!("401 Unauthorized\r\nContent-Type: application/problem+json\r\nDate: {date}");
            let url = answering(head, problem(code));
            let error = run_badly(&["status", "--url", &url], 5);
            assert!(error.contains(expected) && error.contains("3590 s ago"), "{error}");
            // The secret is not the cause.
            assert!(!error.contains("API_PROVER_SECRET_AUTH"), "{error}");
        }
    }
}

#[test]
fn commands_wait_for_a_server_that_is_starting() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().to_string();
    let url = format!("http://127.0.0.1:{port}");
    let chain = sample_chain();
    let wait = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
        let command = command.args(args).args(["--url", &url, "--wait", "60s"]);
        command.env_clear().env("API_PROVER_SECRET_AUTH", SECRET);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut commands = [wait(&["import", &chain]), wait(&["status"]), wait(&["jobs", "list"])];
    // None has given up before the server starts.
    std::thread::sleep(Duration::from_millis(300));
    assert!(commands.iter_mut().all(|command| command.try_wait().unwrap().is_none()));
    let mut serve = Command::new(env!("CARGO_BIN_EXE_witness-server"));
    serve.args([
        "serve",
        "--listen",
        &format!("127.0.0.1:{port}"),
        "--admin-listen",
        "127.0.0.1:0",
        "--data-dir",
    ]);
    serve.arg(folder.path()).env_clear().env("API_PROVER_SECRET_AUTH", SECRET);
    let mut server = begun(&mut serve);
    assert!(server.is_serving());
    for command in commands {
        let output = command.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let status: Value = serde_json::from_slice(&run_well(&["status", "--json", "--url", &url])).unwrap();
    assert_eq!(status["blocks"]["head"], 8);
    drop(server);
    run_badly(&["status", "--url", &url, "--wait", "200ms"], 5);
}

/// nginx with the documented configuration; killed when dropped.
struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Nginx {
    /// Starts nginx in front of a server; the texts are replaced in the configuration.
    fn start(server: &Server, replaced: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("certificate.pem"), key.cert.pem()).unwrap();
        std::fs::write(path("key.pem"), key.signing_key.serialize_pem()).unwrap();
        let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operation.md"));
        let guide = guide.unwrap();
        let mut site = guide.split_once("```nginx\n").unwrap().1.split_once("```").unwrap().0.to_owned();
        let address = |url: &str| url.strip_prefix("http://").unwrap().to_owned();
        for (from, to) in [
            ("listen 443 ssl", format!("listen 127.0.0.1:{port} ssl")),
            ("/etc/ssl/prover.example.pem", path("certificate.pem")),
            ("/etc/ssl/private/prover.example.key", path("key.pem")),
            ("127.0.0.1:8088", address(&server.url)),
            ("127.0.0.1:3312", address(&server.admin)),
        ] {
            assert!(site.contains(from), "{from} is not in the guide");
            site = site.replace(from, &to);
        }
        for (from, to) in replaced {
            assert!(site.contains(from), "{from} is not in the guide");
            site = site.replace(from, to);
        }
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};", path(kind)))
            .join("\n");
        let whole = format!(
            "daemon off; pid {}; error_log stderr; worker_processes 1; events {{}} http {{ access_log off;\n{temporary}\n{site} }}",
            path("pid")
        );
        std::fs::write(path("nginx.conf"), whole).unwrap();
        let mut command = Command::new("nginx");
        command.args(["-p", &path(""), "-c", &path("nginx.conf"), "-e", "stderr"]);
        let mut child = command.stdin(Stdio::null()).spawn().expect("this test needs nginx");
        until(|| {
            assert!(child.try_wait().unwrap().is_none(), "nginx has ended");
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self { child, folder, port }
    }

    fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// Returns the arguments of a command that goes through it.
    fn target(&self) -> [String; 4] {
        let trust = format!("tls_ca={}", self.certificate().display());
        ["--url".to_owned(), self.url("/prover"), "--set".to_owned(), trust]
    }

    /// Sends the begin of a request over TLS, and no more; returns the head of the answer.
    fn begin(&self, request: &str) -> String {
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{}", self.port)]);
        openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = openssl.spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(request.as_bytes()).unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let head = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
        child.kill().unwrap();
        child.wait().unwrap();
        head
    }

    fn client(&self, path: &str) -> Client {
        let secret = Secret::new(SECRET).unwrap();
        Client::trusting(Some(&self.certificate()), &self.url(path), &secret, Duration::from_secs(30))
            .unwrap()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

fn text(target: &[String], args: &[&str]) -> String {
    let target: Vec<&str> = target.iter().map(String::as_str).collect();
    String::from_utf8(run_well(&[args, &target].concat())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx"]
async fn the_documented_nginx_configuration_carries_a_whole_run() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let settings = ["--aggregate", "1,4", "--set", "aggregate_deadline=200ms"];
    let server = Server::start(&data, &settings);
    let nginx = Nginx::start(&server, &[]);
    let target = nginx.target();
    text(&target, &["import", &sample_chain()]);

    let (running, stop) = watch::channel(false);
    let provers = [1, 2].map(|number| {
        let options = ProverOptions {
            name: format!("p{number}"),
            heartbeat_interval: Duration::from_millis(100),
            cycle_wait: Duration::from_millis(50),
            die_after_proof: false,
            max_idle: None,
        };
        let prover = SampleProver::new(nginx.client("/prover"), options, Arc::new(sample_proof));
        let stop = stop.clone();
        tokio::spawn(async move { prover.run(stop).await.unwrap() })
    });
    // Nothing else is left: all blocks are proven, and the aggregates cover them all.
    let server = tokio::task::spawn_blocking(move || {
        server.wait_for("/aggregated_operations/create_proof_blocks", 8);
        server.wait_for("/jobs/pending", 0);
        server
    })
    .await
    .unwrap();
    running.send_replace(true);
    for prover in provers {
        assert!(prover.await.unwrap() > 0);
    }
    let status: Value = serde_json::from_str(&text(&target, &["status", "--json"])).unwrap();
    assert_eq!((&status["jobs"]["failed"], &status["blocks"]["witnessed"]), (&json!(0), &json!(8)));
    text(&target, &["export", "proof", "8"]);
    let backup = folder.path().join("backup").display().to_string();
    text(&target, &["backup", "--out", &backup]);
    // The board: the page, its files and its API below the prefix, whatever name the client used.
    let board = nginx.client("/board");
    for path in ["/", "/app.js", "/api/v1/status", "/readyz"] {
        assert_eq!(board.get(path).await.unwrap().status.as_u16(), 200, "{path}");
    }
    let head = nginx.begin("GET /board/ HTTP/1.1\r\nHost: prover.example\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    // A body that is longer than those that nginx passes on by default reaches the server.
    let long = nginx.client("/prover").post_bytes("/publish", vec![b' '; 2 << 20]).await.unwrap();
    assert_eq!(long.status.as_u16(), 400);
    // An event arrives while the stream continues.
    let mut events = board.get_parts("/api/v1/events").await.unwrap();
    assert!(events.next().await.unwrap().is_some());
    drop((events, board));
    assert_eq!(server.terminate(), Some(0));
}

#[test]
#[ignore = "needs nginx"]
fn a_stopped_server_behind_nginx_is_told_and_limits_of_bodies_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"), &["--set", "stall_timeout=500ms"]);
    let nginx = Nginx::start(&server, &[("client_max_body_size 1g", "client_max_body_size 1k")]);
    let target = nginx.target();
    let target: Vec<&str> = target.iter().map(String::as_str).collect();
    let error = run_badly(&[&["import", &sample_chain()], &target[..]].concat(), 5);
    assert!(error.contains("client_max_body_size"), "{error}");
    // A body is passed on while it arrives: the server notices that it has stopped.
    let head = nginx.begin(&format!(
        "POST /prover/publish HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Length: 50\r\n\r\n[",
        token()
    ));
    assert!(head.starts_with("HTTP/1.1 408") && head.contains("application/problem+json"), "{head}");
    assert_eq!(server.terminate(), Some(0));
    let error = run_badly(&[&["status"], &target[..]].concat(), 5);
    assert!(error.contains("502") && error.contains("check that the server runs"), "{error}");
}
