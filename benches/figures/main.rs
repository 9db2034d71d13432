//! Measures and prints the figures, at full size unless `--quick` is given:
//!
//!     cargo bench -- [PART]… [--quick] [--json] [--plots FOLDER]
//!
//! A `PART` is `engines`, `witnesses`, `genesis`, `delivery`, `queue`, `chain`, `growth` or
//! `long-chain`.

#[path = "mod.rs"]
mod figures;

use std::path::PathBuf;

use clap::{Parser, ValueEnum as _};

use figures::figure::Figure;
use figures::options::{Options, Part, Scale};

/// Measures this program on this machine, as ratios to baselines measured in the same run
#[derive(Parser)]
struct Arguments {
    /// Parts to measure [default: all]
    #[arg(value_enum, value_name = "PART")]
    parts: Vec<Part>,
    /// Use small sizes, which take minutes; the bounds are for full sizes
    #[arg(long)]
    quick: bool,
    /// Number of accounts in the largest data folder
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    large: Option<u32>,
    /// Number of accounts in the tree that the part `genesis` builds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    genesis: Option<u32>,
    /// Number of blocks of the longest chain
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(3_000..=10_000_000))]
    blocks: Option<u32>,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
    /// Folder to write the plots into
    #[arg(long, value_name = "FOLDER")]
    plots: Option<PathBuf>,
    /// Folder for temporary data folders [default: the system's temporary folder]
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
    /// Added by cargo
    #[arg(long = "bench", hide = true)]
    _by_cargo: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut scale = if arguments.quick { Scale::QUICK } else { Scale::FULL };
    scale.large = arguments.large.unwrap_or(scale.large);
    scale.genesis = arguments.genesis.unwrap_or(scale.genesis);
    scale.long_chain = arguments.blocks.unwrap_or(scale.long_chain);
    let parts = if arguments.parts.is_empty() { Part::value_variants().to_vec() } else { arguments.parts };
    let options = Options {
        parts,
        scale,
        scratch: arguments.scratch.unwrap_or_else(std::env::temp_dir),
        server: env!("CARGO_BIN_EXE_witness-server").into(),
        plots: arguments.plots,
    };
    let machine = format!(
        "{} threads, engine {:?}, version {}, {} sizes",
        rayon::current_num_threads(),
        zksync_witness_server::testing::internals::crypto::rescue::engine(),
        env!("CARGO_PKG_VERSION"),
        if arguments.quick { "small" } else { "full" }
    );
    if !arguments.json {
        println!("{machine}\n\n{}", Figure::heading());
    }
    let mut measured = Vec::new();
    figures::run(&options, &mut |figure| {
        if !arguments.json {
            println!("{figure}");
        }
        measured.push(figure);
    })?;
    if arguments.json {
        let figures: Vec<_> = measured.iter().map(Figure::json).collect();
        println!("{}", serde_json::json!({"machine": machine, "figures": figures}));
    } else {
        let missed = measured.iter().filter(|figure| !figure.reached()).count();
        println!("\n{} figures, {missed} of them miss their bound (✗)", measured.len());
    }
    Ok(())
}
