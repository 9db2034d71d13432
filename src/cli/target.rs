//! What a command works on: a data folder, or a running server.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::CliError;
use crate::{
    client::Client,
    config::{Config, Flags, Origin, secret},
};

/// Longest wait for one answer of a server, but for the import of a genesis.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(600);

/// `--data-dir`, for commands that work on a data folder.
#[derive(Debug, Args)]
pub struct DataDirArgs {
    /// Folder that holds everything the server keeps
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<String>,
}

impl DataDirArgs {
    /// Passes the flag on as a setting.
    pub fn add_flags(&self, flags: &mut Flags) {
        flags.add("data_dir", "--data-dir", self.data_dir.as_deref());
    }
}

/// `--data-dir` or `--url`, for commands that work on either.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// Work on this data folder; no server may be using it
    #[arg(long, global = true, value_name = "FOLDER", conflicts_with = "url")]
    pub data_dir: Option<String>,
    /// Work on the running server at this URL
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
}

/// What a command works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A data folder.
    Folder(PathBuf),
    /// The base URL of a server.
    Server(String),
}

impl TargetArgs {
    /// Passes the flags on as settings.
    pub fn add_flags(&self, flags: &mut Flags) {
        flags.add("data_dir", "--data-dir", self.data_dir.as_deref());
        flags.add("url", "--url", self.url.as_deref());
    }

    /// The target: the flag that was given, else a data folder that is configured, else a URL that is.
    ///
    /// # Errors
    /// [`CliError::Usage`] when nothing says which.
    pub fn resolve(&self, config: &Config) -> Result<Target, CliError> {
        match &config.data_dir {
            Some(folder) if self.url.is_none() => Ok(Target::Folder(folder.clone())),
            _ if config.origin("url") != &Origin::Default => Ok(Target::Server(config.url.clone())),
            _ => Err(CliError::Usage(
                "neither a data folder nor a server is given; pass --data-dir FOLDER or --url URL".to_owned(),
            )),
        }
    }
}

/// A client of the server at `url`, with the configured secret.
///
/// # Errors
/// No secret; a URL that cannot be used.
pub fn client(config: &Config, url: &str) -> Result<Client, CliError> {
    let secret = secret::for_client(config)?;
    Ok(Client::trusting(config.tls_ca.as_deref(), url, &secret, REQUEST_TIMEOUT)?)
}

/// The runtime of a command.
///
/// # Errors
/// [`CliError::Runtime`].
pub fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)
}
