//! One validated configuration: defaults < TOML file < environment < flags.
//!
//! `keys` lists every setting once; `layers` merges the texts and remembers where each came from; `parse` turns a text
//! into a value. The file is the one of `--config` or `WITNESS_SERVER_CONFIG`, else `witness-server.toml` in the data
//! folder if there is one. A name that nothing reads is an error that names the nearest known one.

mod error;
mod keys;
mod layers;
mod parse;
pub mod secret;
#[cfg(test)]
mod tests;

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

pub use error::ConfigError;
pub use keys::{CONFIG_ENV, ENV_PREFIX};
pub use layers::{Environment, Flags, Origin};
pub use secret::Secret;

use crate::{crypto::rescue::Engine, logging::LogFormat, tls::TlsFiles};
use keys::{KEYS, Kind};
use layers::Layers;

/// Name of the configuration file looked for in the data folder.
pub const FILE_NAME: &str = "witness-server.toml";

/// Everything that can be configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder that holds everything the server keeps; see [`Config::require_data_dir`].
    pub data_dir: Option<PathBuf>,
    /// Address of the listener for provers, imports and operators.
    pub listen: SocketAddr,
    /// Address of the listener for dashboard, health, metrics and what operators read.
    pub admin_listen: SocketAddr,
    /// Base URL, without a slash at its end, that client commands and the sample prover talk to.
    pub url: String,
    /// The configured secret of the bearer tokens; see [`secret`] for what happens without one.
    pub secret: Option<Secret>,
    /// What operators show on the admin listener to change something; `None` lets nobody.
    pub operator_token: Option<Secret>,
    /// Whether a secret below [`secret::MIN_BYTES`] will do on an address that other machines reach.
    pub allow_short_secret: bool,
    /// With what the listener for provers, imports and operators speaks TLS; `None` for plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The roots that clients trust, in PEM form; `None` for the public ones.
    pub tls_ca: Option<PathBuf>,
    /// Time without a heartbeat after which a job is handed out again.
    pub gone_timeout: Duration,
    /// Floor of the number of provers asked for.
    pub idle_provers: u32,
    /// Hand-outs after which a job is parked as failed.
    pub max_attempts: u32,
    /// How long a job that was without a heartbeat waits before it is handed out again; zero for no wait.
    pub retry_backoff: Duration,
    /// Fallback interval of the updater and the maintainers.
    pub prepare_data_interval: Duration,
    /// Number of maintainer threads.
    pub witness_generators: usize,
    /// Sizes, in blocks, of aggregated operations that the server makes itself, ascending; empty: it makes none.
    pub aggregate: Vec<usize>,
    /// Longest time a proven block waits for a larger aggregate.
    pub aggregate_deadline: Duration,
    /// Folder of the verification keys that published proofs must satisfy; `None` takes them unverified.
    pub verification_keys: Option<PathBuf>,
    /// Number of proofs verified at the same time; `None` for as many as there are cores.
    pub verify_concurrency: Option<usize>,
    /// Number of blocks that can be reverted.
    pub history: u32,
    /// Number of verified blocks whose witnesses and finished jobs are kept; `None` for all of them.
    pub keep_verified: Option<u32>,
    /// Bytes of the file system that are to stay free; 0 for no floor.
    pub min_free_bytes: u64,
    /// Page cache of the store, in bytes.
    pub cache_bytes: usize,
    /// Open connections a listener serves at a time.
    pub max_connections: usize,
    /// Requests that are worked on at a time.
    pub request_limits: RequestLimits,
    /// Longest wait of a request for its turn. The default is longer than the 10 s after which the reference's prover gives a request up:
    /// without an answer it publishes its proof again, while a 503 would be the end of the proof.
    pub request_wait: Duration,
    /// Time in which the head of the next request must arrive on a connection, be it idle or trickling.
    pub idle_timeout: Duration,
    /// Longest pause within a body, and time that a client may keep its answer waiting.
    pub stall_timeout: Duration,
    /// Longest wait for a whole body.
    pub body_timeout: Duration,
    /// Time that requests under way get when the server stops.
    pub shutdown_timeout: Duration,
    /// Longest accepted bodies.
    pub body_limits: BodyLimits,
    /// Log filter.
    pub log: String,
    /// Log format.
    pub log_format: LogFormat,
    /// The engine that computes Rescue hashes; `None` for the best this processor can run.
    pub engine: Option<Engine>,
    /// Settings of the sample prover.
    pub prover: ProverConfig,
    shown: Vec<Shown>,
}

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

/// Requests that are worked on at a time, by kind; each holds a body in memory and a thread.
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

/// Settings of the sample prover (spec 06 §6, `PROVER_PROVER_*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProverConfig {
    /// Time between two heartbeats.
    pub heartbeat_interval: Duration,
    /// Pause before asking again when there was no job.
    pub cycle_wait: Duration,
    /// Longest wait for an answer of the server.
    pub request_timeout: Duration,
    /// Whether it stops after one proof.
    pub die_after_proof: bool,
}

