//! A secret: the key of the bearer tokens, or the token of operators.

use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::input;

/// Longest secret file, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Shortest secret that is accepted on an address beyond loopback, in bytes: the length of the
/// signatures that it makes (RFC 7518 §3.2).
pub(crate) const MIN_BYTES: usize = 32;

/// A secret that does not show itself in `Debug` output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    ///
    /// # Errors
    /// [`EmptySecret`] if the text is empty: anyone could sign with it.
    pub fn new(text: impl Into<String>) -> Result<Self, EmptySecret> {
        let text = text.into();
        if text.is_empty() { Err(EmptySecret) } else { Ok(Self(text)) }
    }

    /// Reads the secret in the file that a setting names.
    ///
    /// # Errors
    /// Fails if the file cannot be read or contains no secret.
    pub(crate) fn of_file(setting: &'static str, path: &Path) -> Result<Self, SecretError> {
        let path = path.to_owned();
        match Self::read(&path) {
            Ok(secret) => secret.ok_or(SecretError::Empty { setting, path }),
            Err(cause) => Err(SecretError::Unreadable { setting, path, cause }),
        }
    }

    /// Reads the secret that a file contains, without a byte order mark and without white space
    /// around it; `None` if the file contains nothing else.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let text = input::read_text(path, MAX_FILE_BYTES)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        Ok(Self::new(text.trim()).ok())
    }

    /// Returns the bytes of the secret.
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// A secret has at least one byte.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the secret is empty")]
pub struct EmptySecret;

/// A secret is missing or unusable. Each message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The server would listen beyond loopback with a secret that the operator did not choose.
    #[error(
        "refusing to listen on {0} without a configured secret; set API_PROVER_SECRET_AUTH, or listen on 127.0.0.1"
    )]
    BeyondLoopback(SocketAddr),
    /// The server would listen beyond loopback with a secret that can be guessed.
    #[error(
        "refusing to listen on {listen} with a secret of {length} bytes, which can be guessed from a token; use {MIN_BYTES} bytes or more, for instance from `openssl rand -hex 32`, or set allow_short_secret to true"
    )]
    TooShort {
        /// The address.
        listen: SocketAddr,
        /// Length of the secret in bytes.
        length: usize,
    },
    /// The operator token could be guessed.
    #[error(
        "refusing to accept changes on {listen} with an operator_token of {length} bytes, which can be guessed; use {MIN_BYTES} bytes or more, for instance from `openssl rand -hex 32`, or listen on 127.0.0.1, or set allow_short_secret to true"
    )]
    OperatorTooShort {
        /// The address.
        listen: SocketAddr,
        /// Length of the token in bytes.
        length: usize,
    },
    /// The operator token cannot be sent in a request.
    #[error(
        "the operator_token has blanks or other characters than visible ASCII; use one from `openssl rand -hex 32`"
    )]
    OperatorNotVisible,
    /// A client command has no secret to sign with.
    #[error(
        "no secret is configured; set API_PROVER_SECRET_AUTH or secret_file, or pass --data-dir with the server's data folder, whose secret is used then"
    )]
    NotConfigured,
    /// The file that a setting names is empty.
    #[error("{}, which {setting} names, is empty; write the secret into it, or remove the setting", path.display())]
    Empty {
        /// The name of the setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file that a setting names cannot be read.
    #[error("cannot read {}, which {setting} names: {cause}; check the path and its permissions", path.display())]
    Unreadable {
        /// The name of the setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// The file of the generated secret is empty.
    #[error("the generated secret file {} is empty; remove it, and the next start generates one", .0.display())]
    GeneratedEmpty(PathBuf),
    /// The file of the generated secret cannot be read.
    #[error("cannot read the generated secret file {}: {cause}; check its permissions", path.display())]
    GeneratedUnreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// The generated secret cannot be stored.
    #[error("cannot write the secret file {}: {cause}; make the folder writable, or set API_PROVER_SECRET_AUTH", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// The random generator of the operating system failed.
    #[error("the system's random generator failed; set API_PROVER_SECRET_AUTH instead")]
    Random,
}
