//! `check`: verifies a file, without a data folder and without a server.

use std::io::Read;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::error::CliError;
use super::input;
use super::output::show_lines;
use crate::bundle::{self, MAX_FILE, Report};
use crate::printable;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// What to check
    #[command(subcommand)]
    pub subject: CheckSubject,
}

/// What can be checked.
#[derive(Debug, Subcommand)]
pub(crate) enum CheckSubject {
    /// Replay a bundle that `export bundle` wrote, and print which checks hold
    Bundle(BundleArgs),
}

/// Arguments of `check bundle`.
#[derive(Debug, Args)]
pub(crate) struct BundleArgs {
    /// The bundle, or - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print one JSON object instead of lines
    #[arg(short, long)]
    pub json: bool,
}

/// Runs the check and prints its results.
///
/// # Errors
/// Fails if the file cannot be read, and with [`CliError::Findings`] if a check does not hold.
pub(crate) fn run(args: &CheckArgs) -> Result<(), CliError> {
    let CheckSubject::Bundle(BundleArgs { file, json }) = &args.subject;
    let failed = |reason: String| CliError::Failed(format!("{}: {reason}", file.display()));
    let mut bytes = Vec::new();
    // One byte more than the maximum shows that the file is too long.
    let read = input::open_or_stdin(file)?.take(MAX_FILE + 1).read_to_end(&mut bytes);
    read.map_err(|error| failed(format!("{error}; check the file")))?;
    let report = bundle::check(&bytes).map_err(|error| failed(error.to_string()))?;
    show_lines(&text(&report, *json))?;
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
    report.lines.iter().map(|line| format!("{}\n", printable::line(&line.to_string()))).collect()
}
