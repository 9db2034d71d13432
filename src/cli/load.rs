//! `bench load`: many provers at once against a server of its own.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{CliError, duration, show};
use crate::bench::load::{self, LoadOptions};

/// Arguments of `bench load`.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Provers, each with a connection of its own that is kept alive
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub connections: u32,
    /// How long, such as 60s or 1h; the first quarter, at most a minute, is warm-up and not measured
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub duration: Duration,
    /// Pause of a prover between two heartbeats, such as 100ms [default: none, a tight loop]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub heartbeat_interval: Option<Duration>,
    /// A new data folder, on the disk to be measured; it is kept [default: a temporary one, removed]
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Print one JSON document instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Bears the load and prints what it came to; `server` is the `witness-server` binary.
///
/// # Errors
/// When the server does not start or ends, loses anything it has acknowledged, or answers what it should not.
pub fn run(args: &LoadArgs, server: PathBuf) -> Result<(), CliError> {
    let options = LoadOptions {
        connections: args.connections as usize,
        duration: args.duration,
        heartbeat_interval: args.heartbeat_interval.unwrap_or_default(),
        data_dir: args.data_dir.clone(),
        scratch: std::env::temp_dir(),
        server,
    };
    let report =
        load::run(options).map_err(|error| CliError::Failed(format!("the load ended early: {error:#}")))?;
    show(&if args.json { report.json().to_string() } else { report.to_string() })?;
    match report.complaint() {
        None => Ok(()),
        Some(complaint) => Err(CliError::Failed(format!("the load was not borne: {complaint}"))),
    }
}
