//! The target of a command: a stopped data folder or a running server.

use std::{path::PathBuf, time::Duration};

use super::error::CliError;
use crate::{
    client::Client,
    config::{Config, Origin},
};

/// Longest wait for one answer of a server, except for the import of a genesis.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(600);

/// The target of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A data folder.
    Folder(PathBuf),
    /// The base URL of a server.
    Server(String),
}

impl Target {
    /// Returns the target: the one of the flag `--url`, else a configured data folder, else a
    /// configured URL.
    ///
    /// # Errors
    /// [`CliError::Usage`] if neither is configured.
    pub(crate) fn of(config: &Config) -> Result<Self, CliError> {
        let by_url = matches!(config.origin("url"), Origin::Flag(flag) if flag == "--url");
        match &config.data_dir {
            Some(folder) if !by_url => Ok(Self::Folder(folder.clone())),
            _ if *config.origin("url") != Origin::Default => Ok(Self::Server(config.url.clone())),
            _ => Err(CliError::Usage(
                "neither a data folder nor a server is given; pass --data-dir FOLDER or --url URL".to_owned(),
            )),
        }
    }
}

/// Returns a client of the server at `url`, with the configured secret.
///
/// # Errors
/// Fails if no secret is configured or the URL cannot be used.
pub(crate) fn client(config: &Config, url: &str) -> Result<Client, CliError> {
    let secret = config.client_secret()?;
    Ok(Client::trusting(config.tls_ca.as_deref(), url, &secret, REQUEST_TIMEOUT)?)
}
