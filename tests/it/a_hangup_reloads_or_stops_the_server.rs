//! SIGHUP: a server without a terminal loads certificate and log filter again, one on a terminal
//! stops when the terminal closes.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use zksync_witness_server::client::{Client, ClientError};
use zksync_witness_server::config::Secret;

use crate::support::terminal::terminal;
use crate::support::{SECRET, Server, http, until};

/// Lets programs that are started from now on receive SIGHUP, also if the tests run under `nohup`:
/// they inherit a signal that is ignored, but not one that is handled.
async fn handle_hangups() {
    drop(signal(SignalKind::hangup()).unwrap());
}

/// Writes a certificate for 127.0.0.1 and its key.
fn certify(folder: &Path) {
    let created = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(folder.join("certificate"), created.cert.pem()).unwrap();
    fs::write(folder.join("key"), created.signing_key.serialize_pem()).unwrap();
}

/// Returns a client that trusts the given certificate only.
fn trusting(server: &Server, certificate: &Path) -> Client {
    let secret = Secret::new(SECRET).unwrap();
    Client::trusting(Some(certificate), &server.url, &secret, Duration::from_secs(30)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_certificate_and_log_filter_are_loaded_again() {
    handle_hangups().await;
    let folder = tempfile::tempdir().unwrap();
    let (root, log) = (folder.path(), folder.path().join("log"));
    certify(root);
    let settings = root.join("settings.toml");
    let configure = |filter: &str| {
        let file = |name: &str| root.join(name).display().to_string();
        let (certificate, key) = (file("certificate"), file("key"));
        fs::write(&settings, format!("tls_certificate = {certificate:?}\ntls_key = {key:?}\n{filter}"))
            .unwrap();
    };
    configure("log = \"info\"");
    let more = ["--config", settings.to_str().unwrap()];
    let server = Server::start_with(&root.join("data"), SECRET, &more, |command| {
        command.stdin(Stdio::null()).stderr(File::create(&log).unwrap())
    });
    let read_log = || fs::read_to_string(&log).unwrap();
    fs::copy(root.join("certificate"), root.join("first")).unwrap();
    let before = trusting(&server, &root.join("first"));
    before.get("/status").await.unwrap().success().unwrap();
    assert!(!read_log().contains("DEBUG"));

    // Files that do not fit together change nothing.
    fs::write(root.join("key"), "no key").unwrap();
    server.signal("-HUP");
    until(|| read_log().contains("no private key").then_some(()));
    before.with_own_connections().get("/status").await.unwrap().success().unwrap();

    certify(root);
    configure("log = \"debug\"");
    server.signal("-HUP");
    until(|| read_log().contains("are loaded").then_some(()));
    let after = trusting(&server, &root.join("certificate"));
    after.get("/status").await.unwrap().success().unwrap();
    let refused = before.with_own_connections().get("/status").await.unwrap_err();
    assert!(matches!(refused, ClientError::Untrusted { .. }), "{refused}");
    // An established connection continues.
    before.get("/status").await.unwrap().success().unwrap();
    until(|| read_log().contains("DEBUG").then_some(()));
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_server_on_a_terminal_stops_like_at_sigterm_when_the_terminal_goes() {
    Runtime::new().unwrap().block_on(handle_hangups());
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = terminal();
    let server = Server::start_with(folder.path(), SECRET, &[], |command| {
        command.stdin(theirs.try_clone().unwrap()).stderr(theirs)
    });
    http(&server.admin, "GET", "/healthz", None, "").accepted();
    drop(ours);
    // A shell sends it as often as it likes.
    server.signal("-HUP");
    server.signal("-HUP");
    assert_eq!(server.end(), Some(0));
}

#[test]
fn after_nohup_a_server_survives_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let (_ours, theirs) = terminal();
    let server = Server::start_with(folder.path(), SECRET, &[], |command| {
        let ignoring = format!("trap '' HUP; exec {} \"$@\"", env!("CARGO_BIN_EXE_witness-server"));
        let mut shell = Command::new("sh");
        shell.args(["-c", &ignoring, "sh"]).args(command.get_args());
        shell.env_clear().env("API_PROVER_SECRET_AUTH", SECRET);
        shell.stdin(theirs).stdout(Stdio::piped()).stderr(Stdio::null());
        *command = shell;
        command
    });
    for _ in 0..3 {
        server.signal("-HUP");
        http(&server.admin, "GET", "/healthz", None, "").accepted();
    }
    assert_eq!(server.terminate(), Some(0));
}
