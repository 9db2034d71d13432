//! Runs the load test against a server process of its own and prints rates, latencies, memory, and whether
//! everything acknowledged is stored at the end:
//!
//!     cargo bench --bench load -- [--connections N] [--duration TIME] [--data-dir FOLDER] [--json]

#[path = "mod.rs"]
mod load;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use load::LoadOptions;

/// Runs many provers at once against a server, for a set time.
#[derive(Parser)]
struct Arguments {
    /// Provers, each with a connection of its own that is kept alive
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    connections: u32,
    /// Duration, such as 60s or 1h; the first quarter, at most a minute, is warm-up and not measured
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// Time between two heartbeats of a prover, such as 100ms [default: none, a tight loop]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    heartbeat_interval: Option<Duration>,
    /// A new data folder, on the disk to be measured; it is kept [default: a temporary one, removed]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Print one JSON document instead of tables
    #[arg(long)]
    json: bool,
    /// Added by cargo
    #[arg(long = "bench", hide = true)]
    _by_cargo: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let report = load::run(LoadOptions {
        connections: arguments.connections as usize,
        duration: arguments.duration,
        heartbeat_interval: arguments.heartbeat_interval.unwrap_or_default(),
        data_dir: arguments.data_dir,
        scratch: std::env::temp_dir(),
        server: env!("CARGO_BIN_EXE_witness-server").into(),
    })?;
    println!("{}", if arguments.json { report.json().to_string() } else { report.to_string() });
    match report.complaint() {
        None => Ok(()),
        Some(complaint) => anyhow::bail!("the server did not bear the load: {complaint}"),
    }
}
