//! The environment variables that can set something.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use super::{
    error::ConfigError,
    names::nearest,
    setting::{ENV_PREFIX, Setting},
    settings::SETTINGS,
};

/// The variable that names the configuration file. It is not a setting, because it decides where
/// settings are read from.
pub(crate) const CONFIG_ENV: &str = "WITNESS_SERVER_CONFIG";

/// Prefixes of variables of this program and of the reference: an unknown variable with one of them
/// may be a typing error.
const KNOWN_PREFIXES: [&str; 6] = [
    ENV_PREFIX,
    "API_PROVER_",
    "API_PROMETHEUS_",
    "PROVER_CORE_",
    "PROVER_WITNESS_GENERATOR_",
    "PROVER_PROVER_",
];

/// Environment variables, as a value so that tests need not change those of their process.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
}

impl Environment {
    /// Returns the variables of this process.
    pub fn of_process() -> Self {
        let unicode = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        Self::from_pairs(std::env::vars_os().filter_map(unicode))
    }

    /// Returns the given variables. Empty ones count as absent.
    pub fn from_pairs<N: Into<String>, V: Into<OsString>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into()));
        let mut variables: BTreeMap<String, OsString> = pairs.collect();
        variables.retain(|name, value| !value.is_empty() && !is_service_link(name, value));
        Self { variables }
    }

    /// Returns the file that [`CONFIG_ENV`] names.
    pub(super) fn config_file(&self) -> Option<PathBuf> {
        self.variables.get(CONFIG_ENV).map(PathBuf::from)
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        match self.variables.get(name) {
            None => Ok(None),
            Some(value) => value.to_str().map(Some).ok_or_else(|| ConfigError::NotText(name.to_owned())),
        }
    }

    /// Returns a warning for each variable that looks like one of a setting and is not. It is not
    /// an error: an image or a compose file may use the same prefix for variables of its own.
    pub(super) fn unknown_names(&self) -> Vec<String> {
        let mut names: Vec<String> = SETTINGS.iter().map(Setting::own_variable).collect();
        names
            .extend(SETTINGS.iter().filter_map(|setting| setting.reference).map(|(name, _)| name.to_owned()));
        names.push(CONFIG_ENV.to_owned());
        let ours = |name: &&String| KNOWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let unknown = self.variables.keys().filter(ours).filter(|name| !names.contains(name));
        let warning = |name: &String| {
            format!("the variable {name} sets nothing; the nearest setting has {}", nearest(name, &names))
        };
        unknown.map(warning).collect()
    }
}

/// Returns true for a variable that Kubernetes sets for a service with a name like ours, such as
/// `API_PROVER_PORT=tcp://10.0.0.1:80`.
fn is_service_link(name: &str, value: &OsStr) -> bool {
    let schemes = ["tcp://", "udp://", "sctp://"];
    let scheme = value.to_str().is_some_and(|text| schemes.iter().any(|scheme| text.starts_with(scheme)));
    let mut after_port = name.split("_PORT_").skip(1);
    let numbered_port = after_port.any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    scheme || numbered_port || name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT")
}
