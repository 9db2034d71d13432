//! The layers of a configuration over the defaults, each merged into the texts of the lower ones:
//! file < environment < flags.
//!
//! Values stay text until one place parses them, so that a secret of `42` is never taken for a
//! number and every error can name both the text and where it was written.

use std::path::Path;

use super::{
    environment::Environment,
    error::ConfigError,
    flags::Flags,
    names::{known, nearest},
    origin::Origin,
    setting::{Setting, Unit},
    setting_texts::SettingTexts,
    settings::SETTINGS,
};
use crate::input;

/// The host of a listener whose address has none.
const LOOPBACK: &str = "127.0.0.1";

/// Longest configuration file, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Merges a configuration file.
pub(super) fn add_file(texts: &mut SettingTexts, path: &Path) -> Result<(), ConfigError> {
    let text = input::read_text(path, MAX_FILE_BYTES)
        .map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
    add_text(texts, path, &text)
}

/// Merges the text of a configuration file.
pub(super) fn add_text(texts: &mut SettingTexts, path: &Path, text: &str) -> Result<(), ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let table: toml::Table = toml::from_str(text).map_err(|error| ConfigError::NotToml {
        path: path.to_owned(),
        line: error.span().map_or(1, |span| line_of(text, span.start)),
        cause: error.message().replace('\n', " "),
    })?;
    let origin = Origin::File(path.to_owned());
    for (name, value) in table {
        if let toml::Value::Table(inner) = &value {
            let named = |key: &String| format!("{name}_{key}");
            let is_known = |key: &String| SETTINGS.iter().any(|setting| setting.name == *key);
            let candidates = inner.keys().flat_map(|key| [named(key), key.clone()]);
            let example = candidates.into_iter().find(is_known);
            let example =
                example.unwrap_or_else(|| nearest(&name, SETTINGS.iter().map(|setting| setting.name)));
            return Err(ConfigError::Section { section: name, origin, example });
        }
        let setting = known(&name, || origin.clone())?;
        let text =
            text_of(&value).ok_or_else(|| ConfigError::WrongType { key: name, origin: origin.clone() })?;
        texts.put(setting.name, text, origin.clone());
    }
    Ok(())
}

/// Merges the environment: first the variables of the reference deployment, then our own, so that
/// ours win.
pub(super) fn add_environment(
    texts: &mut SettingTexts,
    environment: &Environment,
) -> Result<(), ConfigError> {
    for setting in SETTINGS {
        if let Some((name, unit)) = setting.reference
            && let Some(text) = environment.get(name)?
        {
            let text = convert(texts, setting, name, text, unit)?;
            texts.put(setting.name, text, Origin::Env(name.to_owned()));
        }
        let own = setting.own_variable();
        if let Some(text) = environment.get(&own)? {
            texts.put(setting.name, text.to_owned(), Origin::Env(own));
        }
    }
    Ok(())
}

/// Returns the text of a setting for the text of a reference variable.
fn convert(
    texts: &SettingTexts,
    setting: &Setting,
    variable: &str,
    text: &str,
    unit: Unit,
) -> Result<String, ConfigError> {
    let invalid = |expected: &str| ConfigError::Invalid {
        key: setting.name,
        value: format!("{text:?}"),
        origin: Origin::Env(variable.to_owned()),
        expected: expected.to_owned(),
    };
    let number = text.trim().parse::<u64>();
    match unit {
        Unit::Plain => Ok(text.to_owned()),
        Unit::Milliseconds => {
            number.map(|n| format!("{n}ms")).map_err(|_| invalid("a whole number of milliseconds"))
        }
        Unit::Seconds => number.map(|n| format!("{n}s")).map_err(|_| invalid("a whole number of seconds")),
        Unit::Port => {
            let port: u16 = text.trim().parse().map_err(|_| invalid("a port, 0 to 65535"))?;
            let lower = texts.get(setting.name).map(|sourced| sourced.text.as_str()).or(setting.default);
            let host = lower.and_then(|address| address.rsplit_once(':')).map_or(LOOPBACK, |(host, _)| host);
            Ok(format!("{host}:{port}"))
        }
    }
}

/// Merges the command line.
pub(super) fn add_flags(texts: &mut SettingTexts, flags: &Flags) {
    for (setting, text, flag) in &flags.given {
        texts.put(setting, text.clone(), Origin::Flag(flag.clone()));
    }
}

/// Returns the text that a TOML value would have in the environment.
fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Array(items) => {
            let numbers: Option<Vec<String>> =
                items.iter().map(|item| item.as_integer().map(|n| n.to_string())).collect();
            numbers.map(|numbers| numbers.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
