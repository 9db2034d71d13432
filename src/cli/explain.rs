//! `explain`: why something is not done yet.

use clap::{Args, Subcommand};

use super::source::{Source, now_ms};
use super::table::text;
use super::{CliError, TargetArgs, show};
use crate::{api::paths, config::Config, report};

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// What to look at
    #[command(flatten)]
    pub target: TargetArgs,
    /// What to explain
    #[command(subcommand)]
    pub item: Item,
}

/// What to explain.
#[derive(Debug, Subcommand)]
pub enum Item {
    /// Say in a paragraph what a block waits for
    Block {
        /// The block's number
        number: u32,
        /// Print the JSON of the API
        #[arg(long)]
        json: bool,
    },
}

/// Explains.
///
/// # Errors
/// See [`CliError`].
pub fn run(args: &ExplainArgs, config: &Config) -> Result<(), CliError> {
    let source = Source::open(&args.target, config)?;
    let Item::Block { number, json } = &args.item;
    let route = paths::explain(*number);
    let explanation = source.read(&route, |store| report::explain(store, *number, now_ms()))?;
    if *json {
        return show(&explanation.to_string());
    }
    // Of a folder nothing is under way, whatever is to be done next.
    let stopped = match source {
        Source::Folder(_) => " Nothing of this happens until a server runs on the folder.",
        Source::Server(_) => "",
    };
    show(&format!("{}{stopped}", text(&explanation["text"])))
}
