//! Values that follow from several settings, and the origin of each setting.

use std::{fmt::Write as _, path::Path};

use super::{error::ConfigError, origin::Origin, settings::Config};
use crate::tls::TlsFiles;

/// Longest accepted request bodies, in bytes, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// Small messages of provers: `get_job`, `working_on`, `stopped`, `replicas`.
    pub message: usize,
    /// `publish`.
    pub proof: usize,
    /// An imported block with its account updates.
    pub block: usize,
    /// An imported aggregated operation.
    pub operation: usize,
    /// An imported genesis.
    pub genesis: usize,
}

/// Largest numbers of concurrent requests, by kind; each holds a body in memory and a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Small messages of provers: `working_on`, `stopped`, `replicas`.
    pub message: usize,
    /// `get_job`.
    pub get_job: usize,
    /// `publish`.
    pub publish: usize,
    /// Imports of blocks, aggregated operations and the genesis.
    pub import: usize,
    /// All others: exports, lists, requeue and drop.
    pub operator: usize,
}

impl Config {
    /// Returns the data folder.
    ///
    /// # Errors
    /// [`ConfigError::NoDataDir`] if none is configured.
    pub fn require_data_dir(&self) -> Result<&Path, ConfigError> {
        self.data_dir.as_deref().ok_or(ConfigError::NoDataDir)
    }

    /// Returns certificate and key of the listener for provers, imports and operators; `None` for
    /// plain HTTP.
    pub fn tls(&self) -> Option<TlsFiles> {
        let certificate = self.tls_certificate.clone()?;
        let key = self.tls_key.clone()?;
        Some(TlsFiles { certificate, key })
    }

    /// Returns the longest accepted bodies.
    pub fn body_limits(&self) -> BodyLimits {
        BodyLimits {
            message: self.max_message_bytes,
            proof: self.max_proof_bytes,
            block: self.max_block_bytes,
            operation: self.max_operation_bytes,
            genesis: self.max_genesis_bytes,
        }
    }

    /// Returns the largest numbers of concurrent requests.
    pub fn request_limits(&self) -> RequestLimits {
        RequestLimits {
            message: self.max_message_requests,
            get_job: self.max_get_job_requests,
            publish: self.max_publish_requests,
            import: self.max_import_requests,
            operator: self.max_operator_requests,
        }
    }

    /// Returns the warnings, a sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Returns the origin of the value of a setting.
    pub fn origin(&self, setting: &str) -> &Origin {
        let shown = self.shown.iter().find(|shown| shown.name() == setting);
        shown.map_or(&Origin::Default, |shown| &shown.origin)
    }

    /// Returns every setting with its value and its origin, as a TOML file that gives the same
    /// configuration again. Secrets are hidden.
    pub fn print(&self) -> String {
        let mut out = String::new();
        for shown in &self.shown {
            // Writing to a String cannot fail.
            let _ = write!(out, "{shown}");
        }
        out
    }
}
