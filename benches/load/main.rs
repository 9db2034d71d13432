//! Runs the load test against a server process and prints rates, latencies, memory, and whether
//! everything acknowledged is stored at the end:
//!
//!     cargo bench --bench load -- [--connections N] [--duration TIME] [--data-dir FOLDER] [--json]
//!
//! or the rate of transfers that a devnet takes over JSON-RPC:
//!
//!     cargo bench --bench load -- devnet [--senders N] [--transfers N] [--json]

#[path = "mod.rs"]
mod load;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use load::LoadOptions;
use load::devnet::{self, DevnetOptions};

/// Runs many concurrent provers against a server, for a given time
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Another load
    #[command(subcommand)]
    other: Option<Other>,
    /// Number of provers, each with a persistent connection of its own
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    connections: u32,
    /// Duration, such as 60s or 1h; the first quarter, at most a minute, is the warm-up
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// Time between two heartbeats of a prover, such as 100ms [default: none, a tight loop]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    heartbeat_interval: Option<Duration>,
    /// New data folder on the disk to measure, which is kept [default: a temporary one, removed]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Print one JSON document instead of tables
    #[arg(long)]
    json: bool,
    /// Added by cargo
    #[arg(long = "bench", hide = true, global = true)]
    _by_cargo: bool,
}

#[derive(Subcommand)]
enum Other {
    /// Send transfers to a devnet over JSON-RPC
    Devnet {
        /// Number of accounts that send, each over a connection of its own
        #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
        senders: u32,
        /// Number of transfers of each
        #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        transfers: u32,
        /// Print one JSON document instead of text
        #[arg(long)]
        json: bool,
    },
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(Other::Devnet { senders, transfers, json }) = arguments.other {
        let server = env!("CARGO_BIN_EXE_witness-server").into();
        let report = devnet::run(&DevnetOptions { senders, transfers, server })?;
        println!("{}", if json { serde_json::to_string(&report)? } else { report.to_string() });
        return Ok(());
    }
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
        Some(complaint) => anyhow::bail!("the load test failed: {complaint}"),
    }
}
