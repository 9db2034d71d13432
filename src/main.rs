//! The `witness-server` binary: parse the command line, run the command, report.

use std::process::ExitCode;

use clap::Parser;
use zksync_witness_server::{app, cli::Cli};

fn main() -> ExitCode {
    match app::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("witness-server: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
