//! `revert`: a data folder back to an earlier block.

use clap::Args;

use super::{CliError, DataDirArgs, folder, show};
use crate::{config::Config, store::RevertReport};

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
pub fn run(args: &RevertArgs, config: &Config) -> Result<(), CliError> {
    let store = folder::open_existing(config, config.require_data_dir()?)?;
    let RevertReport { blocks, witnesses, jobs, proofs, aggregated_proofs, aggregated_operations } =
        store.revert(args.to)?;
    show(&format!(
        "back at block {}; removed {blocks} blocks, {witnesses} witnesses, {jobs} jobs, {proofs} proofs, \
         {aggregated_proofs} aggregated proofs, {aggregated_operations} aggregated operations",
        args.to
    ))
}
