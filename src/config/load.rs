//! Loading and checking of a configuration.

use std::io;
use std::path::{Path, PathBuf};

use super::{
    environment::Environment, error::ConfigError, flags::Flags, layers, secret::Secret,
    setting_texts::SettingTexts, settings::Config,
};

/// Name of the configuration file in the data folder.
pub(crate) const FILE_NAME: &str = "witness-server.toml";

impl Config {
    /// Reads and validates all layers. `file` is the one of `--config`.
    ///
    /// # Errors
    /// Fails if a file cannot be read, a name is unknown, a value is out of range, or two settings
    /// contradict each other.
    pub fn load(file: Option<&Path>, environment: &Environment, flags: &Flags) -> Result<Self, ConfigError> {
        let mut texts = SettingTexts::default();
        if let Some(path) = find_file(file, environment, flags)? {
            layers::add_file(&mut texts, &path)?;
        }
        layers::add_environment(&mut texts, environment)?;
        layers::add_flags(&mut texts, flags);
        let mut config = Self::parse(&texts)?.checked()?;
        config.warnings = environment.unknown_names();
        Ok(config)
    }

    /// Reads the text of a file over the defaults; for tests of the decoders.
    ///
    /// # Errors
    /// Those of [`load`](Self::load).
    #[cfg(any(test, feature = "testing"))]
    #[doc(hidden)]
    pub fn of_toml(text: &str) -> Result<Self, ConfigError> {
        let mut texts = SettingTexts::default();
        layers::add_text(&mut texts, Path::new(FILE_NAME), text)?;
        Self::parse(&texts)?.checked()
    }

    /// Reads the files of the secrets and compares settings with each other.
    fn checked(mut self) -> Result<Self, ConfigError> {
        if let Some(path) = &self.secret_file {
            self.set_once(["secret", "secret_file"], self.secret.is_some())?;
            self.secret = Some(Secret::of_file("secret_file", path)?);
        }
        if let Some(path) = &self.operator_token_file {
            self.set_once(["operator_token", "operator_token_file"], self.operator_token.is_some())?;
            self.operator_token = Some(Secret::of_file("operator_token_file", path)?);
        }
        if let Some(path) = &self.node_password_file {
            // Each connection reads it again, so that the password can be changed while the server
            // runs.
            Secret::of_file("node_password_file", path)?;
        }
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            return Err(ConfigError::HalfOfTls);
        }
        if self.node.is_some() && self.aggregate.is_some() {
            return Err(ConfigError::AggregateWithNode);
        }
        if self.listen == self.admin_listen && self.listen.port() != 0 {
            return Err(ConfigError::SameAddress(self.listen));
        }
        if self.prover_heartbeat_interval >= self.gone_timeout {
            return Err(ConfigError::HeartbeatTooSlow {
                heartbeat: self.prover_heartbeat_interval,
                gone: self.gone_timeout,
            });
        }
        Ok(self)
    }

    /// Refuses a secret that is given as text besides its file.
    fn set_once(&self, settings: [&'static str; 2], has_text: bool) -> Result<(), ConfigError> {
        let origins = || settings.map(|setting| self.origin(setting).clone());
        if has_text { Err(ConfigError::SecretTwice { settings, origins: origins() }) } else { Ok(()) }
    }
}

/// Returns the file to read: the given one, else the one in the data folder that the flags or the
/// environment name.
fn find_file(
    file: Option<&Path>,
    environment: &Environment,
    flags: &Flags,
) -> Result<Option<PathBuf>, ConfigError> {
    if let Some(path) = file {
        return Ok(Some(path.to_owned()));
    }
    if let Some(path) = environment.config_file() {
        return Ok(Some(path));
    }
    let mut outer = SettingTexts::default();
    layers::add_environment(&mut outer, environment)?;
    layers::add_flags(&mut outer, flags);
    let Some(folder) = outer.get("data_dir") else { return Ok(None) };
    let path = Path::new(&folder.text).join(FILE_NAME);
    match path.try_exists() {
        Ok(exists) => Ok(exists.then_some(path)),
        // The data folder is a file, or it is no path at all, or this user may not enter it, which
        // the command reports.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied)
                || error.raw_os_error().is_none() =>
        {
            Ok(None)
        }
        Err(cause) => Err(ConfigError::Unreadable { path, cause }),
    }
}
