//! `witness`: build what is missing, offline.

use clap::Args;

use super::{CliError, DataDirArgs};
use crate::config::Config;

/// Arguments of `witness`.
#[derive(Debug, Args)]
pub struct WitnessArgs {
    /// The data folder; no server may be using it
    #[command(flatten)]
    pub folder: DataDirArgs,
    /// Last block to build [default: the last imported one]
    #[arg(long, value_name = "N")]
    pub until: Option<u32>,
}

/// Builds every missing witness up to the given block.
///
/// # Errors
/// See [`CliError`].
pub fn run(_args: &WitnessArgs, config: &Config) -> Result<(), CliError> {
    config.require_data_dir()?;
    // TODO(integrator): open the store, run the maintainers until the block is reached or quarantined.
    Err(CliError::NotWired("witness"))
}
