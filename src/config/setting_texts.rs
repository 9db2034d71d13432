//! The texts of the settings that are set somewhere, each with its origin.

use std::collections::BTreeMap;

use super::{error::ConfigError, origin::Origin};

/// The text of a setting and its origin.
pub(super) struct Sourced {
    pub text: String,
    pub origin: Origin,
}

/// The texts of the settings that are set somewhere, by name; the others have their defaults.
#[derive(Default)]
pub(super) struct SettingTexts {
    by_name: BTreeMap<&'static str, Sourced>,
}

impl SettingTexts {
    pub(crate) fn get(&self, name: &str) -> Option<&Sourced> {
        self.by_name.get(name)
    }

    /// Replaces the text of a setting.
    pub(crate) fn put(&mut self, name: &'static str, text: String, origin: Origin) {
        self.by_name.insert(name, Sourced { text, origin });
    }

    /// Returns the value of a setting, or `None` if it has no text.
    pub(crate) fn optional<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        self.get(name).map(|sourced| value(name, sourced, parse)).transpose()
    }

    /// Returns the value of a setting that has a default.
    pub(crate) fn required<T>(
        &self,
        name: &'static str,
        default: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let default = || Sourced { text: default.to_owned(), origin: Origin::Default };
        match self.get(name) {
            Some(sourced) => value(name, sourced, parse),
            None => value(name, &default(), parse),
        }
    }
}

fn value<T>(
    key: &'static str,
    sourced: &Sourced,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, ConfigError> {
    parse(&sourced.text).map_err(|expected| ConfigError::Invalid {
        key,
        // It may contain a password.
        value: if key == "node" { "…".to_owned() } else { format!("{:?}", sourced.text) },
        origin: sourced.origin.clone(),
        expected,
    })
}
