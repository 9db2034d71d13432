//! Nodes on new data folders, and a server with its client, to measure on.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use axum::Router;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::server_process::SECRET;
use zksync_witness_server::api::tokens::{Authenticator, CLIENT_SUBJECT};
use zksync_witness_server::config::{Config, Environment, Flags, Secret};
use zksync_witness_server::testing::Chain;
use zksync_witness_server::testing::internals::server;
use zksync_witness_server::testing::internals::server::{Limits, ListenLimits, Monitor};
use zksync_witness_server::testing::internals::store::{Store, StoreOptions};
use zksync_witness_server::testing::internals::workers::{Node, NodeOptions};

/// Longest wait for any step, far more than any takes.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Lifetime of a token.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 3600);

/// Returns a node with running workers on a data folder with the genesis of `chain`, which is
/// imported if the folder is new.
///
/// # Errors
/// Fails if the folder cannot be created or the genesis is refused.
pub fn node(folder: &Path, chain: &Chain) -> anyhow::Result<Arc<Node>> {
    let node = idle_node(folder, chain)?;
    node.start()?;
    Ok(node)
}

/// Returns a node like [`node`] whose workers do not run yet.
///
/// # Errors
/// Those of [`node`].
pub fn idle_node(folder: &Path, chain: &Chain) -> anyhow::Result<Arc<Node>> {
    let node = Node::new(Arc::new(Store::open(folder, StoreOptions::default())?), NodeOptions::default());
    node.import_genesis(&serde_json::to_vec(&chain.genesis())?, &|_, _| {})?;
    Ok(node)
}

/// Imports the next block of a chain and waits for its witness. Returns the time of both.
///
/// # Errors
/// Fails if the block is refused or gets no witness.
pub fn witness_next(node: &Node, chain: &mut Chain, chunks: usize) -> anyhow::Result<Duration> {
    let block = serde_json::to_vec(&chain.next_block(chunks))?;
    let begin = Instant::now();
    let (number, _) = node.import_block(&block)?;
    wait_until(node, || Ok(node.store().tree().witness(number)?.is_some()))?;
    Ok(begin.elapsed())
}

/// Polls `holds` until it returns true.
///
/// # Errors
/// Fails if a worker fails, a block is quarantined, or the condition does not hold in time.
pub fn wait_until(node: &Node, mut holds: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let begin = Instant::now();
    while !holds()? {
        if let Some((number, why)) = node.store().chain().quarantined_from(0, 1)?.pop() {
            bail!("block {number} is quarantined: {}", why.reason);
        }
        if node.has_failed() || begin.elapsed() > PATIENCE {
            bail!("a worker failed, or the wait timed out");
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// A server on a free loopback port, which may have further routes.
pub struct Server {
    address: SocketAddr,
    token: String,
}

impl Server {
    /// Starts a server that also has the routes `more` and ends with the runtime.
    ///
    /// # Errors
    /// Fails if no port can be bound.
    pub async fn start(node: Arc<Node>, more: Router) -> anyhow::Result<Self> {
        let secret = Secret::new(SECRET)?;
        let authenticator = Authenticator::new(&secret);
        let token = authenticator.mint(CLIENT_SUBJECT, TOKEN_TTL)?;
        let config = Config::load(None, &Environment::default(), &Flags::new())?;
        let router =
            more.merge(server::main_router(node, Monitor::idle(), authenticator, Limits::from(&config)));
        let listener = server::bind("127.0.0.1:0".parse()?).await?;
        let address = listener.local_addr()?;
        let limits = ListenLimits {
            header_read_timeout: PATIENCE,
            max_connections: 4096,
            shutdown_timeout: Duration::from_secs(1),
            ..ListenLimits::from(&config)
        };
        tokio::spawn(server::serve(listener, None, router, limits, std::future::pending()));
        Ok(Self { address, token })
    }

    /// Opens a connection for a prover of the given name.
    ///
    /// # Errors
    /// Fails if the server does not accept it.
    pub async fn prover(&self, name: &str) -> anyhow::Result<Prover> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Prover { requests, token: self.token.clone(), name: name.to_owned() })
    }
}

/// A prover, with one connection for all of its requests: the server ends leases of a prover that
/// stops only if no other connection keeps them alive.
pub struct Prover {
    requests: SendRequest<Full<Bytes>>,
    token: String,
    name: String,
}

impl Prover {
    /// Sends a request and discards the body of the response. Returns its length and its first
    /// part.
    ///
    /// # Errors
    /// Fails if the status is not 200 or the response does not arrive.
    pub async fn ask(
        &mut self,
        method: &str,
        path: &str,
        encoding: &str,
        body: &str,
    ) -> anyhow::Result<(usize, Bytes)> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::ACCEPT_ENCODING, encoding)
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
        self.requests.ready().await?;
        let mut response = self.requests.send_request(request).await?;
        let (mut length, mut first) = (0, Bytes::new());
        while let Some(frame) = response.frame().await {
            let data = frame?.into_data().unwrap_or_default();
            if length == 0 {
                first = data.clone();
            }
            length += data.len();
        }
        if response.status() != StatusCode::OK {
            bail!("{method} {path}: {} {}", response.status(), String::from_utf8_lossy(&first));
        }
        Ok((length, first))
    }

    /// Claims a job. Returns its id and the length of the response in bytes.
    ///
    /// # Errors
    /// Fails if no job is idle.
    pub async fn get_job(&mut self, encoding: &str) -> anyhow::Result<(Option<u32>, usize)> {
        let request = format!(r#"{{"prover_name":"{}","aux_data":{{}}}}"#, self.name);
        let (length, first) = self.ask("GET", "/get_job", encoding, &request).await?;
        let id = first.strip_prefix(br#"{"job_id":"#).map(|rest| {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
            digits.fold(0, |id, digit| 10 * id + u32::from(digit - b'0'))
        });
        if id == Some(0) {
            bail!("no job is idle");
        }
        Ok((id, length))
    }

    /// Releases all jobs of the prover.
    ///
    /// # Errors
    /// Fails if the request fails.
    pub async fn stopped(&mut self) -> anyhow::Result<()> {
        let body = format!(r#"{{"prover_name":"{}"}}"#, self.name);
        self.ask("POST", "/stopped", "", &body).await?;
        Ok(())
    }

    /// Sends a heartbeat for a job.
    ///
    /// # Errors
    /// Fails if the request fails.
    pub async fn working_on(&mut self, job: u32) -> anyhow::Result<()> {
        let body = format!(r#"{{"prover_name":"{}","job_id":{job}}}"#, self.name);
        self.ask("POST", "/working_on", "", &body).await?;
        Ok(())
    }
}

/// Creates a runtime for a server and its client.
///
/// # Errors
/// Fails if the system cannot create threads.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting a runtime")
}
