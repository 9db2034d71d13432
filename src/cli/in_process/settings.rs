//! The settings of a server in this process, where `demo` and `run` differ from `serve`.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::cli::CliError;
use crate::config::{Config, Origin};

/// Aggregate sizes when nothing else says how blocks are aggregated: no block is left over.
const AGGREGATE: [usize; 2] = [1, 4];
/// How long a block waits for a larger aggregate then: the chain has an end, and nobody wants to wait for it.
const AGGREGATE_DEADLINE: Duration = Duration::from_millis(200);

/// Has the server aggregate every block, the last ones of the chain soon.
pub fn aggregate_all(config: &mut Config) {
    config.aggregate = AGGREGATE.to_vec();
    if *config.origin("aggregate_deadline") == Origin::Default {
        config.aggregate_deadline = AGGREGATE_DEADLINE;
    }
}

/// Where the data go.
pub struct DataFolder {
    /// The folder.
    pub path: PathBuf,
    /// Removes it in the end, if nobody named it.
    pub temporary: Option<TempDir>,
}

impl DataFolder {
    /// The folder of the command line, or else a temporary one: what the environment or a file says is the folder of another server.
    ///
    /// # Errors
    /// [`CliError::DataFolder`] when no temporary folder can be made.
    pub fn choose(config: &mut Config, command: &str) -> Result<Self, CliError> {
        if let (Some(path), Origin::Flag(_)) = (&config.data_dir, config.origin("data_dir")) {
            return Ok(Self { path: path.clone(), temporary: None });
        }
        let prefix = format!("witness-server-{command}-");
        let temporary = tempfile::Builder::new().prefix(&prefix).tempdir().map_err(|error| {
            CliError::DataFolder(format!("cannot make a temporary folder: {error}; name one with --data-dir"))
        })?;
        let path = temporary.path().to_owned();
        config.data_dir = Some(path.clone());
        Ok(Self { path, temporary: Some(temporary) })
    }
}
