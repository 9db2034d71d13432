//! Look-up of settings by name.

use super::{error::ConfigError, origin::Origin, setting::Setting, settings::SETTINGS};

/// Returns the setting with that key, which was written at `origin`.
pub(super) fn known(name: &str, origin: impl FnOnce() -> Origin) -> Result<&'static Setting, ConfigError> {
    SETTINGS.iter().find(|setting| setting.name == name).ok_or_else(|| ConfigError::UnknownKey {
        key: name.to_owned(),
        origin: origin(),
        nearest: nearest(name, SETTINGS.iter().map(|setting| setting.name)),
    })
}

/// Returns the one of `names` that is closest to `name`.
pub(super) fn nearest<S: AsRef<str>>(name: &str, names: impl IntoIterator<Item = S>) -> String {
    let distance = |candidate: &S| strsim::damerau_levenshtein(name, candidate.as_ref());
    names.into_iter().min_by_key(distance).map_or_else(String::new, |nearest| nearest.as_ref().to_owned())
}
