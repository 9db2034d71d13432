//! `run`: a chain folder through the whole system, for a pipeline.
//!
//! The server runs in this process, on free ports; the chain is imported and the sample provers work over HTTP, like any others.
//! The end is told three times: by the exit code, as JUnit for the pipeline's page, as JSON for scripts.

mod brought;
mod junit;
mod outcome;
mod summary;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::in_process::{self, Cast, DataFolder, End, REQUEST_TIMEOUT, Stage, Stages};
use super::output::{is_stdout, probe};
use super::{CliError, DataDirArgs, duration, import, runtime, show, tell, write_output};
use crate::chain_folder::ChainFolder;
use crate::client::Client;
use crate::config::{Config, Origin};
use crate::report;
use crate::service::Service;
use brought::{Aggregated, Brought};
use outcome::{Outcome, Shortfall};

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Chain folder to import, as `import` takes it
    #[arg(long, value_name = "CHAIN_FOLDER")]
    pub import: PathBuf,
    /// Stage to wait for
    #[arg(long, value_name = "STAGE", value_enum)]
    pub until: Stage,
    /// Blocks up to this one are waited for [default: the last of the chain folder]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub block: Option<u32>,
    /// Give up after that long
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub timeout: Duration,
    /// Write a JUnit report, a test case for each block and stage; - is standard output
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Write a summary as JSON; - is standard output
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Sample provers; their proofs are not cryptographic
    #[arg(long, value_name = "K", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub provers: u32,
    /// Where the data go; kept. Without it: a temporary folder, removed at the end
    #[command(flatten)]
    pub folder: DataDirArgs,
}

/// Runs the chain; succeeds only if every block up to the one that is waited for has reached the stage.
///
/// # Errors
/// See [`CliError`]. The report and the summary are written however the run ends, unless it could not begin.
pub fn run(args: &RunArgs, config: &Config) -> Result<(), CliError> {
    let chain = ChainFolder::open(&args.import)?;
    let last = chain.blocks().last().map_or(0, |block| block.number);
    let block = args.block.unwrap_or(last);
    if block > last {
        return Err(CliError::Usage(format!(
            "--block {block} is not in {}, whose last block is {last}",
            args.import.display()
        )));
    }
    if config.verification_keys.is_some() {
        return Err(CliError::Usage(
            "verification_keys is set, and no key takes the proofs of sample provers; unset it for `run`"
                .to_owned(),
        ));
    }
    // What cannot be written in the end is better known before.
    for path in [&args.report, &args.summary].into_iter().flatten() {
        probe(path)?;
    }
    if [&args.report, &args.summary].into_iter().all(|path| path.as_deref().is_some_and(is_stdout)) {
        return Err(CliError::Usage("--report and --summary cannot both be standard output".to_owned()));
    }
    let brought = Brought::by(&chain);
    let mut config = settings(args, config, &chain, block, brought.as_ref())?;
    let data = DataFolder::choose(&mut config, "run")?;
    let layer_one = args.until >= Stage::Verified && brought.is_none_or(|brought| !brought.layer_one);
    let cast = Cast { name: "run-prover", provers: args.provers, layer_one, time_limit: args.timeout };
    let runtime = runtime()?;
    let outcome = runtime.block_on(whole(args, &config, &data.path, chain, block, &cast));
    // Whatever still works, such as the import of a large genesis, ends with the process.
    runtime.shutdown_background();
    let outcome = outcome?;
    let written = write(args, &outcome);
    outcome.verdict(written)
}

/// The settings of the server.
fn settings(
    args: &RunArgs,
    config: &Config,
    chain: &ChainFolder,
    block: u32,
    brought: Option<&Brought>,
) -> Result<Config, CliError> {
    let mut config = config.clone();
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    (config.listen, config.admin_listen, config.tls) = (free, free, None);
    if args.until < Stage::Aggregated || *config.origin("aggregate") != Origin::Default {
        return Ok(config);
    }
    let first = chain.blocks().first().map_or(1, |block| block.number);
    match brought.map(|brought| brought.aggregated(first, block)) {
        Some(Aggregated::Nothing) => in_process::aggregate_all(&mut config),
        // Operations that the server makes would come before those of the folder, and might overlap them.
        Some(Aggregated::UpTo(last)) => {
            return Err(CliError::Usage(format!(
                "the CreateProofBlocks operations in {} cover the blocks up to {last} and not all up to {block}; pass --block {last} if \
                 that is enough, add operations, or have the server make more with --set aggregate=1,4",
                args.import.display()
            )));
        }
        Some(Aggregated::Everything) | None => {}
    }
    Ok(config)
}

