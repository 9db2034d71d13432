//! The target of a command: a stopped data folder or a running server.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::error::CliError;
use super::runtime::runtime;
use crate::{
    api::paths,
    backoff::Backoff,
    client::{Answer, Client, ClientError, Credentials},
    config::{Config, Origin, SecretError},
    store::FolderLock,
};

/// Longest wait for one answer of a server, except for the import of a genesis.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(600);

/// Delays between two attempts to reach a server that is starting.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));

/// Longest wait for the answer to such an attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// The target of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A data folder that no server uses.
    Folder(PathBuf),
    /// A running server.
    Server(ServerTarget),
}

/// The addresses of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerTarget {
    /// The base URL of the main listener, where every request needs a token.
    url: String,
    /// The base URL of its admin listener on this machine, where reading needs no token; `None` if
    /// the user named another server.
    admin: Option<String>,
}

impl Target {
    /// Returns the target: the server of the flag `--url`, else a configured data folder or the
    /// server that uses it, else the configured server.
    pub(crate) fn of(config: &Config) -> Self {
        let by_url = matches!(config.origin("url"), Origin::Flag(flag) if flag == "--url");
        match config.data_dir.as_ref().filter(|_| !by_url) {
            None => Self::Server(ServerTarget::configured(config)),
            Some(folder) => match ServerTarget::using(folder) {
                Some(server) => Self::Server(server),
                None => Self::Folder(folder.clone()),
            },
        }
    }
}

impl ServerTarget {
    /// Returns the configured server.
    pub(crate) fn configured(config: &Config) -> Self {
        let is_default = *config.origin("url") == Origin::Default;
        let admin = is_default.then(|| format!("http://{}", reachable(config.admin_listen)));
        Self { url: config.url.clone(), admin }
    }

    /// Returns the server that uses a data folder.
    fn using(folder: &Path) -> Option<Self> {
        let note = FolderLock::note(folder)?;
        let [scheme, address, admin] = note.split_whitespace().collect::<Vec<_>>()[..] else { return None };
        let [address, admin] = [address.parse().ok().map(reachable)?, admin.parse().ok().map(reachable)?];
        // The note of a server that was killed stays, and another command may have the lock.
        TcpStream::connect_timeout(&admin, ATTEMPT_TIMEOUT).ok()?;
        Some(Self { url: format!("{scheme}://{address}"), admin: Some(format!("http://{admin}")) })
    }

    /// Returns a client with the configured secret. If the server is starting, this waits for it up
    /// to the configured time.
    ///
    /// # Errors
    /// Fails if no secret is configured or the URL cannot be used.
    pub(crate) fn client(&self, config: &Config) -> Result<Client, CliError> {
        let secret = config.client_secret()?;
        waited(Client::trusting(config.tls_ca.as_deref(), &self.url, &secret, REQUEST_TIMEOUT)?, config)
    }

    /// Returns a client for what can be read without a token as well: one with the configured
    /// secret, or else, without a secret, one of the admin listener of this machine.
    ///
    /// # Errors
    /// Those of [`client`](Self::client).
    pub(crate) fn reader(&self, config: &Config) -> Result<Client, CliError> {
        match (config.client_secret(), &self.admin) {
            (Err(SecretError::NotConfigured), Some(admin)) => {
                waited(Client::new(admin, Credentials::Anonymous, REQUEST_TIMEOUT)?, config)
            }
            _ => self.client(config),
        }
    }
}

/// Returns an address to connect to for one that listens on all interfaces.
pub(crate) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn waited(client: Client, config: &Config) -> Result<Client, CliError> {
    if !config.wait.is_zero() {
        runtime()?.block_on(wait_until_started(&client, config.wait));
    }
    Ok(client)
}

/// Waits until the server answers, at most for `longest`. The answer is left to the command.
async fn wait_until_started(client: &Client, longest: Duration) {
    let end = Instant::now() + longest;
    for attempt in 1.. {
        let left = end.saturating_duration_since(Instant::now());
        let patient = client.with_timeout(ATTEMPT_TIMEOUT.min(left));
        let answer = patient.get(paths::STATUS).await.and_then(Answer::success);
        let is_starting =
            |error: &ClientError| error.may_be_starting() || matches!(error, ClientError::Timeout { .. });
        if left.is_zero() || !answer.is_err_and(|error| is_starting(&error)) {
            return;
        }
        tokio::time::sleep(BACKOFF.delay(attempt).min(left)).await;
    }
}
