//! The `witness-server` binary: parse the command line, run the command, report.

// Who closes standard error must not make a panic of an exit code.
#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use clap::Parser;
use zksync_witness_server::{
    app,
    cli::{Cli, tell},
};

fn main() -> ExitCode {
    match app::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("witness-server: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}
