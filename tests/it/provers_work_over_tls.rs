//! With a certificate the server accepts only TLS, and clients connect only if they trust the
//! certificate.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::Value;
use tokio::sync::watch;
use zksync_witness_server::{
    api::paths,
    client::{Client, ProverOptions, SampleProver, sample_proof},
    config::Secret,
};

use crate::support::{self, SECRET, Server, chain, http, run_badly, run_well};

/// A temporary folder with certificates that one root has signed.
struct Certificates {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Creates a certificate for 127.0.0.1; returns the settings of a server with it.
    fn settings(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> [String; 4] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (certificate_file, key_file) = (self.path(name), self.path(&format!("{name}.key")));
        fs::write(&certificate_file, certificate.pem()).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        let set = "--set".to_owned();
        let certificate = format!("tls_certificate={}", certificate_file.display());
        [set.clone(), certificate, set, format!("tls_key={}", key_file.display())]
    }

    fn start(&self, folder: &Path, change: impl FnOnce(&mut CertificateParams)) -> Server {
        let settings = self.settings("server", change);
        Server::start(folder, &settings.each_ref().map(String::as_str))
    }

    fn client(&self, url: &str) -> Client {
        let secret = Secret::new(SECRET).unwrap();
        Client::trusting(Some(&self.path("ca.pem")), url, &secret, Duration::from_secs(30)).unwrap()
    }

    /// Returns the setting with which commands trust the root.
    fn trust(&self) -> String {
        format!("tls_ca={}", self.path("ca.pem").display())
    }
}

fn port(server: &Server) -> &str {
    server.url.strip_prefix("https://127.0.0.1:").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_proofs_and_exports_work_over_tls() {
    let certificates = Certificates::new();
    let folder = tempfile::tempdir().unwrap();
    let server = certificates.start(&folder.path().join("data"), |_| {});
    let trust = certificates.trust();
    // Incomplete handshakes do not block other clients.
    let _silent: Vec<TcpStream> =
        (0..20).map(|_| TcpStream::connect(("127.0.0.1", port(&server).parse().unwrap())).unwrap()).collect();
    let url = server.url.as_str();
    run_well(&["import", "--url", url, "--set", &trust, chain("deposit").to_str().unwrap()]);

    let second = Duration::from_secs(1);
    let options = ProverOptions {
        name: "p".into(),
        heartbeat_interval: second / 10,
        cycle_wait: second / 20,
        die_after_proof: true,
        max_idle: None,
    };
    let (_running, stop) = watch::channel(false);
    let client = certificates.client(url);
    let proofs = SampleProver::new(client.clone(), options, Arc::new(sample_proof)).run(stop).await.unwrap();
    assert_eq!(proofs, 1);
    client.get(&paths::proof(1)).await.unwrap().success().unwrap();
    let witness = run_well(&["export", "--url", url, "--set", &trust, "witness", "1"]);
    let expected = support::unpacked(&chain("deposit").join("expected/000001.prover_data.json.zst"));
    assert!(witness == expected);
    let status: Value =
        serde_json::from_slice(&run_well(&["status", "--url", url, "--set", &trust, "--json"])).unwrap();
    assert_eq!(status["jobs"]["done"], 1);
    http(&server.admin, "GET", "/readyz", None, "").accepted();
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn plain_http_to_the_tls_port_gets_no_answer_and_is_harmless() {
    let certificates = Certificates::new();
    let folder = tempfile::tempdir().unwrap();
    let server = certificates.start(folder.path(), |_| {});
    let run = tokio::runtime::Runtime::new().unwrap();
    let client = certificates.client(&server.url);
    for bytes in [
        format!("GET /status HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", support::token()),
        "\u{16}\u{3}\u{1}\u{0}\u{5}hello".to_owned(),
        "\0".repeat(10_000),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", port(&server).parse().unwrap())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the connection stays open");
        }
        assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
        run.block_on(client.get("/status")).unwrap().success().unwrap();
    }
    let plain = server.url.replace("https", "http");
    let error = run_badly(&["status", "--url", &plain], 5);
    assert!(error.contains("https://"), "{error}");
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn clients_refuse_a_server_they_cannot_trust() {
    let (certificates, others) = (Certificates::new(), Certificates::new());
    let folder = tempfile::tempdir().unwrap();
    let trust = certificates.trust();
    let refused = |server: &Server, url: &str, trust: &[&str]| {
        let error = run_badly(&[&["status", "--url", url], trust].concat(), 5);
        assert!(error.contains("is not trusted") && error.contains("tls_ca"), "{error}");
        assert!(server.url.starts_with("https://"));
    };
    let server = certificates.start(&folder.path().join("good"), |_| {});
    run_well(&["status", "--url", &server.url, "--set", &trust]);
    refused(&server, &server.url, &[]);
    refused(&server, &server.url, &["--set", &others.trust()]);
    refused(&server, &format!("https://localhost:{}", port(&server)), &["--set", &trust]);
    drop(server);
    let server = certificates.start(&folder.path().join("expired"), |params| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    refused(&server, &server.url, &["--set", &trust]);
}

#[test]
fn a_self_signed_certificate_can_be_trusted_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let write = |name: &str, content: String| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (certificate, key) = (write("certificate", cert.pem()), write("key", signing_key.serialize_pem()));
    let settings = [format!("tls_certificate={certificate}"), format!("tls_key={key}")];
    let server = Server::start(&folder.path().join("data"), &["--set", &settings[0], "--set", &settings[1]]);
    run_well(&["status", "--url", &server.url, "--set", &format!("tls_ca={certificate}")]);
}

#[test]
fn invalid_certificates_and_keys_prevent_the_start_with_one_sentence() {
    let certificates = Certificates::new();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let serve = |settings: &[&str], code| {
        let line = ["serve", "--data-dir", data.to_str().unwrap(), "--listen", "127.0.0.1:0"];
        run_badly(&[&line, settings].concat(), code)
    };
    let good = certificates.settings("a", |_| {});
    let other = certificates.settings("b", |_| {});
    let error = serve(&["--set", &good[1], "--set", &other[3]], 2);
    let path = |setting: &str| setting.split_once('=').unwrap().1.to_owned();
    assert!(error.contains(&path(&good[1])) && error.contains(&path(&other[3])), "{error}");
    assert!(serve(&["--set", &good[1]], 2).contains("tls_key"));
    let swapped = good[1].replace("tls_certificate", "tls_key");
    assert!(serve(&["--set", &good[1], "--set", &swapped], 2).contains("no private key"));
    let absent = format!("tls_certificate={}", folder.path().join("absent").display());
    assert!(serve(&["--set", &absent, "--set", &good[3]], 2).contains("cannot read"));
    assert!(!data.exists(), "a folder was created");
    let trust = format!("tls_ca={}", folder.path().join("absent").display());
    assert!(
        run_badly(&["status", "--url", "https://127.0.0.1:1", "--set", &trust], 2).contains("cannot read")
    );
}
