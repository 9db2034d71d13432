//! Composition root: runs the command of a parsed command line.

use clap::CommandFactory;
use std::fs::File;
use std::process::ExitCode;

use clap::Parser;
use tracing::{Level, debug, warn};

use crate::{
    allocator,
    cli::{
        Cli, CliError, Command, backup, blocks, chain, check, completions, demo, devnet, doctor, explain,
        export, health, import, jobs, node, prover, provers, restore, revert, run, serve, serve::Reload,
        status, token, top, witness,
    },
    config::{Config, ConfigError, Environment, Origin},
    crypto::rescue,
    logging::{self, LogCopy, LogFilter},
    workers::hash_pool,
};

/// Parses the command line, runs the command, and reports an error by message and exit code: all of
/// `main`.
pub fn main() -> ExitCode {
    allocator::configure();
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            crate::cli::tell(&format!("witness-server: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Reads the configuration, starts logging, runs the command.
///
/// # Errors
/// Fails as the command does.
fn run(cli: Cli) -> Result<(), CliError> {
    let (config, filter) = match &cli.command {
        Command::Run(args) => {
            let log = run::remove_earlier(args)?;
            prepare(&cli, log).inspect_err(|error| run::report_early_failure(args, error))
        }
        _ => prepare(&cli, None),
    }?;
    let load = || load(&cli);
    match &cli.command {
        Command::Serve(args) => serve::run(args, &config, &Reload { load: &load, filter: &filter }),
        Command::Import(args) => import::run(args, &config),
        Command::Witness(args) => witness::run(args, &config),
        Command::Export(args) => export::run(args, &config),
        Command::Chain(args) => chain::run(args, &config),
        Command::Check(args) => check::run(args),
        Command::Status(args) => status::run(args, &config),
        Command::Jobs(args) => jobs::run(args, &config),
        Command::Node(args) => node::run(args, &config),
        Command::Prover(args) => prover::run(args, &config),
        Command::Provers(args) => provers::run(args, &config),
        Command::Blocks(args) => blocks::run(args, &config),
        Command::Explain(args) => explain::run(args, &config),
        Command::Top(args) => top::run(args, &config),
        Command::Revert(args) => revert::run(args, &config),
        Command::Backup(args) => backup::run(args, &config),
        Command::Restore(args) => restore::run(args, &config),
        Command::Doctor(args) => doctor::run(args, &config),
        Command::Health(args) => health::run(args, &config),
        Command::Token(args) => token::run(args, &config),
        Command::Demo(_) => demo::run(&config),
        Command::Devnet(args) => devnet::run(args, &config),
        Command::Run(args) => run::run(args, &config),
        Command::Completions(args) => completions::completions(args, Cli::command()),
        Command::Man(args) => completions::man(args, Cli::command()),
    }
}

fn load(cli: &Cli) -> Result<Config, ConfigError> {
    Config::load(cli.config.as_deref(), &Environment::of_process(), &cli.flags()?)
}

/// Reads the configuration, and starts what the command needs. `copy` receives the log as well.
fn prepare(cli: &Cli, copy: Option<File>) -> Result<(Config, LogFilter), CliError> {
    let config = load(cli)?;
    // Progress is the output of these commands; by default their log has warnings only.
    let quiet = matches!(cli.command, Command::Demo(_) | Command::Devnet(_) | Command::Run(_))
        && *config.origin("log") == Origin::Default;
    let level = match (quiet, &copy) {
        (true, None) => "warn",
        (true, Some(_)) => "info",
        (false, _) => &config.log,
    };
    let shown = if quiet { Level::WARN } else { Level::TRACE };
    let copy = copy.map(|file| LogCopy { file, shown });
    let filter = logging::init(level, config.log_format, copy)?;
    config.warnings().iter().for_each(|warning| warn!("{warning}"));
    if let Some(engine) = config.cpu_features {
        rescue::force_engine(engine)?;
    }
    debug!(engine = %rescue::engine(), "engine chosen");
    if matches!(
        cli.command,
        Command::Import(_)
            | Command::Check(_)
            | Command::Doctor(_)
            | Command::Restore(_)
            | Command::Export(_)
    ) {
        hash_pool::start().map_err(|error| CliError::DataFolder(error.to_string()))?;
    }
    Ok((config, filter))
}
