//! `revert`: reverts a data folder to an earlier block.

use std::io::{IsTerminal, stderr, stdin};

use clap::Args;

use super::block_number::block_number;
use super::error::CliError;
use super::output::{show, tell};
use super::{flags, folder};
use crate::{
    config::Config,
    domain::AggregatedAction,
    store::{RevertReport, Store},
};

/// Arguments of `revert`.
#[derive(Debug, Args)]
#[command(args = flags::of_stopped_folder())]
pub(crate) struct RevertArgs {
    /// The last block that stays
    #[arg(long, value_name = "N", value_parser = block_number)]
    pub to: u32,
    /// Print what would be removed, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask for confirmation on a terminal
    #[arg(short, long)]
    pub yes: bool,
}

/// Removes blocks, witnesses, jobs and proofs after a block and reverts the account tree, all or
/// nothing.
///
/// # Errors
/// Fails if the folder cannot be opened, if the block is out of reach, or if the confirmation is
/// refused.
pub(crate) fn run(args: &RevertArgs, config: &Config) -> Result<(), CliError> {
    let folder = config.require_data_dir()?;
    if args.dry_run {
        return show(&removed(&*folder::look_at_existing(config, folder)?, args.to)?);
    }
    let asks = !args.yes && stdin().is_terminal() && stderr().is_terminal();
    if asks && !confirmed(&removed(&*folder::look_at_existing(config, folder)?, args.to)?) {
        return Err(CliError::Failed("not confirmed; nothing was changed".to_owned()));
    }
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

/// Describes the items that a revert to a block removes.
fn removed(store: &Store, to: u32) -> Result<String, CliError> {
    let (head, proven) =
        (store.chain().head()?, store.chain().last_block_of(AggregatedAction::CreateProofBlocks)?);
    if to >= head {
        return Ok(format!("block {head} is the last one: no block is removed"));
    }
    let aggregated = match proven > to {
        true => format!(", and the aggregated operations after block {to}, which reach block {proven}"),
        false => String::new(),
    };
    Ok(format!(
        "a revert to block {to} removes the blocks {} to {head} with their witnesses, jobs and proofs{aggregated}",
        to.saturating_add(1)
    ))
}

/// Asks for a confirmation on the terminal.
fn confirmed(what: &str) -> bool {
    tell(&format!("{what}. Type yes to continue:"));
    let mut answer = String::new();
    stdin().read_line(&mut answer).is_ok() && answer.trim().eq_ignore_ascii_case("yes")
}
