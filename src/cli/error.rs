//! Errors of commands: one sentence for the user, and the exit code.

use std::io;
use std::path::{Path, PathBuf};

use hyper::StatusCode;

use crate::{
    access,
    api::tokens::MintError,
    chain_folder::ChainFolderError,
    client::ClientError,
    config::{ConfigError, SecretError},
    crypto::rescue::EngineUnavailable,
    logging::LogError,
    node::LinkError,
    tls::TlsError,
    workers::KeysError,
};

/// A failed command. Each message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The command line is wrong in a way that its definition cannot express.
    #[error("{0}")]
    Usage(String),
    /// The configuration is not usable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The setting `cpu_features` names an engine that this processor does not support.
    #[error(transparent)]
    Engine(#[from] EngineUnavailable),
    /// Logging cannot start.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A secret is missing or unusable.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The verification keys are not usable.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// No token can be minted.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The chain folder is not usable.
    #[error(transparent)]
    ChainFolder(#[from] ChainFolderError),
    /// The server cannot be reached, or refuses the request.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The database of the node cannot be used, or its blocks cannot be imported.
    #[error(transparent)]
    Node(Box<LinkError>),
    /// An import stopped at a file; the files before it stay imported.
    #[error("import stopped at {}: {cause}", path.display())]
    ImportStopped {
        /// The file that was not imported.
        path: PathBuf,
        /// The cause.
        cause: Box<CliError>,
    },
    /// The requested item does not exist (yet).
    #[error("{0}")]
    NotFound(String),
    /// The data folder cannot be opened.
    #[error("{0}")]
    DataFolder(String),
    /// A check found damage or an inconsistency.
    #[error("{0}")]
    Findings(String),
    /// Output cannot be written.
    #[error("cannot write {}: {}", path.display(), unwritten(path, cause))]
    Output {
        /// The file, or `standard output`.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// The operating system refuses threads or timers.
    #[error("cannot start the threads of the program: {0}; check the limits of this user")]
    Runtime(io::Error),
    /// Any other failure.
    #[error("{0}")]
    Failed(String),
}

/// Returns the cause of a failed output and what to do.
fn unwritten(path: &Path, cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => access::explain(path, cause),
        _ => format!("{cause}; check the path and the free space"),
    }
}

impl CliError {
    /// Returns the exit code, as listed in `--help`.
    pub(crate) fn exit_code(&self) -> u8 {
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
            Self::Node(error) if error.is_of_connection() => 5,
            Self::Client(ClientError::Refused { status, .. }) if *status == StatusCode::NOT_FOUND => 3,
            Self::DataFolder(_) | Self::Runtime(_) => 4,
            Self::Findings(_) => 6,
            Self::Client(
                ClientError::Unreachable { .. }
                | ClientError::Timeout { .. }
                | ClientError::Untrusted { .. }
                | ClientError::Unauthorized { .. }
                | ClientError::TokenTime { .. }
                | ClientError::NotHttp { .. }
                | ClientError::NotTheServer { .. },
            ) => 5,
            Self::ChainFolder(_)
            | Self::Client(_)
            | Self::Node(_)
            | Self::Output { .. }
            | Self::Failed(_) => 1,
        }
    }

    /// Returns true if the requested item does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        self.exit_code() == 3
    }
}
