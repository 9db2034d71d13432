//! Every figure at full size, as `witness-server bench --full` prints them; arguments are those of that command.
//!
//!     cargo bench -- [engines] [witnesses] [genesis] [delivery] [queue] [chain] [growth] [--json] [--plots FOLDER]

use std::process::ExitCode;

use clap::Parser;
use zksync_witness_server::cli::bench::{BenchArgs, run_with};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    bench: BenchArgs,
    /// Small sizes instead
    #[arg(long)]
    quick: bool,
    /// Added by cargo
    #[arg(long = "bench", hide = true)]
    _by_cargo: bool,
}

fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    arguments.bench.full = !arguments.quick;
    match run_with(&arguments.bench, env!("CARGO_BIN_EXE_witness-server").into()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}
