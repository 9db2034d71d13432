//! A server inside a test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::paths;
use crate::api::tokens::{Authenticator, CLIENT_SUBJECT};
use crate::api::views::Status;
use crate::client::{Client, ClientError, ProverClient, ProverOptions, SampleProver, sample_proof};
use crate::clock::ManualClock;
use crate::config::{Config, Environment, Flags};
use crate::domain::{AccountMap, ImportedBlock};
use crate::service::{Service, store_options};
use crate::store::{StoreOptions, wait_until_closed};

/// Longest wait in real time, independently of the clock of the server.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lifetime of [`TestServer::token`].
const TOKEN_LIFE: Duration = Duration::from_secs(3600);
/// Interval of checks of the status.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Options of a [`TestServer`]; see [`TestServer::builder`].
pub struct TestServerBuilder {
    config: Config,
    folder: Option<PathBuf>,
    manual_clock: bool,
    provers: usize,
}

impl TestServerBuilder {
    /// Changes the configuration, which is the default one with port 0 for both addresses.
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Uses the given folder, which is kept, instead of a temporary one.
    pub fn data_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Stops the clock of leases and time stamps until [`TestServer::advance`].
    pub fn manual_clock(mut self) -> Self {
        self.manual_clock = true;
        self
    }

    /// Starts the given number of sample provers with the server.
    pub fn sample_provers(mut self, count: usize) -> Self {
        self.provers = count;
        self
    }

    /// Starts the server and waits until it serves.
    ///
    /// # Panics
    /// If it cannot start.
    pub async fn start(self) -> TestServer {
        let Self { mut config, folder, manual_clock, provers } = self;
        let temporary = folder.is_none().then(|| tempfile::tempdir().unwrap());
        let folder = folder.unwrap_or_else(|| temporary.as_ref().unwrap().path().into());
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let clock = manual_clock.then(|| Arc::new(ManualClock::new(u64::try_from(now_ms).unwrap())));
        let service = serve(&config, &folder, clock.as_ref()).await;
        // Clients reach the server at the same address after a restart.
        config.listen = service.address();
        config.admin_listen = service.admin_address();
        let client = Client::new(&service.url(), service.secret(), PATIENCE).unwrap();
        let server = TestServer {
            service: Some(service),
            config,
            folder,
            clock,
            client,
            provers: Vec::new(),
            _temporary: temporary,
        };
        (1..=provers).fold(server, |mut server, number| {
            server.start_prover(&format!("sample-{number}"));
            server
        })
    }
}

async fn serve(config: &Config, folder: &Path, clock: Option<&Arc<ManualClock>>) -> Service {
    let mut options: StoreOptions = store_options(config);
    if let Some(clock) = clock {
        options.clock = clock.clone();
    }
    Service::start_with(config, folder, options).await.unwrap()
}

/// A server for a test: in a temporary folder, on free ports of this machine, with a client that
/// has its secret. Dropping it aborts the server, which ends shortly after.
///
/// All methods panic on failure.
pub struct TestServer {
    /// `None` only during a restart.
    service: Option<Service>,
    config: Config,
    folder: PathBuf,
    clock: Option<Arc<ManualClock>>,
    client: Client,
    provers: Vec<(watch::Sender<bool>, JoinHandle<()>)>,
    _temporary: Option<TempDir>,
}

impl TestServer {
    /// Returns a builder with the default configuration.
    ///
    /// # Panics
    /// Never: the default configuration is valid.
    pub fn builder() -> TestServerBuilder {
        let none = Environment::from_pairs::<&str, &str>([]);
        let mut config = Config::load(None, &none, &Flags::new()).unwrap();
        config.listen.set_port(0);
        config.admin_listen.set_port(0);
        TestServerBuilder { config, folder: None, manual_clock: false, provers: 0 }
    }

    /// Returns the server itself, with its workers and its store.
    ///
    /// # Panics
    /// Never.
    #[doc(hidden)]
    pub fn service(&self) -> &Service {
        self.service.as_ref().unwrap()
    }

    /// Returns a client with the secret of the server.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the base URL of the server.
    pub fn url(&self) -> String {
        self.service().url()
    }

