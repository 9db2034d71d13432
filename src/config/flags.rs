//! Settings given on the command line, as text.

use super::{error::ConfigError, names::known, origin::Origin, setting::Form};

/// Settings given on the command line, as text. Later ones win.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// Name of the setting, its text, the flag.
    pub(super) given: Vec<(&'static str, String, String)>,
}

impl Flags {
    /// Returns no flags.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the value that a flag such as `--data-dir` gives a setting.
    pub fn add(&mut self, setting: &'static str, flag: &str, value: &str) {
        self.given.push((setting, value.to_owned(), flag.to_owned()));
    }

    pub(crate) fn extend(&mut self, others: &Self) {
        self.given.extend_from_slice(&others.given);
    }

    /// Adds a `--set key=value`.
    ///
    /// # Errors
    /// Fails if the key is unknown, if `=` is missing, and if the setting is a secret.
    pub fn set(&mut self, assignment: &str) -> Result<(), ConfigError> {
        let lacking = || ConfigError::SetWithoutValue(assignment.to_owned());
        let (name, value) = assignment.split_once('=').ok_or_else(lacking)?;
        let setting = known(name.trim(), || Origin::Flag("--set".to_owned()))?;
        if setting.form == Form::Secret {
            return Err(ConfigError::SecretOnCommandLine);
        }
        self.add(setting.name, "--set", value.trim());
        Ok(())
    }
}
