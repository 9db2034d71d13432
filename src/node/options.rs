//! The database of a node and how it is followed.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Config, NodeFrom, NodeUrl};

/// The configured options of the link to a node.
#[derive(Clone, Debug)]
pub(crate) struct LinkOptions {
    /// The database.
    pub url: NodeUrl,
    /// File that contains the password; it is read for each connection.
    pub password_file: Option<PathBuf>,
    /// The file that the variable `PGPASSFILE` names; it is read for each connection.
    pub passfile: Option<PathBuf>,
    /// Roots that the certificate of the database is checked against; `None`: the public ones.
    pub tls_ca: Option<PathBuf>,
    /// State with which an empty folder starts.
    pub from: NodeFrom,
    /// Interval of polls for new blocks.
    pub poll: Duration,
}

impl LinkOptions {
    /// Returns the options, or `None` if no node is configured.
    pub(crate) fn of(config: &Config) -> Option<Self> {
        let url = config.node.clone()?;
        Some(Self {
            url,
            password_file: config.node_password_file.clone(),
            passfile: std::env::var_os("PGPASSFILE").map(PathBuf::from),
            tls_ca: config.node_tls_ca.clone(),
            from: config.node_from,
            poll: config.node_poll,
        })
    }
}
