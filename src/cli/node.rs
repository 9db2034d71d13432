//! `node`: the database of the node.

use clap::{Args, Subcommand};

use super::error::CliError;
use super::flags;
use super::output::show_lines;
use super::runtime::runtime;
use crate::{
    config::Config,
    node::{self, ChainNumbers, DatabaseReport, LinkOptions},
};

/// Settings of the database.
pub(crate) const FLAGS: [&str; 1] = ["node"];

/// Arguments of `node`.
#[derive(Debug, Args)]
#[command(args = flags::of_settings(&FLAGS).map(|flag| flag.global(true)))]
pub(crate) struct NodeArgs {
    /// What to do with the database
    #[command(subcommand)]
    pub action: NodeAction,
}

/// What to do with the database.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeAction {
    /// Check version, tables and permissions of the node's database, and show where its chain
    /// stands
    Check,
}

/// Checks the database of the node.
///
/// # Errors
/// Fails if the database cannot be reached, and if a role, version or permission does not fit.
pub(crate) fn run(args: &NodeArgs, config: &Config) -> Result<(), CliError> {
    let NodeAction::Check = args.action;
    let options = link_options(config)?;
    let report = runtime()?.block_on(node::check(&options))?;
    show_lines(&text(&report))?;
    match report.faults.len() {
        0 => Ok(()),
        count => Err(CliError::Failed(format!(
            "the node's database cannot be used (faults: {count}); fix them as shown above, then check again"
        ))),
    }
}

/// Returns the options of the configured database.
///
/// # Errors
/// [`CliError::Usage`] if none is configured.
pub(crate) fn link_options(config: &Config) -> Result<LinkOptions, CliError> {
    LinkOptions::of(config).ok_or_else(|| {
        let offer = match std::env::var_os("DATABASE_URL") {
            Some(_) => "; DATABASE_URL is set: --node \"$DATABASE_URL\" uses it",
            None => "",
        };
        CliError::Usage(format!("no database of a node is given; pass --node URL{offer}"))
    })
}

fn text(report: &DatabaseReport) -> String {
    let DatabaseReport { version, database, role, tls, faults, chain } = report;
    let tls = tls.as_deref().unwrap_or("no TLS");
    let mut lines = vec![format!("PostgreSQL {version}, database {database}, role {role}, {tls}")];
    if let Some(ChainNumbers { oldest, newest, verified, confirmed, proven, aggregated }) = chain {
        lines.push(format!("blocks              {oldest} to {newest}"));
        lines.push(format!("executed            up to {verified}, confirmed up to {confirmed}"));
        lines.push(format!("proofs              up to {proven}, aggregated up to {aggregated}"));
    }
    for fault in faults {
        lines.push(format!("fault: {}", fault.message));
        lines.extend(fault.statement.iter().map(|statement| format!("  {statement}")));
    }
    if faults.is_empty() {
        lines.push("this role can read and write everything that is needed".to_owned());
    }
    lines.join("\n")
}
