//! `check`: does a file hold what it says? Needs no data folder and no server.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{CliError, show};
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
    let bytes = read(file).map_err(|error| failed(format!("{error}; check the path")))?;
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

/// One byte more than is read of a bundle shows that it is too long.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    let source: Box<dyn Read> =
        if file == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(File::open(file)?) };
    let mut bytes = Vec::new();
    source.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
