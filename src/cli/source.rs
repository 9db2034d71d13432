//! Where a listing comes from: a running server's answer, or the same made from a stopped data folder.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{CliError, Target, TargetArgs, client, folder, runtime};
use crate::{
    client::{Answer, Client},
    config::Config,
    store::{Store, StoreError},
};

/// See the module.
pub enum Source {
    /// An opened folder.
    Folder(Arc<Store>),
    /// A running server, and what runs its requests.
    Server(Box<(Client, Runtime)>),
}

impl Source {
    /// Opens the folder, or gets ready to ask the server.
    ///
    /// # Errors
    /// See [`CliError`].
    pub fn open(target: &TargetArgs, config: &Config) -> Result<Self, CliError> {
        match target.resolve(config)? {
            Target::Folder(folder) => folder::open_existing(config, &folder).map(Self::Folder),
            Target::Server(url) => Self::server(config, &url),
        }
    }

    /// Gets ready to ask the server at `url`.
    ///
    /// # Errors
    /// No secret; a URL that cannot be used.
    pub fn server(config: &Config, url: &str) -> Result<Self, CliError> {
        Ok(Self::Server(Box::new((client(config, url)?, runtime()?))))
    }

    /// The same source, each request bounded by that time.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        match self {
            Self::Server(server) => {
                let (client, runtime) = *server;
                Self::Server(Box::new((client.with_timeout(timeout), runtime)))
            }
            folder @ Self::Folder(_) => folder,
        }
    }

    /// The answer of `route`, or what `of` makes of the folder, as JSON.
    ///
    /// # Errors
    /// See [`CliError`].
    pub fn read<T: Serialize>(
        &self,
        route: &str,
        of: impl FnOnce(&Store) -> Result<T, StoreError>,
    ) -> Result<Value, CliError> {
        match self {
            Self::Folder(store) => serde_json::to_value(of(store)?)
                .map_err(|error| CliError::Failed(format!("the answer cannot be shown: {error}"))),
            Self::Server(server) => {
                let (client, runtime) = &**server;
                let body = runtime.block_on(client.get(route)).and_then(Answer::success)?;
                serde_json::from_slice(&body).map_err(|error| {
                    let url = client.base_url();
                    CliError::Failed(format!(
                        "{url}{route} is not JSON: {error}; check that the URL is right"
                    ))
                })
            }
        }
    }

    /// Posts to `route`, or does `change` to the folder.
    ///
    /// # Errors
    /// See [`CliError`].
    pub fn change(
        &self,
        route: &str,
        change: impl FnOnce(&Store) -> Result<(), StoreError>,
    ) -> Result<(), CliError> {
        match self {
            Self::Folder(store) => {
                change(store)?;
                Ok(store.sync()?)
            }
            Self::Server(server) => {
                let (client, runtime) = &**server;
                let posted = runtime.block_on(client.post_bytes(route, "{}"));
                Ok(posted.and_then(Answer::success).map(drop)?)
            }
        }
    }
}

/// The time of this machine, in milliseconds since 1970: what ages are counted from.
pub fn now_ms() -> u64 {
    UNIX_EPOCH.elapsed().map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
