//! `check`: does a file hold what it says? Needs no data folder and no server.

use std::io::Read;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CliError, input, show};
use crate::bundle::{self, MAX_FILE, Report};

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// What to check
    #[command(subcommand)]
    pub item: CheckItem,
}

/// What can be checked.
#[derive(Debug, Subcommand)]
pub enum CheckItem {
    /// Replay a bundle that `export bundle` wrote, and say line by line what holds
    Bundle(BundleArgs),
}

/// Arguments of `check bundle`.
#[derive(Debug, Args)]
pub struct BundleArgs {
    /// The bundle, or - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print one JSON object instead of lines
    #[arg(long)]
    pub json: bool,
}

/// Checks.
///
/// # Errors
/// See [`CliError`]; [`CliError::Findings`] when something does not hold.
pub fn run(args: &CheckArgs) -> Result<(), CliError> {
    let CheckItem::Bundle(BundleArgs { file, json }) = &args.item;
    let failed = |words: String| CliError::Failed(format!("{}: {words}", file.display()));
    let mut bytes = Vec::new();
    // One byte more than is read of a bundle shows that it is too long.
    let read = input::open_or_stdin(file)?.take(MAX_FILE + 1).read_to_end(&mut bytes);
    read.map_err(|error| failed(format!("{error}; check the file")))?;
    let report = bundle::check(&bytes).map_err(|error| failed(error.to_string()))?;
    show(&text(&report, *json))?;
    match report.finding() {
        None => Ok(()),
        Some(line) => {
            let what = report.block.map_or_else(|| "the file".to_owned(), |block| format!("block {block}"));
            Err(CliError::Findings(format!("{what} does not hold: {}: {}", line.check, line.detail)))
        }
    }
}

fn text(report: &Report, json: bool) -> String {
    if json {
        return serde_json::to_string(report).unwrap_or_default();
    }
    report.lines.iter().map(|line| format!("{line}\n")).collect()
}
