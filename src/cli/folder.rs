//! Opening a data folder for a command, without a server.

use std::{fs, os::unix::fs::MetadataExt, path::Path, sync::Arc};

use tracing::warn;

use super::error::CliError;
use crate::{
    config::Config,
    service::{self, StartError, node_options},
    store::{Store, StoreError, leftovers},
    workers::Node,
};

/// Opens a data folder that exists.
///
/// # Errors
/// [`CliError::DataFolder`].
pub(crate) fn open_existing(config: &Config, folder: &Path) -> Result<Arc<Store>, CliError> {
    check_exists(folder)?;
    warn_of_owner(folder);
    service::open_store(config, folder).map_err(unopened)
}

/// Opens a data folder that exists for reading only. It stays unchanged.
///
/// # Errors
/// [`CliError::DataFolder`].
pub(crate) fn look_at_existing(config: &Config, folder: &Path) -> Result<Arc<Store>, CliError> {
    check_exists(folder)?;
    service::look_at_store(config, folder).map_err(unopened)
}

fn check_exists(folder: &Path) -> Result<(), CliError> {
    let failed = |source| unopened(StoreError::Folder { dir: folder.into(), source });
    let exists = |path: &Path| path.try_exists().map_err(failed);
    let has_kv = leftovers::has_kv(folder).map_err(unopened)?;
    leftovers::check_not_restoring(folder).map_err(unopened)?;
    if has_kv {
        return Ok(());
    }
    if exists(&folder.join("journal"))? {
        return Err(CliError::DataFolder(format!(
            "{} is damaged: its `index` is missing; run `witness-server doctor`",
            folder.display()
        )));
    }
    let what = if exists(folder)? { "is not a data folder" } else { "does not exist" };
    Err(CliError::DataFolder(format!(
        "{} {what}; check --data-dir, or create a data folder with `import` or `serve`",
        folder.display()
    )))
}

/// Returns a node over a data folder, which is created if absent. Its workers do not run.
///
/// # Errors
/// [`CliError::DataFolder`].
pub(crate) fn idle_node(config: &Config, folder: &Path) -> Result<Arc<Node>, CliError> {
    warn_of_owner(folder);
    let store = service::open_store(config, folder).map_err(unopened)?;
    Ok(Node::new(store, node_options(config)))
}

/// Warns if root is about to write into the folder of another user.
pub(crate) fn warn_of_owner(folder: &Path) {
    let is_foreign = fs::metadata(folder).is_ok_and(|found| found.uid() != 0);
    if is_foreign && rustix::process::geteuid().is_root() {
        let shown = folder.display();
        warn!(
            "this command runs as root, and {shown} belongs to another user, who cannot write the files that are created now: afterwards run `chown -R --reference={shown}/ {shown}/`"
        );
    }
}

fn unopened(error: StoreError) -> CliError {
    CliError::DataFolder(error.to_string())
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::NotFound(error.to_string()),
            StoreError::Corrupt { .. }
            | StoreError::Locked { .. }
            | StoreError::Format { .. }
            | StoreError::Folder { .. }
            | StoreError::Closed { .. }
            | StoreError::Io { .. }
            | StoreError::DiskFull
            | StoreError::InsufficientStorage { .. }
            | StoreError::Kv(_) => Self::DataFolder(error.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Store(error) => unopened(error),
            StartError::Secret(error) => error.into(),
            StartError::Keys(error) => error.into(),
            StartError::Tls(error) => error.into(),
            StartError::Bind { .. } | StartError::Address(_) | StartError::Link(_) => {
                Self::Failed(error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_space_is_a_fault_of_the_data_folder() {
        let lacking = StoreError::InsufficientStorage { free: 1, floor: 2 };
        for error in [StoreError::DiskFull, lacking] {
            assert_eq!(CliError::from(error).exit_code(), 4);
        }
    }
}