    /// Returns the address of the main listener.
    pub fn address(&self) -> SocketAddr {
        self.service().address()
    }

    /// Returns a bearer token that is valid for an hour, for clients other than
    /// [`client`](Self::client).
    ///
    /// # Panics
    /// If no token can be minted.
    pub fn token(&self) -> String {
        Authenticator::new(self.service().secret()).mint(CLIENT_SUBJECT, TOKEN_LIFE).unwrap()
    }

    /// Returns the address of the admin listener, with health and metrics.
    pub fn admin_address(&self) -> SocketAddr {
        self.service().admin_address()
    }

    /// Returns the data folder.
    pub fn data_dir(&self) -> &Path {
        &self.folder
    }

    /// Returns the status.
    pub fn status(&self) -> Status {
        crate::report::status(self.service().node().store()).unwrap()
    }

    /// Imports the genesis of a chain.
    ///
    /// # Panics
    /// If it is refused; the same for the other imports.
    pub async fn import_genesis(&self, genesis: &AccountMap) {
        self.client.post(paths::GENESIS, genesis).await.unwrap().success().unwrap();
    }

    /// Imports the next block of a chain.
    pub async fn import_block(&self, block: &ImportedBlock) {
        self.client.post(paths::BLOCKS, block).await.unwrap().success().unwrap();
    }

    /// Claims a job under the name of a prover; returns its id, or `None` if no job is available.
    pub async fn claim(&self, prover: &str) -> Option<i32> {
        self.prover(prover).get_job().await.unwrap().map(|job| job.id)
    }

    /// Sends a heartbeat under the name of a prover; returns true if it renewed the lease.
    pub async fn heartbeat(&self, prover: &str, job_id: i32) -> bool {
        match self.prover(prover).heartbeat(job_id).await {
            Ok(()) => true,
            Err(ClientError::Refused { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn prover(&self, name: &str) -> ProverClient {
        ProverClient::new(self.client.clone(), name)
    }

    /// Starts a sample prover, which works until the server is stopped. Its proofs have the right
    /// form but prove nothing.
    pub fn start_prover(&mut self, name: &str) {
        let options = ProverOptions {
            name: name.into(),
            heartbeat_interval: self.config.prover_heartbeat_interval,
            cycle_wait: self.config.prover_cycle_wait,
            die_after_proof: false,
            max_idle: None,
        };
        let prover = SampleProver::new(self.client.clone(), options, Arc::new(sample_proof));
        let (running, stop) = watch::channel(false);
        let task = tokio::spawn(async move {
            prover.run(stop).await.unwrap();
        });
        self.provers.push((running, task));
    }

    /// Advances both clocks: leases that were not renewed end.
    ///
    /// # Panics
    /// Without [`TestServerBuilder::manual_clock`].
    pub fn advance(&self, time: Duration) {
        let clock = self.clock.as_ref().expect("the server has a manual clock");
        clock.advance(u64::try_from(time.as_millis()).unwrap());
        self.service().node().wake();
    }

    /// Waits until the status is as expected; returns it.
    ///
    /// # Panics
    /// After a minute, with the current status.
    pub async fn wait_until(&self, expected: impl Fn(&Status) -> bool) -> Status {
        let waits = async {
            loop {
                let status = self.status();
                if expected(&status) {
                    return status;
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waits).await;
        waited.unwrap_or_else(|_| panic!("waited too long: {:#?}", self.status()))
    }

    /// Restarts the server on the same folder and the same addresses. Its provers keep running.
    pub async fn restart(&mut self) {
        self.service.take().unwrap().stop().await;
        wait_until_closed(&self.folder).unwrap();
        self.service = Some(serve(&self.config, &self.folder, self.clock.as_ref()).await);
    }

    /// Stops provers and server, and waits for their end.
    pub async fn stop(mut self) {
        for (running, task) in std::mem::take(&mut self.provers) {
            running.send_replace(true);
            task.await.unwrap();
        }
        self.service.take().unwrap().stop().await;
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.provers.iter().for_each(|(_, prover)| prover.abort());
        if let Some(service) = self.service.take() {
            service.cut();
        }
    }
}
