//! The shared secret of the bearer tokens: configured, or generated for use on this machine only.
//!
//! Without a configured secret the server listens on loopback only; it generates a secret once and keeps it in the data
//! folder, readable by its owner, where the client commands find it. With a short one it listens beyond loopback only if it
//! is told to: whoever sees a single token can try secrets against it, at leisure and elsewhere.

use std::{
    fmt, fs,
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::Config;
use crate::fsync;

/// Name, in the data folder, of the generated secret.
pub const FILE_NAME: &str = "secret";

/// Shortest secret that is taken for granted, in bytes: as long as the signatures made with it (RFC 7518 §3.2).
pub const MIN_BYTES: usize = 32;

/// Bytes of randomness in a generated secret; it is written as twice as many hex digits.
const RANDOM_BYTES: usize = 32;

/// A secret that does not show itself in `Debug` output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    ///
    /// # Errors
    /// [`EmptySecret`]: anybody could sign with it.
    pub fn new(text: impl Into<String>) -> Result<Self, EmptySecret> {
        let text = text.into();
        if text.is_empty() { Err(EmptySecret) } else { Ok(Self(text)) }
    }

    /// The key of the token signatures.
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// A secret must have at least one byte.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the secret is empty")]
pub struct EmptySecret;

/// No secret can be had. Each message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The server would listen for others with a secret nobody chose.
    #[error(
        "refusing to listen on {0} without a configured secret; set API_PROVER_SECRET_AUTH, or listen on 127.0.0.1"
    )]
    BeyondLoopback(SocketAddr),
    /// The server would listen for others with a secret that can be guessed.
    #[error(
        "refusing to listen on {listen} with a secret of {length} bytes, which can be guessed from a token; make it {MIN_BYTES} bytes or more, for instance by `openssl rand -hex 32`, or set allow_short_secret to true"
    )]
    TooShort {
        /// The address.
        listen: SocketAddr,
        /// Bytes of the secret.
        length: usize,
    },
    /// Operators would have a token that can be guessed.
    #[error(
        "refusing to take orders on {listen} with an operator_token of {length} bytes, which can be guessed; make it {MIN_BYTES} bytes or more, for instance by `openssl rand -hex 32`, or listen on 127.0.0.1, or set allow_short_secret to true"
    )]
    OperatorTooShort {
        /// The address.
        listen: SocketAddr,
        /// Bytes of the token.
        length: usize,
    },
    /// Operators would have a token that no request can carry.
    #[error(
        "the operator_token has blanks or other characters than visible ASCII; take one by `openssl rand -hex 32`"
    )]
    OperatorNotVisible,
    /// A client command has nothing to sign with.
    #[error(
        "no secret is configured; set API_PROVER_SECRET_AUTH, or WITNESS_SERVER_SECRET_FILE to the file `secret` of the server's data folder"
    )]
    NotConfigured,
    /// The secret file is empty.
    #[error("the secret file {} is empty; write the secret into it, or remove it", .0.display())]
    Empty(PathBuf),
    /// The secret file cannot be read.
    #[error("cannot read the secret file {}: {cause}; check the path and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        cause: io::Error,
    },
    /// The generated secret cannot be kept.
    #[error("cannot write the secret file {}: {cause}; make the folder writable, or set API_PROVER_SECRET_AUTH", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        cause: io::Error,
    },
    /// The operating system gave no randomness.
    #[error("the system's random generator failed; set API_PROVER_SECRET_AUTH instead")]
    Random,
}

/// The secret a server works with.
#[derive(Debug, Clone)]
pub struct ServerSecret {
    /// The secret.
    pub secret: Secret,
    /// The file it was generated into just now; tell the operator.
    pub generated: Option<PathBuf>,
}

/// The secret of a server that is about to listen: the configured one, if it is long enough for the address, else the one kept in the data folder, else a new
/// one (`0600`), these two on loopback only. The data folder must exist, and be locked by this process.
///
/// # Errors
/// See [`SecretError`].
pub fn for_server(config: &Config, data_dir: &Path) -> Result<ServerSecret, SecretError> {
    let listen = config.listen;
    if let Some(secret) = &config.secret {
        let length = secret.0.len();
        if length < MIN_BYTES && !listen.ip().is_loopback() && !config.allow_short_secret {
            return Err(SecretError::TooShort { listen, length });
        }
        return Ok(ServerSecret { secret: secret.clone(), generated: None });
    }
    if !listen.ip().is_loopback() {
        return Err(SecretError::BeyondLoopback(listen));
    }
    let path = data_dir.join(FILE_NAME);
    if let Some(secret) = read_if_there(&path)? {
        return Ok(ServerSecret { secret, generated: None });
    }
    let secret = generate()?;
    write_new(&path, &secret).map_err(|cause| SecretError::Unwritable { path: path.clone(), cause })?;
    Ok(ServerSecret { secret, generated: Some(path) })
}

/// The token of operators on the admin listener, if there is one: visible ASCII, and beyond loopback long enough.
///
/// # Errors
/// See [`SecretError`].
pub fn for_operator(config: &Config) -> Result<Option<Secret>, SecretError> {
    let (listen, Some(token)) = (config.admin_listen, &config.operator_token) else { return Ok(None) };
    let length = token.0.len();
    if !token.0.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SecretError::OperatorNotVisible);
    }
    if length < MIN_BYTES && !listen.ip().is_loopback() && !config.allow_short_secret {
        return Err(SecretError::OperatorTooShort { listen, length });
    }
    Ok(Some(token.clone()))
}

/// The secret of a client command: the configured one, else the one a server generated in the data folder.
///
/// # Errors
/// See [`SecretError`].
pub fn for_client(config: &Config) -> Result<Secret, SecretError> {
    if let Some(secret) = &config.secret {
        return Ok(secret.clone());
    }
    let kept = match &config.data_dir {
        Some(folder) => read_if_there(&folder.join(FILE_NAME))?,
        None => None,
    };
    kept.ok_or(SecretError::NotConfigured)
}

/// The text of a file, without white space at its ends.
pub(super) fn read(path: &Path) -> Result<Secret, SecretError> {
    let text =
        fs::read_to_string(path).map_err(|cause| SecretError::Unreadable { path: path.to_owned(), cause })?;
    Secret::new(text.trim()).map_err(|EmptySecret| SecretError::Empty(path.to_owned()))
}

fn read_if_there(path: &Path) -> Result<Option<Secret>, SecretError> {
    match read(path) {
        Ok(secret) => Ok(Some(secret)),
        Err(SecretError::Unreadable { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn generate() -> Result<Secret, SecretError> {
    let mut bytes = [0_u8; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| SecretError::Random)?;
    Ok(Secret(hex::encode(bytes)))
}

/// Writes the whole file or none: a crash must not leave an empty secret behind. Temporary files are `0600` from the start.
fn write_new(path: &Path, secret: &Secret) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(secret.expose())?;
    file.write_all(b"\n")?;
    fsync::persist_new(file, path)
}
