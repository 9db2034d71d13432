//! Settings of a server in this process that differ from those of `serve`.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::cli::error::CliError;
use crate::config::{Config, Origin};

/// Default aggregate sizes: with 1 among them every block is aggregated.
const AGGREGATE: [usize; 2] = [1, 4];
/// Default of the time that a block waits for a larger aggregate: short, because no blocks follow
/// the end of the chain.
const AGGREGATE_DEADLINE: Duration = Duration::from_millis(200);

/// Makes the server aggregate every block, the last ones of the chain without a long wait.
pub(crate) fn aggregate_all(config: &mut Config) {
    config.aggregate = Some(AGGREGATE.to_vec());
    if *config.origin("aggregate_deadline") == Origin::Default {
        config.aggregate_deadline = AGGREGATE_DEADLINE;
    }
}

/// The data folder of a run.
pub(crate) struct DataFolder {
    /// Its path.
    pub path: PathBuf,
    /// Removes the folder when dropped, if it is temporary.
    pub temporary: Option<TempDir>,
}

impl DataFolder {
    /// Returns the folder of `--data-dir`, or else a temporary one: a folder of the environment or
    /// of a file belongs to another server.
    ///
    /// # Errors
    /// [`CliError::DataFolder`] if no temporary folder can be created.
    pub(crate) fn choose(config: &mut Config, command: &str) -> Result<Self, CliError> {
        if let (Some(path), Origin::Flag(_)) = (&config.data_dir, config.origin("data_dir")) {
            return Ok(Self { path: path.clone(), temporary: None });
        }
        let prefix = format!("witness-server-{command}-");
        let temporary = tempfile::Builder::new().prefix(&prefix).tempdir().map_err(|error| {
            CliError::DataFolder(format!(
                "cannot create a temporary folder: {error}; name one with --data-dir"
            ))
        })?;
        let path = temporary.path().to_owned();
        config.data_dir = Some(path.clone());
        Ok(Self { path, temporary: Some(temporary) })
    }
}