/// A line for people: on standard error if a file is standard output.
fn say(args: &RunArgs, text: &str) -> Result<(), CliError> {
    if [&args.report, &args.summary].into_iter().flatten().any(|path| is_stdout(path)) {
        tell(text.trim_end());
        return Ok(());
    }
    show(text)
}

async fn whole(
    args: &RunArgs,
    config: &Config,
    data: &Path,
    chain: ChainFolder,
    block: u32,
    cast: &Cast,
) -> Result<Outcome, CliError> {
    let service = Service::start(config, data).await?;
    say(args, &format!("Serving on {}; {} sample provers connect.", service.url(), args.provers))?;
    let outcome = driven(args, config, &service, chain, block, cast).await;
    service.stop().await;
    outcome
}

/// Drives the run to its end.
async fn driven(
    args: &RunArgs,
    config: &Config,
    service: &Service,
    chain: ChainFolder,
    block: u32,
    cast: &Cast,
) -> Result<Outcome, CliError> {
    let client = Client::new(&service.url(), service.secret(), REQUEST_TIMEOUT)?;
    let mut stages = Stages::new(service.node().store().clone(), block, args.until);
    let importing = {
        let chain = chain.clone();
        async move { import::send_all(&chain, &client).await }
    };
    let end = in_process::drive(config, service, cast, importing, &mut stages).await;
    let end = end.unwrap_or_else(|error| End::Died(error.to_string()));
    let shortfall = shortfall(args, service, &chain, &stages, end);
    say(args, &stages.table())?;
    Ok(Outcome::new(&stages, shortfall))
}

/// Writes what is to be written, all that can be; gives the first failure.
fn write(args: &RunArgs, outcome: &Outcome) -> Result<(), CliError> {
    let report = args
        .report
        .as_deref()
        .map(|path| junit::report(outcome).and_then(|xml| write_output(Some(path), xml.as_bytes())));
    let summary = args
        .summary
        .as_deref()
        .map(|path| write_output(Some(path), format!("{}\n", summary::of(outcome)).as_bytes()));
    report.unwrap_or(Ok(())).and(summary.unwrap_or(Ok(())))
}

/// Why not all is reached, if it is not.
fn shortfall(
    args: &RunArgs,
    service: &Service,
    chain: &ChainFolder,
    stages: &Stages,
    end: End,
) -> Option<Shortfall> {
    let first_missing = stages.first_missing();
    let at = |reason: String| Shortfall { at: first_missing, reason };
    Some(match end {
        End::Reached => return None,
        End::Quarantined { block, reason } => Shortfall {
            at: Some((block, Stage::Witnessed)),
            reason: format!("block {block} is quarantined: {reason}"),
        },
        End::ImportFailed(error) => {
            let refused = match &error {
                CliError::ImportStopped { path, .. } => {
                    chain.blocks().iter().find(|block| block.file.path() == path).map(|block| block.number)
                }
                _ => None,
            };
            let at = refused.filter(|block| *block <= stages.blocks()).map(|block| (block, Stage::Imported));
            Shortfall { at, reason: error.to_string() }
        }
        End::TimedOut => {
            let waits = match first_missing {
                Some((block, _)) => {
                    match report::explain(service.node().store(), block, service.node().now_ms()) {
                        Ok(explanation) => explanation.text,
                        Err(error) => error.to_string(),
                    }
                }
                None => "the import is not at its end".to_owned(),
            };
            at(format!(
                "not all blocks are {} after {}: {waits}",
                args.until.name(),
                humantime::format_duration(args.timeout)
            ))
        }
        End::Interrupted => at("the run was interrupted".to_owned()),
        End::Died(reason) => at(reason),
    })
}
