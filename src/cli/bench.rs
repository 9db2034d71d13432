//! `bench`: what this machine does with this program.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum as _};

use super::{CliError, load, show};
use crate::bench::{self, Figure, Options, Part, Scale};

/// Arguments of `bench`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    /// Something else than figures
    #[command(subcommand)]
    pub command: Option<BenchCommand>,
    /// What to measure [default: everything]
    #[arg(value_enum, value_name = "PART")]
    pub parts: Vec<Part>,
    /// Full sizes, a quarter of an hour, instead of small ones: the sizes that the bounds are meant for
    #[arg(long)]
    pub full: bool,
    /// Accounts of the largest data folder
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    pub large: Option<u32>,
    /// Accounts of the tree that is built from nothing
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    pub genesis: Option<u32>,
    /// Print one JSON document instead of a table
    #[arg(long)]
    pub json: bool,
    /// Write plots of the cost of a block into this folder
    #[arg(long, value_name = "FOLDER")]
    pub plots: Option<PathBuf>,
    /// Where data folders are made and removed again [default: the system's temporary folder]
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
}

/// What `bench` does beside measuring figures.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Many provers at once against a server of its own, for a set time: rates, latencies, memory, and whether all is there at the end
    Load(load::LoadArgs),
}

/// Measures and prints; this binary is the server whose start is measured.
///
/// # Errors
/// When a measurement cannot be made, or two ways to the same result disagree. A bound that is not kept is no error: it is shown.
pub fn run(args: &BenchArgs) -> Result<(), CliError> {
    let server = std::env::current_exe().map_err(|error| {
        CliError::Failed(format!("cannot find this binary: {error}; start it by its path"))
    })?;
    run_with(args, server)
}

/// As [`run`], with this `witness-server` binary.
///
/// # Errors
/// As [`run`].
pub fn run_with(args: &BenchArgs, server: PathBuf) -> Result<(), CliError> {
    if let Some(BenchCommand::Load(load)) = &args.command {
        return load::run(load, server);
    }
    let mut scale = if args.full { Scale::FULL } else { Scale::QUICK };
    scale.large = args.large.unwrap_or(scale.large);
    scale.genesis = args.genesis.unwrap_or(scale.genesis);
    let parts = if args.parts.is_empty() { Part::value_variants().to_vec() } else { args.parts.clone() };
    let options = Options {
        parts,
        scale,
        scratch: args.scratch.clone().unwrap_or_else(std::env::temp_dir),
        server,
        plots: args.plots.clone(),
    };
    let mut figures = Vec::new();
    let mut shown = Ok(());
    if !args.json {
        show(&format!("{}\n\n{}", machine(args.full), Figure::heading()))?;
    }
    let measured = bench::run(&options, &mut |figure| {
        // The first failure to print is reported at the end.
        if !args.json && shown.is_ok() {
            shown = show(&figure.to_string());
        }
        figures.push(figure);
    });
    shown?;
    measured.map_err(|error| CliError::Failed(format!("the measurement ended early: {error:#}")))?;
    if args.json {
        let figures: Vec<_> = figures.iter().map(Figure::json).collect();
        let all = serde_json::json!({"machine": machine(args.full), "figures": figures});
        return show(&all.to_string());
    }
    let missed = figures.iter().filter(|figure| !figure.reached()).count();
    show(&format!("\n{} figures, {missed} beyond their bound (✗)", figures.len()))
}

fn machine(full: bool) -> String {
    format!(
        "{} threads, engine {:?}, version {}, {} sizes",
        rayon::current_num_threads(),
        crate::crypto::rescue::engine(),
        env!("CARGO_PKG_VERSION"),
        if full { "full" } else { "small" }
    )
}
