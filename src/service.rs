//! The whole server as a value: started, asked for its addresses, stopped. What `serve` runs, and what embeds it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle};
use tracing::{info, warn};

use tokio_rustls::TlsAcceptor;

use crate::{
    api::tokens::{Authenticator, OperatorToken},
    config::{Config, Secret, SecretError, ServerSecret},
    server::{self, BindError, Limits, ListenLimits, Monitor},
    store::{Store, StoreError, StoreOptions},
    tls::{TlsError, TlsFiles},
    workers::{KeysError, Node, NodeOptions, Verifier},
};

/// Time between two looks at whether the workers live.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);

/// The server cannot start. Each message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no secret to work with.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// There is no certificate to work with.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The verification keys are not usable.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The system refuses to tell the address of a listener.
    #[error("the address of a listener is unknown: {0}; start again")]
    Address(std::io::Error),
}

/// How the workers run, without a verifier.
pub fn node_options(config: &Config) -> NodeOptions {
    let number = |count: &usize| u32::try_from(*count).unwrap_or(u32::MAX);
    NodeOptions {
        witness_generators: number(&config.witness_generators),
        interval: config.prepare_data_interval,
        aggregate: config.aggregate.iter().flatten().map(number).collect(),
        aggregate_deadline: config.aggregate_deadline,
        keep_verified: config.keep_verified,
        idle_provers: config.idle_provers.into(),
        ..NodeOptions::default()
    }
}

/// Opens a data folder as configured; makes it if it is absent.
///
/// # Errors
/// See [`StoreError`].
pub fn open_store(config: &Config, folder: &Path) -> Result<Arc<Store>, StoreError> {
    Store::open(folder, store_options(config)).map(Arc::new)
}

/// How a data folder is opened, as configured.
pub fn store_options(config: &Config) -> StoreOptions {
    StoreOptions {
        cache_bytes: config.cache_bytes as u64,
        history: config.history,
        gone_timeout: config.gone_timeout,
        max_attempts: Some(config.max_attempts),
        retry_backoff: config.retry_backoff,
        min_free_bytes: config.min_free_bytes,
        ..StoreOptions::default()
    }
}

/// A running server. Dropped without [`stop`](Self::stop), it runs on to the end of the process.
pub struct Service {
    node: Arc<Node>,
    secret: Secret,
    generated: Option<PathBuf>,
    scheme: &'static str,
    address: SocketAddr,
    admin_address: SocketAddr,
    stopping: watch::Sender<bool>,
    listeners: [JoinHandle<usize>; 2],
    watching: JoinHandle<()>,
    shutdown_timeout: Duration,
}

impl Service {
    /// Reads certificate and verification keys, opens the folder, binds both addresses, starts the workers, serves.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(config: &Config, folder: &Path) -> Result<Self, StartError> {
        Self::start_with(config, folder, store_options(config)).await
    }

    /// As [`start`](Self::start), with a store that works otherwise than configured, by another clock for instance.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start_with(
        config: &Config,
        folder: &Path,
        options: StoreOptions,
    ) -> Result<Self, StartError> {
        let tls: Option<TlsAcceptor> = config.tls().as_ref().map(TlsFiles::acceptor).transpose()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let keys = config.verification_keys.as_deref();
        let verifier = keys.map(|folder| Verifier::open(folder, config.verify_concurrency)).transpose()?;
        let (clock, metrics) = (options.clock.clone(), options.metrics.clone());
        let store = Arc::new(Store::open(folder, options)?);
        // After the folder is there and ours: a generated secret is kept in it.
        let ServerSecret { secret, generated } = config.server_secret(folder)?;
        let operator = config.operator_secret()?.as_ref().map(OperatorToken::new);
        let listener = server::bind(config.listen).await?;
        let admin_listener = server::bind(config.admin_listen).await?;
        let address = listener.local_addr().map_err(StartError::Address)?;
        let admin_address = admin_listener.local_addr().map_err(StartError::Address)?;

        let options =
            NodeOptions { verifier: verifier.map(Arc::new), clock, metrics, ..node_options(config) };
        let node = Node::new(store, options);
        node.start()?;
        let (monitor, watching) = Monitor::start(node.clone());
        let authenticator = Authenticator::new(&secret);
        let router = server::main_router(node.clone(), monitor.clone(), authenticator, Limits::from(config));
        let (stopping, stop) = watch::channel(false);
        let open = |listener| node.metrics().connections_of(listener);
        let limits = ListenLimits::from(config);
        let until = |mut stop: watch::Receiver<bool>| async move {
            // A sender that is gone means the end, too.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let listeners = [
            tokio::spawn(server::serve_counted(
                listener,
                tls,
                router,
                limits,
                open("main"),
                until(stop.clone()),
            )),
            tokio::spawn(server::serve_counted(
                admin_listener,
                None,
                server::admin_router(
                    node.clone(),
                    monitor,
                    operator,
                    Limits::from(config),
                    admin_address.ip().is_loopback(),
                ),
                limits,
                open("admin"),
                until(stop),
            )),
        ];
        let shutdown_timeout = config.shutdown_timeout;
        Ok(Self {
            node,
            secret,
            generated,
            scheme,
            address,
            admin_address,
            stopping,
            listeners,
            watching,
            shutdown_timeout,
        })
    }

    /// Where provers, imports and operators connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where health is asked for.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// The base URL of [`address`](Self::address).
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The secret of the bearer tokens.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The file that the secret was generated into just now.
    pub fn generated_secret(&self) -> Option<&Path> {
        self.generated.as_deref()
    }

    /// The workers and the store.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Returns once a worker has died or a listener has ended: the process had better end.
    pub async fn failed(&self) {
        while !self.node.has_failed() && !self.listeners.iter().any(JoinHandle::is_finished) {
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
    }

    /// Ends it where it stands: connections are cut, and it waits for the workers alone. What was acknowledged is on disk.
    pub fn cut(self) {
        self.stopping.send_replace(true);
        self.listeners.iter().for_each(JoinHandle::abort);
        // It holds the node, and with it the folder.
        self.watching.abort();
        self.node.stop();
    }

    /// Takes no new connection, lets requests under way finish, stops the workers, flushes; each within the configured time.
    pub async fn stop(self) {
        self.stopping.send_replace(true);
        // Streams of events end with it; they would not end by themselves.
        self.watching.abort();
        for listener in self.listeners {
            if let Ok(cut) = listener.await
                && cut > 0
            {
                warn!(connections = cut, "connections were cut, their requests took too long");
            }
        }
        let node = self.node;
        let stopped = tokio::task::spawn_blocking(move || {
            node.stop();
            node.store().sync()
        });
        match tokio::time::timeout(self.shutdown_timeout, stopped).await {
            Ok(Ok(Ok(()))) => info!("stopped"),
            Ok(Ok(Err(error))) => warn!(%error, "the last flush failed; what was acknowledged is on disk"),
            Ok(Err(error)) => warn!(%error, "stopping the workers failed"),
            Err(_) => warn!("the workers did not stop in time; what they were at will be done again"),
        }
    }
}
