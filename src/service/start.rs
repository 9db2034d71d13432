//! Start of the server.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::options::{node_options, store_options};
use super::running::Service;
use crate::allocator;
use crate::api::tokens::{Authenticator, OperatorToken};
use crate::config::{Config, SecretError, ServerSecret};
use crate::node::{HandBackThread, LinkOptions, LinkThread};
use crate::server::{self, BindError, Explorer, Limits, ListenLimits, Monitor};
use crate::store::{Store, StoreError, StoreOptions};
use crate::tls::{TlsError, TlsFiles};
use crate::workers::{KeysError, Node, NodeOptions, Verifier, hash_pool};

/// The reason why the server cannot start. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secret cannot be read or created.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The verification keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// An address cannot be bound.
    #[error("{error} with --{flag}")]
    Bind {
        /// The flag that sets the address, without its hyphens.
        flag: &'static str,
        /// The reason.
        error: BindError,
    },
    /// The operating system refuses the thread that follows the node.
    #[error("the node cannot be followed: {0}; check the limits of this user")]
    Link(std::io::Error),
    /// The operating system does not report the address of a listener.
    #[error("the address of a listener is unknown: {0}; start again")]
    Address(std::io::Error),
}

impl Service {
    /// Reads certificate and verification keys, opens the folder, binds both addresses, starts the
    /// workers and serves.
    pub async fn start(config: &Config, folder: &Path) -> Result<Self, StartError> {
        Self::start_with(config, folder, store_options(config)).await
    }

    /// Starts like [`start`](Self::start), but with other options of the store, such as another
    /// clock.
    pub async fn start_with(
        config: &Config,
        folder: &Path,
        options: StoreOptions,
    ) -> Result<Self, StartError> {
        Self::start_explored(config, folder, options, None).await
    }

    /// Starts like [`start_with`](Self::start_with), with the explorer of a devnet.
    pub(crate) async fn start_explored(
        config: &Config,
        folder: &Path,
        options: StoreOptions,
        explorer: Option<Explorer>,
    ) -> Result<Self, StartError> {
        let tls: Option<TlsAcceptor> = config.tls().as_ref().map(TlsFiles::acceptor).transpose()?;
        let tls = tls.map(|acceptor| watch::channel(acceptor).0);
        let keys = config.verification_keys.as_deref();
        let verifier = keys.map(|folder| Verifier::open(folder, config.verify_concurrency)).transpose()?;
        hash_pool::start()?;
        let clock = options.clock.clone();
        let metrics = options.metrics.clone();
        let store = Arc::new(Store::open(folder, options)?);
        // Opening reads the whole index; the memory for that is free again.
        allocator::trim();
        // This requires that the folder exists and is locked: a generated secret is stored in it.
        let ServerSecret { secret, generated } = config.server_secret(folder)?;
        let operator = config.operator_secret()?.as_ref().map(OperatorToken::new);
        let bind = async |flag, address| {
            server::bind(address).await.map_err(|error| StartError::Bind { flag, error })
        };
        let listener = bind("listen", config.listen).await?;
        let admin_listener = bind("admin-listen", config.admin_listen).await?;
        let address = listener.local_addr().map_err(StartError::Address)?;
        let admin_address = admin_listener.local_addr().map_err(StartError::Address)?;

        // For commands that are given the folder while the server uses it.
        let scheme = if tls.is_some() { "https" } else { "http" };
        store.set_lock_note(&format!("{scheme} {address} {admin_address}\n"));

        let options = NodeOptions {
            verifier: verifier.map(Arc::new),
            clock,
            metrics,
            // A devnet answers wallets first.
            witnesses_in_background: explorer.is_some(),
            ..node_options(config)
        };
        let node = Node::new(store, options);
        node.start()?;
        let link = LinkOptions::of(config).map(|options| {
            let link = LinkThread::start(node.clone(), options.clone())?;
            Ok((link, HandBackThread::start(node.clone(), options)?))
        });
        let link = link.transpose().map_err(StartError::Link)?;
        let (monitor, monitoring) = Monitor::start(node.clone());
        let authenticator = Authenticator::new(&secret);
        let router = server::main_router(node.clone(), monitor.clone(), authenticator, Limits::from(config));
        let (stopping, stop) = watch::channel(false);
        let open = |listener| node.metrics().connections_of(listener);
        let limits = ListenLimits::from(config);
        let until = |mut stop: watch::Receiver<bool>| async move {
            // A dropped sender also means the end.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let listeners = [
            tokio::spawn(server::serve_counted(
                listener,
                tls.as_ref().map(watch::Sender::subscribe),
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
                    explorer,
                ),
                limits,
                open("admin"),
                until(stop),
            )),
        ];
        Ok(Self {
            node,
            link,
            secret,
            generated,
            tls,
            address,
            admin_address,
            stopping,
            listeners,
            monitor: monitoring,
            shutdown_timeout: config.shutdown_timeout,
        })
    }
}
