//! How a command fails: one sentence for the user and the exit code.

use std::path::PathBuf;

use hyper::StatusCode;

use crate::{
    api::tokens::MintError,
    chain_folder::ChainFolderError,
    client::ClientError,
    config::{ConfigError, secret::SecretError},
    crypto::rescue::EngineUnavailable,
    logging::LogError,
    server::BindError,
    tls::TlsError,
    workers::KeysError,
};

/// A failed command.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The command line lacks something that clap cannot see.
    #[error("{0}")]
    Usage(String),
    /// The configuration is not usable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The setting `cpu_features` asks for what this processor lacks.
    #[error(transparent)]
    Engine(#[from] EngineUnavailable),
    /// Logging cannot start.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is no secret to work with.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The verification keys are not usable.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// No token can be made.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// There is no certificate to work with.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The chain folder is not usable.
    #[error(transparent)]
    ChainFolder(#[from] ChainFolderError),
    /// The server cannot be reached or says no.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// An import stopped; what came before the file stays imported.
    #[error("import stopped at {}: {cause}", path.display())]
    ImportStopped {
        /// The file that was not taken.
        path: PathBuf,
        /// Why.
        cause: Box<CliError>,
    },
    /// What was asked for is not there (yet).
    #[error("{0}")]
    NotFound(String),
    /// The data folder cannot be opened. The text says what to do.
    #[error("{0}")]
    DataFolder(String),
    /// A check found something. The text says what to do.
    #[error("{0}")]
    Findings(String),
    /// Output cannot be written.
    #[error("cannot write {}: {cause}; check the path and the free space", path.display())]
    Output {
        /// The file, or `standard output`.
        path: PathBuf,
        /// The system's words.
        cause: std::io::Error,
    },
    /// The system refuses threads or timers.
    #[error("cannot start the runtime: {0}; check the limits of this user")]
    Runtime(std::io::Error),
    /// Anything else; the text says what to do.
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    /// The exit code, as listed in `--help`.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_)
            | Self::Config(_)
            | Self::Engine(_)
            | Self::Log(_)
            | Self::Secret(_)
            | Self::Tls(_)
            | Self::Keys(_)
            | Self::Mint(_) => 2,
            Self::Client(ClientError::BadUrl(_) | ClientError::Roots(_)) => 2,
            Self::ImportStopped { cause, .. } => cause.exit_code(),
            Self::NotFound(_) => 3,
            Self::Client(ClientError::Refused { status, .. }) if *status == StatusCode::NOT_FOUND => 3,
            Self::DataFolder(_) => 4,
            Self::Findings(_) => 6,
            Self::Client(
                ClientError::Unreachable { .. }
                | ClientError::Timeout { .. }
                | ClientError::Untrusted { .. }
                | ClientError::Unauthorized { .. },
            ) => 5,
            Self::Bind(_)
            | Self::ChainFolder(_)
            | Self::Client(_)
            | Self::Output { .. }
            | Self::Runtime(_)
            | Self::Failed(_) => 1,
        }
    }
}
