//! The running server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::config::{Config, Secret};
use crate::node::{HandBackThread, LinkThread};
use crate::tls::TlsError;
use crate::workers::Node;

/// Interval at which [`Service::failed`] checks the workers and listeners.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);

/// A running server. If it is dropped without [`stop`](Self::stop), it runs until the process ends.
pub struct Service {
    pub(super) node: Arc<Node>,
    /// The threads that read and write the database of a zkSync Lite node, if one is followed.
    pub(super) link: Option<(LinkThread, HandBackThread)>,
    pub(super) secret: Secret,
    /// The file of a secret that this start generated.
    pub(super) generated: Option<PathBuf>,
    /// Certificate and key of new connections; `None` without TLS.
    pub(super) tls: Option<watch::Sender<TlsAcceptor>>,
    pub(super) address: SocketAddr,
    pub(super) admin_address: SocketAddr,
    /// True tells the listeners to stop.
    pub(super) stopping: watch::Sender<bool>,
    /// Each returns the number of connections that it had to close.
    pub(super) listeners: [JoinHandle<usize>; 2],
    pub(super) monitor: JoinHandle<()>,
    pub(super) shutdown_timeout: Duration,
}

impl Service {
    /// Returns the address for provers, imports and operators.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address for dashboard, health and metrics.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Returns the base URL of [`address`](Self::address).
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Reads certificate and key again, for new connections. TLS itself is switched on and off by a
    /// restart.
    ///
    /// # Errors
    /// Fails if they cannot be used; the former ones stay.
    pub fn reload_certificate(&self, config: &Config) -> Result<(), TlsError> {
        if let (Some(tls), Some(files)) = (&self.tls, config.tls()) {
            tls.send_replace(files.acceptor()?);
        }
        Ok(())
    }

    /// Returns the secret of the bearer tokens.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Returns the file of the secret, if this start generated one.
    pub fn generated_secret(&self) -> Option<&Path> {
        self.generated.as_deref()
    }

    /// Returns the workers and the store.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Waits until a worker thread has panicked or a listener has ended; the process should exit
    /// then.
    pub async fn failed(&self) {
        while !self.node.has_failed() && !self.listeners.iter().any(JoinHandle::is_finished) {
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
    }
}
