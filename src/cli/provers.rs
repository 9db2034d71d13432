//! `provers`: who works, and on what.

use clap::Args;
use serde_json::Value;

use super::source::{Source, now_ms};
use super::table::{Table, age, entries, text};
use super::{CliError, TargetArgs, show};
use crate::{
    config::Config,
    server::views::{MAX_PAGE, ProverPage},
};

/// Arguments of `provers`.
#[derive(Debug, Args)]
pub struct ProversArgs {
    /// What to look at; a stopped folder knows the holders of jobs only
    #[command(flatten)]
    pub target: TargetArgs,
    /// Print the JSON of the API
    #[arg(long)]
    pub json: bool,
}

/// Lists the provers.
///
/// # Errors
/// See [`CliError`].
pub fn run(args: &ProversArgs, config: &Config) -> Result<(), CliError> {
    let source = Source::open(&args.target, config)?;
    let route = format!("/api/v1/provers?limit={MAX_PAGE}");
    let page = source.read(&route, |store| Ok(ProverPage::of(store, None, MAX_PAGE)))?;
    if args.json {
        return show(&page.to_string());
    }
    show(&table(entries(&page, "provers"), now_ms()).show("no provers seen"))
}

/// Provers as a table.
pub fn table(provers: &[Value], now_ms: u64) -> Table {
    let mut table = Table::new(&["prover", "last seen", "jobs", "proofs", "rejected"]);
    for prover in provers {
        let jobs: Vec<String> = entries(prover, "jobs").iter().map(text).collect();
        table.row(vec![
            text(&prover["name"]),
            age(&prover["last_seen_ms"], now_ms),
            if jobs.is_empty() { text(&Value::Null) } else { jobs.join(",") },
            text(&prover["proofs"]),
            text(&prover["rejected"]),
        ]);
    }
    table
}
