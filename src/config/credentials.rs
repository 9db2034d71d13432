//! The secret with which a server, its operators and its clients work.
//!
//! Without a configured secret the server listens on loopback only; it generates a secret once and
//! stores it in the data folder, readable by its owner, where the client commands find it. With a
//! short one it listens beyond loopback only if `allow_short_secret` is set: secrets can be tried
//! offline against a single token.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{
    secret::{MIN_BYTES, Secret, SecretError},
    settings::Config,
};
use crate::fsync;

/// Name, in the data folder, of the generated secret.
const FILE_NAME: &str = "secret";

/// Bytes of randomness in a generated secret; it is written as twice as many hex digits.
const RANDOM_BYTES: usize = 32;

/// The secret of a server.
#[derive(Debug, Clone)]
pub struct ServerSecret {
    /// The secret.
    pub secret: Secret,
    /// The file into which it was generated just now, if it was.
    pub generated: Option<PathBuf>,
}

impl Config {
    /// Returns the secret of a server that is about to listen: the configured one, if it is long
    /// enough for the address, else the one stored in the data folder, else a new one (`0600`); the
    /// latter two on loopback only. The data folder must exist and be locked by this process.
    ///
    /// # Errors
    /// Fails if the secret is too short for the address, or if there is none and none can be
    /// generated.
    pub fn server_secret(&self, data_dir: &Path) -> Result<ServerSecret, SecretError> {
        let listen = self.listen;
        if let Some(secret) = &self.secret {
            let length = secret.expose().len();
            if !self.is_long_enough(length, listen) {
                return Err(SecretError::TooShort { listen, length });
            }
            return Ok(ServerSecret { secret: secret.clone(), generated: None });
        }
        if !listen.ip().is_loopback() {
            return Err(SecretError::BeyondLoopback(listen));
        }
        let path = data_dir.join(FILE_NAME);
        if let Some(secret) = stored(&path)? {
            return Ok(ServerSecret { secret, generated: None });
        }
        let secret = generate()?;
        write_new(&path, &secret).map_err(|cause| SecretError::Unwritable { path: path.clone(), cause })?;
        Ok(ServerSecret { secret, generated: Some(path) })
    }

    /// Returns the token of operators on the admin listener, if one is configured.
    ///
    /// # Errors
    /// Fails if it is not visible ASCII, or too short for the address.
    pub fn operator_secret(&self) -> Result<Option<Secret>, SecretError> {
        let Some(token) = &self.operator_token else { return Ok(None) };
        let listen = self.admin_listen;
        let length = token.expose().len();
        if !token.expose().iter().all(u8::is_ascii_graphic) {
            return Err(SecretError::OperatorNotVisible);
        }
        if !self.is_long_enough(length, listen) {
            return Err(SecretError::OperatorTooShort { listen, length });
        }
        Ok(Some(token.clone()))
    }

    /// Returns the secret of a client command: the configured one, else the one that a server
    /// generated in the data folder.
    ///
    /// # Errors
    /// Fails if there is neither, or if the stored one cannot be read.
    pub fn client_secret(&self) -> Result<Secret, SecretError> {
        if let Some(secret) = &self.secret {
            return Ok(secret.clone());
        }
        let stored = match &self.data_dir {
            Some(folder) => stored(&folder.join(FILE_NAME))?,
            None => None,
        };
        stored.ok_or(SecretError::NotConfigured)
    }

    fn is_long_enough(&self, length: usize, listen: SocketAddr) -> bool {
        length >= MIN_BYTES || listen.ip().is_loopback() || self.allow_short_secret
    }
}

/// Reads the generated secret, which may be absent.
fn stored(path: &Path) -> Result<Option<Secret>, SecretError> {
    match Secret::read(path) {
        Ok(Some(secret)) => Ok(Some(secret)),
        Ok(None) => Err(SecretError::GeneratedEmpty(path.to_owned())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(SecretError::GeneratedUnreadable { path: path.to_owned(), cause }),
    }
}

fn generate() -> Result<Secret, SecretError> {
    let mut bytes = [0_u8; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| SecretError::Random)?;
    Secret::new(hex::encode(bytes)).map_err(|_| SecretError::Random)
}

/// Writes the whole file or none: a crash must not leave an empty secret behind. Temporary files
/// are `0600` from the start.
fn write_new(path: &Path, secret: &Secret) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // The next start removes a file of this name that a killed process left.
    let mut file = tempfile::Builder::new().prefix("secret-").suffix(".tmp").tempfile_in(folder)?;
    file.write_all(secret.expose())?;
    file.write_all(b"\n")?;
    fsync::persist_new(file, path)
}
