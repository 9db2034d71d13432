//! `revert`: reverts a data folder to an earlier block.

use clap::Args;

use super::error::CliError;
use super::output::show;
use super::{flags, folder};
use crate::{config::Config, store::RevertReport};

/// Arguments of `revert`.
#[derive(Debug, Args)]
#[command(args = flags::of_stopped_folder())]
pub(crate) struct RevertArgs {
    /// The last block that stays
    #[arg(long, value_name = "N")]
    pub to: u32,
}

/// Removes blocks, witnesses, jobs and proofs after a block and reverts the account tree, all or
/// nothing.
///
/// # Errors
/// Fails if the folder cannot be opened, or if the block is out of reach.
pub(crate) fn run(args: &RevertArgs, config: &Config) -> Result<(), CliError> {
    let store = folder::open_existing(config, config.require_data_dir()?)?;
    let RevertReport { blocks, witnesses, unwound, jobs, proofs, aggregated_proofs, aggregated_operations } =
        match config.node_share.is_divided() {
            // Other servers build the witnesses of other blocks.
            true => store.revert(args.to)?,
            false => store.revert_and_rewind(args.to)?,
        };
    let again = match unwound {
        0 => String::new(),
        _ => format!(
            "; the account tree goes back {unwound} blocks further, to build the witnesses that are missing"
        ),
    };
    show(&format!(
        "reverted to block {}; removed {blocks} blocks, {witnesses} witnesses, {jobs} jobs, {proofs} proofs, \
         {aggregated_proofs} aggregated proofs, {aggregated_operations} aggregated operations{again}",
        args.to
    ))
}
