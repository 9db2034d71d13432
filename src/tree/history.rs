//! The values of one leaf or node over the versions of a block.

use super::shape::Version;

/// Values in ascending order of the version in which each becomes valid. A value is valid until the
/// next one.
pub(super) type History<T> = Vec<(Version, T)>;

/// Returns the value in a version, or `None` if the first value becomes valid later.
pub(super) fn value_at<T: Copy>(history: &[(Version, T)], version: Version) -> Option<T> {
    let after = history.partition_point(|(from, _)| *from <= version);
    after.checked_sub(1).map(|last| history[last].1)
}

/// Appends a value, or replaces the last value if it has the same version (several updates of one
/// leaf within a version).
pub(super) fn append<T>(history: &mut History<T>, version: Version, value: T) {
    match history.last_mut() {
        Some(last) if last.0 == version => last.1 = value,
        _ => history.push((version, value)),
    }
}

/// Removes the values that equal the one before them; `before` is the value in version 0.
pub(super) fn drop_repeats<T: PartialEq + Copy>(history: &mut History<T>, before: &T) {
    let mut current = *before;
    history.retain(|(_, value)| std::mem::replace(&mut current, *value) != *value);
}

/// Sorts versions and removes duplicates.
pub(super) fn distinct(versions: impl Iterator<Item = Version>) -> Vec<Version> {
    let mut versions: Vec<Version> = versions.collect();
    versions.sort_unstable();
    versions.dedup();
    versions
}
