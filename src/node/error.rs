//! Errors of the database of a node.

use std::io;
use std::path::PathBuf;

use tokio_postgres::error::SqlState;

use crate::config::SecretError;
use crate::store::StoreError;
use crate::tls::TlsError;
use crate::workers::ImportError;

/// The database cannot be used. Each message says what to do; none contains the password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// No connection can be made.
    #[error("the node's database cannot be reached: {0}; check the address, and that Postgres runs")]
    Unreachable(String),
    /// The connection ended, or the database is stopping or starting.
    #[error("the connection to the node's database was lost: {0}; it is opened again")]
    Lost(String),
    /// TLS failed.
    #[error("no TLS connection to the node's database: {0}; check sslmode and node_tls_ca")]
    Handshake(String),
    /// The configured certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The file of the password cannot be used.
    #[error(transparent)]
    Password(#[from] SecretError),
    /// The file that `PGPASSFILE` names cannot be read.
    #[error("cannot read {}, which PGPASSFILE names: {cause}; check the path and its permissions", path.display())]
    PasswordFile {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// User or password are refused.
    #[error(
        "the node's database refuses the user: {0}; check the user, the password (in the address, node_password_file or PGPASSFILE) and pg_hba.conf"
    )]
    Refused(String),
    /// The database does not exist.
    #[error("{0}; check the name of the database in the address")]
    NoDatabase(String),
    /// No further connection is accepted.
    #[error(
        "the node's database has no free connection: {0}; raise max_connections, or the limit of the role"
    )]
    TooManyConnections(String),
    /// A table or column is missing.
    #[error(
        "the schema of the node's database is not the one this server knows: {0}; is this the database of a zkSync Lite node, and of this version?"
    )]
    Schema(String),
    /// The role lacks a permission.
    #[error("the role lacks a permission in the node's database: {0}; grant it as docs/node.md says")]
    Permission(String),
    /// The database accepts no changes.
    #[error("the node's database is read-only: {0}; connect to the primary server")]
    ReadOnly(String),
    /// The node has not sealed the block with whose state the folder should begin.
    #[error(
        "the node has no block {number} yet, its newest is block {newest}; begin with that one or an earlier one"
    )]
    NoBlock {
        /// The wanted block.
        number: u32,
        /// The newest block.
        newest: u32,
    },
    /// The tables of the state are not those of any block.
    #[error(
        "the accounts in the node's database have the root 0x{}, block {number} has 0x{}, and no earlier block fits either; nothing was kept: check the database, or begin with --from 0",
        hex::encode(found),
        hex::encode(expected)
    )]
    OtherState {
        /// The block with whose state the folder should begin.
        number: u32,
        /// Its root.
        expected: [u8; 32],
        /// The root of the accounts.
        found: [u8; 32],
    },
    /// This server refuses a block of the node, or cannot store it.
    #[error("block {block} of the node: {cause}")]
    Import {
        /// Number of the block.
        block: u32,
        /// The reason.
        cause: Box<ImportError>,
    },
    /// The node reverted more blocks than this folder can.
    #[error(
        "the node reverted to block {ancestor}, and this folder can go back to block {oldest} only; provers are still served: start with an empty folder, and with a larger `history`"
    )]
    BeyondHistory {
        /// The last common block.
        ancestor: u32,
        /// The oldest block that a revert can reach.
        oldest: u32,
    },
    /// A block needs a witness that cannot be built any more, for example because the share of the
    /// server was changed.
    #[error(
        "{cause}, and the witness of block {block} cannot be built any more: this folder can go back to block {oldest} only; start with an empty folder"
    )]
    Unbuilt {
        /// Why the block needs a witness.
        cause: &'static str,
        /// The first block without a witness.
        block: u32,
        /// The oldest block that a revert can reach.
        oldest: u32,
    },
    /// The folder holds another chain than the node.
    #[error(
        "the folder begins with the state after block {number}, which the node's chain does not have; use the folder of this node, or an empty one"
    )]
    OtherChain {
        /// The block before the first one of the folder.
        number: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A task of the link ended unexpectedly.
    #[error("a task of the link to the node failed: {0}")]
    Internal(String),
    /// Any other error of the database.
    #[error("the node's database answered with an error: {0}")]
    Database(String),
    /// A row has a content that it cannot have.
    #[error("{what} in the node's database is not usable: {cause}")]
    Row {
        /// Table and key.
        what: String,
        /// The cause.
        cause: String,
    },
}

