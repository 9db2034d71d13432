//! `explain`: why a block is not proven yet.

use clap::{Args, Subcommand};

use super::block_number::block_number;
use super::error::CliError;
use super::flags;
use super::text_table::text;
use super::view_source::{ViewSource, now_ms};
use crate::{api::paths, api::views::Explanation, config::Config, report};

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(args = flags::of_target(), override_usage = "witness-server explain block <NUMBER> [OPTIONS]")]
pub(crate) struct ExplainArgs {
    /// What to explain
    #[command(subcommand)]
    pub subject: ExplainSubject,
}

/// What to explain.
#[derive(Debug, Subcommand)]
pub(crate) enum ExplainSubject {
    /// Print in a paragraph what a block waits for
    Block {
        /// The block's number
        #[arg(value_parser = block_number)]
        number: u32,
        /// Print the JSON of the API
        #[arg(short, long)]
        json: bool,
    },
}

/// Prints the explanation.
///
/// # Errors
/// Fails if the target cannot be read.
pub(crate) fn run(args: &ExplainArgs, config: &Config) -> Result<(), CliError> {
    let source = ViewSource::open(config)?;
    let ExplainSubject::Block { number, json } = args.subject;
    let stopped = match source {
        ViewSource::Folder(_) => " Nothing changes until a server runs on the folder.",
        ViewSource::Server(_) => "",
    };
    let paragraph = |explanation: &Explanation| format!("{}{stopped}", text(Some(&explanation.text)));
    source.print(&paths::explain(number), json, |store| report::explain(store, number, now_ms()), paragraph)
}
