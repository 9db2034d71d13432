//! Errors of a configuration.

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

use humantime::format_duration;

use super::{origin::Origin, secret::SecretError};

/// A configuration that cannot be used. Each message is one sentence that says what to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key of the file or of `--set`, or a variable, that is not the name of a setting.
    #[error("unknown setting {key} in {origin}; did you mean {nearest}?")]
    UnknownKey {
        /// The key or variable name.
        key: String,
        /// The place where it was written.
        origin: Origin,
        /// The name of a setting that is closest to it.
        nearest: String,
    },
    /// A value that does not parse or is out of range.
    #[error("{key} = {value} (from {origin}) is not usable: give {expected}")]
    Invalid {
        /// The name of the setting.
        key: &'static str,
        /// The text given, quoted.
        value: String,
        /// The place where it was written.
        origin: Origin,
        /// A description of accepted values.
        expected: String,
    },
    /// Both listeners have the same address.
    #[error("listen and admin_listen are both {0}; give one of them another port")]
    SameAddress(SocketAddr),
    /// Every lease would expire between two heartbeats.
    #[error(
        "prover_heartbeat_interval ({}) must be shorter than gone_timeout ({}); change one of them",
        format_duration(*heartbeat), format_duration(*gone)
    )]
    HeartbeatTooSlow {
        /// Time between two heartbeats of the sample prover.
        heartbeat: Duration,
        /// Time after which a lease expires.
        gone: Duration,
    },
    /// A certificate without its key, or a key without its certificate.
    #[error("tls_certificate and tls_key go together; give both for TLS, neither for plain HTTP")]
    HalfOfTls,
    /// The server would create aggregated operations that the node does not have.
    #[error(
        "aggregate and node are both set, but a server that follows a node has its aggregated operations; remove aggregate"
    )]
    AggregateWithNode,
    /// A secret is given both as text and as a file.
    #[error(
        "{} (from {}) and {} (from {}) are both set; remove one of them",
        settings[0], origins[0], settings[1], origins[1]
    )]
    SecretTwice {
        /// The names of both settings.
        settings: [&'static str; 2],
        /// The places where they were written.
        origins: [Origin; 2],
    },
    /// The file of a secret cannot be read, or is empty.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {}: {cause}; check the path given by --config", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// The configuration file is not TOML.
    #[error("the configuration file {} is not valid TOML, line {line}: {cause}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Line of the first error, from 1.
        line: usize,
        /// The error of the parser.
        cause: String,
    },
    /// A section of the configuration file.
    #[error(
        "{origin} has the section [{section}], and settings have no sections; write each setting, such as {example}, before the first section"
    )]
    Section {
        /// The name of the section.
        section: String,
        /// The file.
        origin: Origin,
        /// The setting that the section may mean.
        example: String,
    },
    /// A TOML value of a type that no setting has: a table, a date, a mixed list.
    #[error("{key} in {origin} must be a text, a number, true or false, or a list of numbers")]
    WrongType {
        /// The key.
        key: String,
        /// The file.
        origin: Origin,
    },
    /// An environment variable of a setting is not Unicode.
    #[error("the environment variable {0} is not valid UTF-8; set it again")]
    NotText(String),
    /// `--set` without `=`.
    #[error("--set {0} lacks a value; write --set key=value")]
    SetWithoutValue(String),
    /// A secret on the command line, where every user of the machine can read it.
    #[error(
        "a secret cannot be given by --set, where other users could read it; use the environment, or secret_file or operator_token_file"
    )]
    SecretOnCommandLine,
    /// The command needs a data folder and none is configured.
    #[error("no data folder is given; pass --data-dir FOLDER")]
    NoDataDir,
}
