//! The four layers of a configuration, merged as text: defaults < file < environment < flags.
//!
//! Values stay text until one place parses them, so that a secret of `42` is never taken for a number and every error
//! can name both the text and where it was written.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use super::{
    ConfigError,
    keys::{CONFIG_ENV, KEYS, KNOWN_PREFIXES, Key, Unit, find, nearest},
};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: the built-in default.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// Settings given on the command line, as text.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    given: Vec<(&'static str, String, String)>,
}

impl Flags {
    /// No flags.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the value of a flag such as `--data-dir`, if it was given.
    pub fn add(&mut self, key: &'static str, flag: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.given.push((key, value.to_owned(), flag.to_owned()));
        }
    }

    /// Adds a `--set key=value`.
    ///
    /// # Errors
    /// An unknown key, a missing `=`, or an attempt to pass the secret.
    pub fn set(&mut self, assignment: &str) -> Result<(), ConfigError> {
        let (name, value) =
            assignment.split_once('=').ok_or_else(|| ConfigError::SetWithoutValue(assignment.to_owned()))?;
        let key = known(name.trim(), || Origin::Flag("--set".to_owned()))?;
        if key.kind == super::keys::Kind::Secret {
            return Err(ConfigError::SecretOnCommandLine);
        }
        self.given.push((key.name, value.trim().to_owned(), "--set".to_owned()));
        Ok(())
    }
}

/// A value and where it came from.
#[derive(Debug, Clone)]
pub(super) struct Sourced {
    pub value: String,
    pub origin: Origin,
}

/// The merged values, by key.
#[derive(Debug, Default)]
pub(super) struct Layers {
    values: BTreeMap<&'static str, Sourced>,
}

impl Layers {
    /// A stack that holds the defaults.
    pub fn with_defaults() -> Self {
        let mut layers = Self::default();
        for key in KEYS {
            if let Some(value) = key.default {
                layers.put(key.name, value.to_owned(), Origin::Default);
            }
        }
        layers
    }

    pub fn get(&self, key: &str) -> Option<&Sourced> {
        self.values.get(key)
    }

    fn put(&mut self, key: &'static str, value: String, origin: Origin) {
        self.values.insert(key, Sourced { value, origin });
    }

    /// Lays a configuration file on top.
    pub fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
        self.add_text(path, &text)
    }

    /// Lays the text of a configuration file on top.
    pub fn add_text(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let table: toml::Table = toml::from_str(text).map_err(|error| ConfigError::NotToml {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            cause: error.message().replace('\n', " "),
        })?;
        let origin = Origin::File(path.to_owned());
        for (name, value) in table {
            let key = known(&name, || origin.clone())?;
            let value = text_of(&value)
                .ok_or_else(|| ConfigError::WrongKind { key: name, origin: origin.clone() })?;
            self.put(key.name, value, origin.clone());
        }
        Ok(())
    }

    /// Lays the environment on top: first the names of the reference deployment, then our own, so that ours win.
    /// An empty variable counts as absent.
    pub fn add_env(&mut self, env: &Environment) -> Result<(), ConfigError> {
        env.check_names()?;
        for key in KEYS {
            for (name, unit) in key.reference_env {
                if let Some(value) = env.get(name)? {
                    let value = self.convert(key, name, value, *unit)?;
                    self.put(key.name, value, Origin::Env((*name).to_owned()));
                }
            }
            let own = key.own_env();
            if let Some(value) = env.get(&own)? {
                self.put(key.name, value.to_owned(), Origin::Env(own));
            }
        }
        Ok(())
    }

    fn convert(&self, key: &Key, name: &str, value: &str, unit: Unit) -> Result<String, ConfigError> {
        let invalid = |expected: &str| ConfigError::Invalid {
            key: key.name,
            value: format!("{value:?}"),
            origin: Origin::Env(name.to_owned()),
            expected: expected.to_owned(),
        };
        let number = value.trim().parse::<u64>();
        match unit {
            Unit::Plain => Ok(value.to_owned()),
            Unit::Milliseconds => {
                number.map(|n| format!("{n}ms")).map_err(|_| invalid("a whole number of milliseconds"))
            }
            Unit::Seconds => {
                number.map(|n| format!("{n}s")).map_err(|_| invalid("a whole number of seconds"))
            }
            Unit::Port => {
                let port: u16 = value.trim().parse().map_err(|_| invalid("a port, 0 to 65535"))?;
                let address = self.get(key.name).map_or("", |sourced| sourced.value.as_str());
                let host = address.rsplit_once(':').map_or("127.0.0.1", |(host, _)| host);
                Ok(format!("{host}:{port}"))
            }
        }
    }

    /// Lays the command line on top.
    pub fn add_flags(&mut self, flags: &Flags) {
        for (key, value, flag) in &flags.given {
            self.put(key, value.clone(), Origin::Flag(flag.clone()));
        }
    }
}

/// The environment variables of a process, as an argument so that tests need not change their own.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
}

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        Self::from_pairs(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))),
        )
    }

    /// The given variables.
    pub fn from_pairs<N: Into<String>, V: Into<OsString>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut variables: BTreeMap<String, OsString> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        variables.retain(|name, value| !value.is_empty() && !is_service_link(name, value));
        Self { variables }
    }

    /// The file named by [`CONFIG_ENV`].
    pub(super) fn config_file(&self) -> Option<PathBuf> {
        self.variables.get(CONFIG_ENV).map(PathBuf::from)
    }

    fn get(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        match self.variables.get(name) {
            None => Ok(None),
            Some(value) => value.to_str().map(Some).ok_or_else(|| ConfigError::NotText(name.to_owned())),
        }
    }

    fn check_names(&self) -> Result<(), ConfigError> {
        let mut names: Vec<String> = KEYS.iter().map(Key::own_env).collect();
        names.extend(KEYS.iter().flat_map(|key| key.reference_env).map(|(name, _)| (*name).to_owned()));
        names.push(CONFIG_ENV.to_owned());
        for name in self.variables.keys() {
            let ours = KNOWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            if ours && !names.contains(name) {
                return Err(ConfigError::UnknownKey {
                    key: name.clone(),
                    origin: Origin::Env(name.clone()),
                    nearest: nearest(name, &names),
                });
            }
        }
        Ok(())
    }
}

/// Whether Kubernetes put the variable there because a service has our name (`API_PROVER_PORT=tcp://10.0.0.1:80`).
fn is_service_link(name: &str, value: &OsString) -> bool {
    let scheme = value
        .to_str()
        .is_some_and(|text| ["tcp://", "udp://", "sctp://"].iter().any(|scheme| text.starts_with(scheme)));
    let numbered_port =
        name.split("_PORT_").skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    scheme || numbered_port || name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT")
}

fn known(name: &str, origin: impl FnOnce() -> Origin) -> Result<&'static Key, ConfigError> {
    find(name).ok_or_else(|| ConfigError::UnknownKey {
        key: name.to_owned(),
        origin: origin(),
        nearest: nearest(name, KEYS.iter().map(|key| key.name)),
    })
}

/// A TOML value as the text that the same setting would have in the environment.
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