#[derive(Debug, Clone)]
struct Shown {
    key: &'static str,
    meaning: &'static str,
    toml: Option<String>,
    origin: Origin,
}

impl Config {
    /// Reads and validates all layers. `file` is the one of `--config`.
    ///
    /// # Errors
    /// See [`ConfigError`]: a file that cannot be read, an unknown name, a value out of range, a conflict.
    pub fn load(file: Option<&Path>, env: &Environment, flags: &Flags) -> Result<Self, ConfigError> {
        let mut layers = Layers::with_defaults();
        if let Some(path) = find_file(file, env, flags)? {
            layers.add_file(&path)?;
        }
        layers.add_env(env)?;
        layers.add_flags(flags);
        Self::from_layers(&layers)
    }

    /// The defaults under the text of a file; for tests of the decoders.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    #[cfg(any(test, feature = "testing"))]
    #[doc(hidden)]
    pub fn of_toml(text: &str) -> Result<Self, ConfigError> {
        let mut layers = Layers::with_defaults();
        layers.add_text(Path::new(FILE_NAME), text)?;
        Self::from_layers(&layers)
    }

    fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let of = Reader { layers };
        let config = Self {
            data_dir: of.optional("data_dir", parse::path)?,
            listen: of.required("listen", parse::address)?,
            admin_listen: of.required("admin_listen", parse::address)?,
            url: of.required("url", parse::url)?,
            secret: of.secret("secret", "secret_file")?,
            operator_token: of.secret("operator_token", "operator_token_file")?,
            allow_short_secret: of.required("allow_short_secret", parse::boolean)?,
            tls: of.tls()?,
            tls_ca: of.optional("tls_ca", parse::path)?,
            gone_timeout: of.required("gone_timeout", parse::duration)?,
            idle_provers: of.required("idle_provers", parse::number(0, 1_000_000))?,
            max_attempts: of.required("max_attempts", parse::number(1, 1_000_000))?,
            retry_backoff: of.required("retry_backoff", parse::duration_or_zero)?,
            prepare_data_interval: of.required("prepare_data_interval", parse::duration)?,
            witness_generators: of.required("witness_generators", parse::number(1, 256))?,
            aggregate: of.optional("aggregate", parse::sizes)?.unwrap_or_default(),
            aggregate_deadline: of.required("aggregate_deadline", parse::duration)?,
            verification_keys: of.optional("verification_keys", parse::path)?,
            verify_concurrency: of.optional("verify_concurrency", parse::number(1, 1_024))?,
            history: of.required("history", parse::number(1, 1_000_000))?,
            keep_verified: of.optional("keep_verified", parse::number(0, u32::MAX))?,
            min_free_bytes: of.required("min_free_bytes", parse::bytes_or_zero)?,
            cache_bytes: of.required("cache_bytes", parse::bytes)?,
            max_connections: of.required("max_connections", parse::number(1, 65_536))?,
            request_limits: RequestLimits {
                message: of.required("max_message_requests", parse::number(1, 65_536))?,
                get_job: of.required("max_get_job_requests", parse::number(1, 65_536))?,
                publish: of.required("max_publish_requests", parse::number(1, 65_536))?,
                import: of.required("max_import_requests", parse::number(1, 65_536))?,
                operator: of.required("max_operator_requests", parse::number(1, 65_536))?,
            },
            request_wait: of.required("request_wait", parse::duration)?,
            idle_timeout: of.required("idle_timeout", parse::duration)?,
            stall_timeout: of.required("stall_timeout", parse::duration)?,
            body_timeout: of.required("body_timeout", parse::duration)?,
            shutdown_timeout: of.required("shutdown_timeout", parse::duration)?,
            body_limits: BodyLimits {
                message: of.required("max_message_bytes", parse::bytes)?,
                proof: of.required("max_proof_bytes", parse::bytes)?,
                block: of.required("max_block_bytes", parse::bytes)?,
                operation: of.required("max_operation_bytes", parse::bytes)?,
                genesis: of.required("max_genesis_bytes", parse::bytes)?,
            },
            log: of.required("log", parse::log_filter)?,
            log_format: of.required("log_format", parse::log_format)?,
            engine: of.required("cpu_features", parse::cpu_features)?,
            prover: ProverConfig {
                heartbeat_interval: of.required("prover_heartbeat_interval", parse::duration)?,
                cycle_wait: of.required("prover_cycle_wait", parse::duration)?,
                request_timeout: of.required("prover_request_timeout", parse::duration)?,
                die_after_proof: of.required("prover_die_after_proof", parse::boolean)?,
            },
            shown: KEYS.iter().map(|key| shown(key, layers)).collect(),
        };
        config.check_together()?;
        Ok(config)
    }

    fn check_together(&self) -> Result<(), ConfigError> {
        if self.listen == self.admin_listen && self.listen.port() != 0 {
            return Err(ConfigError::Conflict(format!(
                "listen and admin_listen are both {}; give one of them another port",
                self.listen
            )));
        }
        if self.prover.heartbeat_interval >= self.gone_timeout {
            return Err(ConfigError::Conflict(format!(
                "prover_heartbeat_interval ({}) must be shorter than gone_timeout ({}), or every job goes stale",
                humantime::format_duration(self.prover.heartbeat_interval),
                humantime::format_duration(self.gone_timeout),
            )));
        }
        Ok(())
    }

    /// The data folder.
    ///
    /// # Errors
    /// [`ConfigError::NoDataDir`] when none is configured.
    pub fn require_data_dir(&self) -> Result<&Path, ConfigError> {
        self.data_dir.as_deref().ok_or(ConfigError::NoDataDir)
    }

    /// Where the value of a setting came from; [`Origin::Default`] also for a name that is no setting.
    pub fn origin(&self, key: &str) -> &Origin {
        self.shown.iter().find(|shown| shown.key == key).map_or(&Origin::Default, |shown| &shown.origin)
    }

    /// Every setting with its value and where that came from, as a TOML file that gives this configuration again.
    /// The secret is hidden.
    pub fn print(&self) -> String {
        let mut out = String::new();
        for shown in &self.shown {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# {}", shown.meaning);
            let _ = match &shown.toml {
                Some(value) => writeln!(out, "{} = {value}  # {}", shown.key, shown.origin),
                None if shown.origin == Origin::Default => writeln!(out, "# {} is not set", shown.key),
                None => writeln!(out, "# {} is set, hidden  # {}", shown.key, shown.origin),
            };
        }
        out
    }
}

