//! `revert`: a data folder back to an earlier block.

use clap::Args;

use super::{CliError, DataDirArgs};
use crate::config::Config;

/// Arguments of `revert`.
#[derive(Debug, Args)]
pub struct RevertArgs {
    /// The data folder; no server may be using it
    #[command(flatten)]
    pub folder: DataDirArgs,
    /// The last block that stays
    #[arg(long, value_name = "N")]
    pub to: u32,
}

/// Removes blocks, witnesses, jobs and proofs after the block, and takes the tree back, all or nothing.
///
/// # Errors
/// See [`CliError`].
pub fn run(_args: &RevertArgs, config: &Config) -> Result<(), CliError> {
    config.require_data_dir()?;
    // TODO(integrator): open the store and revert.
    Err(CliError::NotWired("revert"))
}
