//! The `witness-server` binary: parses the command line, runs the command, reports an error.

// A closed standard error must not turn an exit code into a panic.
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
