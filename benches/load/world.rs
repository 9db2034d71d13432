//! State that all tasks of a load share, and their requests.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use zksync_witness_server::client::{Client, ClientError, Credentials, ProverClient};

use super::ledger::Ledger;
use super::tally::{Event, Kind, Tally};
use super::templates::Templates;

/// Longest wait for a response, far longer than any takes.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Delay before a request is sent again to an overloaded server, and after an error.
pub const RETRY: Duration = Duration::from_millis(50);
/// Receive buffer of a slow reader, in bytes; the rest of a response waits at the server.
const SLOW_BUFFER: usize = 16 << 10;

/// Options of a load.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Number of provers, each with a connection of its own.
    pub connections: usize,
    /// Duration of the load.
    pub duration: Duration,
    /// Delay between two heartbeats of a prover; zero for a tight loop.
    pub heartbeat_interval: Duration,
    /// The data folder, which must be empty or absent and is kept. If unset, a folder is created in
    /// `scratch` and removed at the end.
    pub data_dir: Option<PathBuf>,
    /// Folder in which the server's log and a temporary data folder are created.
    pub scratch: PathBuf,
    /// The `witness-server` binary.
    pub server: PathBuf,
}

/// State that all tasks of a load share.
pub struct World {
    /// The options of the load.
    pub options: LoadOptions,
    /// Counters of responses and events.
    pub tally: Tally,
    /// Blocks and proofs that the server acknowledged.
    pub ledger: Ledger,
    /// Proofs to publish.
    pub templates: Templates,
    /// Time without a heartbeat after which the server ends a lease.
    pub gone_timeout: Duration,
    /// End of the load.
    pub end: Instant,
    /// A client without open connections.
    client: Client,
}

/// An error response that is part of a load.
#[derive(Debug)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    message: String,
}

impl Refusal {
    /// Returns true if the server is overloaded.
    pub fn is_busy(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.message)
    }
}

impl World {
    /// Returns the world of a load on the server at `url`.
    ///
    /// # Errors
    /// Fails if the URL is not usable.
    pub fn new(
        options: LoadOptions,
        url: &str,
        token: String,
        ledger: Ledger,
        gone_timeout: Duration,
        end: Instant,
    ) -> anyhow::Result<Self> {
        let client = Client::new(url, Credentials::Token(token), TIMEOUT)?;
        let templates = Templates::new()?;
        Ok(Self { options, tally: Tally::default(), ledger, templates, gone_timeout, end, client })
    }

    /// Returns a client with connections of its own.
    pub fn client(&self) -> Client {
        self.client.with_own_connections()
    }

    /// Returns the client of the prover `name`, with connections of its own.
    pub fn prover(&self, name: &str) -> ProverClient {
        ProverClient::new(self.client(), name)
    }

    /// Returns the client of the prover `name`, with connections whose receive buffer is small.
    pub fn slow_prover(&self, name: &str) -> ProverClient {
        ProverClient::new(self.client.with_receive_buffer(SLOW_BUFFER), name)
    }

    /// Returns true once the duration of the load has passed.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// Sends a request, and sends it again while the server is overloaded and the load is not over.
    /// Counts each response.
    ///
    /// # Errors
    /// Fails if no response arrives.
    pub async fn request<T, F>(&self, kind: Kind, send: impl Fn() -> F) -> anyhow::Result<Result<T, Refusal>>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        loop {
            let begin = Instant::now();
            let outcome = match send().await {
                Ok(value) => Ok(value),
                Err(ClientError::Refused { status, problem }) => {
                    Err(Refusal { status, message: problem.message })
                }
                Err(error) => return Err(error.into()),
            };
            let status = outcome.as_ref().map_or_else(|refusal| refusal.status, |_| StatusCode::OK);
            self.tally.answered(kind, status, begin.elapsed());
            match &outcome {
                Err(refusal) if refusal.is_busy() && !self.is_over() => {
                    self.tally.event(Event::Busy);
                    tokio::time::sleep(RETRY).await;
                }
                _ => return Ok(outcome),
            }
        }
    }
}