/// The file to read: the one asked for, else the one in the data folder named by the flags or the environment.
fn find_file(file: Option<&Path>, env: &Environment, flags: &Flags) -> Result<Option<PathBuf>, ConfigError> {
    if let Some(path) = file {
        return Ok(Some(path.to_owned()));
    }
    if let Some(path) = env.config_file() {
        return Ok(Some(path));
    }
    let mut outer = Layers::default();
    outer.add_env(env)?;
    outer.add_flags(flags);
    let path = outer.get("data_dir").map(|sourced| Path::new(&sourced.value).join(FILE_NAME));
    Ok(path.filter(|path| path.exists()))
}

fn shown(key: &keys::Key, layers: &Layers) -> Shown {
    let sourced = layers.get(key.name);
    let toml = sourced.and_then(|sourced| match key.kind {
        Kind::Text => Some(toml::Value::String(sourced.value.clone()).to_string()),
        Kind::Bare => Some(sourced.value.trim().to_owned()),
        Kind::List => Some(format!("[{}]", sourced.value)),
        Kind::Secret => None,
    });
    let origin = sourced.map_or(Origin::Default, |sourced| sourced.origin.clone());
    Shown { key: key.name, meaning: key.meaning, toml, origin }
}

/// Takes values out of the merged layers and parses them.
struct Reader<'a> {
    layers: &'a Layers,
}

impl Reader<'_> {
    fn optional<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(sourced) = self.layers.get(key) else { return Ok(None) };
        parse(&sourced.value).map(Some).map_err(|expected| ConfigError::Invalid {
            key,
            value: format!("{:?}", sourced.value),
            origin: sourced.origin.clone(),
            expected,
        })
    }

    fn required<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        self.optional(key, parse)?
            .ok_or_else(|| ConfigError::Conflict(format!("{key} is not set; give it a value")))
    }

    fn tls(&self) -> Result<Option<TlsFiles>, ConfigError> {
        let certificate = self.optional("tls_certificate", parse::path)?;
        let key = self.optional("tls_key", parse::path)?;
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
            (None, None) => Ok(None),
            _ => Err(ConfigError::Conflict(
                "tls_certificate and tls_key go together; give both for TLS, none for plain HTTP".to_owned(),
            )),
        }
    }

    fn secret(&self, key: &'static str, file_key: &'static str) -> Result<Option<Secret>, ConfigError> {
        let text = self.optional(key, parse::text)?;
        let file = self.optional(file_key, parse::path)?;
        match (text, file) {
            (Some(_), Some(_)) => {
                Err(ConfigError::Conflict(format!("{key} and {file_key} are both set; keep one of them")))
            }
            (Some(text), None) => Ok(Some(Secret::new(text).map_err(|_| {
                ConfigError::Conflict(format!("the {key} is empty; give a text or leave the setting out"))
            })?)),
            (None, Some(path)) => {
                secret::read(&path).map(Some).map_err(|error| ConfigError::Conflict(error.to_string()))
            }
            (None, None) => Ok(None),
        }
    }
}