impl LinkError {
    /// Returns a stable name of the kind of error, for status and metrics.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Lost(_) => "connection_lost",
            Self::Handshake(_) | Self::Tls(_) => "tls",
            Self::Password(_) | Self::PasswordFile { .. } => "password_unreadable",
            Self::Refused(_) => "authentication_refused",
            Self::NoDatabase(_) => "no_database",
            Self::TooManyConnections(_) => "too_many_connections",
            Self::Schema(_) => "other_schema",
            Self::Permission(_) => "permission_missing",
            Self::ReadOnly(_) => "read_only",
            Self::NoBlock { .. } => "no_such_block",
            Self::OtherState { .. } => "other_state",
            Self::Import { .. } => "block_refused",
            Self::BeyondHistory { .. } => "beyond_history",
            Self::Unbuilt { .. } => "witness_missing",
            Self::OtherChain { .. } => "other_chain",
            Self::Store(_) => "store",
            Self::Internal(_) => "internal",
            Self::Database(_) => "database_error",
            Self::Row { .. } => "row_not_usable",
        }
    }

    /// Returns true if the database cannot be reached, or refuses the user.
    pub(crate) fn is_of_connection(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::Lost(_)
                | Self::Handshake(_)
                | Self::Refused(_)
                | Self::NoDatabase(_)
                | Self::TooManyConnections(_)
        )
    }

    /// Returns true if another attempt cannot succeed without a change by an operator.
    pub(crate) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::BeyondHistory { .. }
                | Self::Unbuilt { .. }
                | Self::OtherChain { .. }
                | Self::OtherState { .. }
        )
    }

    /// Returns the error for a row that cannot be used.
    pub(crate) fn row(what: impl Into<String>, cause: impl ToString) -> Self {
        Self::Row { what: what.into(), cause: shortened(&cause.to_string()) }
    }
}

/// Largest number of characters of a cause: it may quote a value of any length.
const LONGEST_CAUSE: usize = 300;

fn shortened(cause: &str) -> String {
    let mut rest = cause.chars();
    let mut short: String = rest.by_ref().take(LONGEST_CAUSE).collect();
    if rest.next().is_some() {
        short.push('…');
    }
    short
}

impl From<tokio_postgres::Error> for LinkError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(database) = error.as_db_error() else { return without_answer(&error) };
        let message = shortened(database.message());
        match database.code() {
            &SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                Self::Refused(message)
            }
            &SqlState::INVALID_CATALOG_NAME => Self::NoDatabase(message),
            &SqlState::TOO_MANY_CONNECTIONS => Self::TooManyConnections(message),
            &SqlState::UNDEFINED_TABLE
            | &SqlState::UNDEFINED_COLUMN
            | &SqlState::UNDEFINED_FUNCTION
            | &SqlState::CANNOT_COERCE
            | &SqlState::DATATYPE_MISMATCH => Self::Schema(message),
            &SqlState::INSUFFICIENT_PRIVILEGE => Self::Permission(message),
            &SqlState::READ_ONLY_SQL_TRANSACTION => Self::ReadOnly(message),
            &SqlState::ADMIN_SHUTDOWN
            | &SqlState::CRASH_SHUTDOWN
            | &SqlState::CANNOT_CONNECT_NOW
            | &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Self::Lost(message),
            _ => Self::Database(message),
        }
    }
}

/// Returns the error of a connection that has no answer of the database.
fn without_answer(error: &tokio_postgres::Error) -> LinkError {
    let cause = causes(error);
    if error.is_closed() {
        return LinkError::Lost(cause);
    }
    // The kinds of the client's errors differ only in their texts.
    let text = error.to_string();
    if text.starts_with("error connecting") || text.starts_with("timeout") {
        LinkError::Unreachable(cause)
    } else if text.starts_with("error performing TLS") {
        LinkError::Handshake(cause)
    } else if text.starts_with("authentication") || text.starts_with("invalid configuration") {
        LinkError::Refused(cause)
    } else if text.starts_with("error communicating") {
        LinkError::Lost(cause)
    } else if text.starts_with("error serializing parameter") {
        // The statement is that of a column of another type.
        LinkError::Schema(cause)
    } else {
        LinkError::Database(cause)
    }
}

/// Returns the message of an error with those of its causes.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
