//! The text of `--version`.

use crate::backup;
use crate::bundle;
use crate::crypto::rescue;
use crate::store;

/// Describes this program: version, commit if the build knows it, hash engine of this processor, and
/// the formats that it writes.
pub(crate) fn description() -> String {
    // Set by the release workflow.
    let commit = option_env!("WITNESS_SERVER_COMMIT").map(|commit| format!("\ncommit {commit}"));
    format!(
        "{}{}\nhash engine {}\nformats: data folder {}, backup {}, bundle {}",
        env!("CARGO_PKG_VERSION"),
        commit.unwrap_or_default(),
        rescue::engine(),
        store::FORMAT,
        backup::FORMAT,
        bundle::FORMAT,
    )
}
