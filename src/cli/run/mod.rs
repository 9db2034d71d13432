//! `run`: a chain folder through the whole system, for a pipeline.
//!
//! The server runs in this process, on free ports; the chain is imported and the sample provers work over HTTP, like any others.
//! The end is told three times: by the exit code, as JUnit for the pipeline's page, as JSON for scripts.

mod junit;
mod outcome;
mod summary;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::in_process::{self, AGGREGATE, Cast, End, REQUEST_TIMEOUT, Stage, Stages};
use super::{CliError, DataDirArgs, duration, import, runtime, show, write_output};
use crate::chain_folder::ChainFolder;
use crate::client::Client;
use crate::config::{Config, Origin};
use crate::server::views::Explanation;
use crate::service::Service;
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
    /// Write a JUnit report: a test case for each block and stage
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Write a summary as JSON
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
    let (config, _temporary) = settings(args, config, &chain)?;
    let data = config.require_data_dir()?.to_owned();
    let runtime = runtime()?;
    let outcome = runtime.block_on(whole(args, &config, &data, chain, block));
    // Whatever still works, such as the import of a large genesis, ends with the process.
    runtime.shutdown_background();
    outcome?.verdict()
}

/// The settings of the server, and the temporary folder if there is one.
fn settings(
    args: &RunArgs,
    config: &Config,
    chain: &ChainFolder,
) -> Result<(Config, Option<tempfile::TempDir>), CliError> {
    let mut config = config.clone();
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    (config.listen, config.admin_listen, config.tls) = (free, free, None);
    let unsaid = *config.origin("aggregate") == Origin::Default && chain.aggregated_operations().is_empty();
    if unsaid && args.until >= Stage::Aggregated {
        config.aggregate = AGGREGATE.to_vec();
    }
    if config.data_dir.is_some() {
        return Ok((config, None));
    }
    let temporary = tempfile::Builder::new().prefix("witness-server-run-").tempdir().map_err(|error| {
        CliError::DataFolder(format!("cannot make a temporary folder: {error}; name one with --data-dir"))
    })?;
    config.data_dir = Some(temporary.path().to_owned());
    Ok((config, Some(temporary)))
}

async fn whole(
    args: &RunArgs,
    config: &Config,
    data: &Path,
    chain: ChainFolder,
    block: u32,
) -> Result<Outcome, CliError> {
    let service = Service::start(config, data).await?;
    show(&format!("Serving on {}; {} sample provers connect.", service.url(), args.provers))?;
    let outcome = driven(args, config, &service, chain, block).await;
    service.stop().await;
    outcome
}

/// Drives the run to its end and writes what is to be written.
async fn driven(
    args: &RunArgs,
    config: &Config,
    service: &Service,
    chain: ChainFolder,
    block: u32,
) -> Result<Outcome, CliError> {
    let client = Client::new(&service.url(), service.secret(), REQUEST_TIMEOUT)?;
    let cast = Cast {
        name: "run-prover",
        provers: args.provers,
        layer_one: args.until >= Stage::Verified,
        time_limit: args.timeout,
    };
    let mut stages = Stages::new(service.node().store().clone(), block, args.until);
    let importing = {
        let chain = chain.clone();
        async move { import::send_all(&chain, &client).await }
    };
    let end = in_process::drive(config, service, &cast, importing, &mut stages).await?;
    let shortfall = shortfall(args, service, &chain, &stages, end)?;
    show(&stages.table())?;
    let outcome = Outcome::new(&stages, shortfall);
    if let Some(path) = &args.report {
        write_output(Some(path), junit::report(&outcome)?.as_bytes())?;
    }
    if let Some(path) = &args.summary {
        write_output(Some(path), format!("{}\n", summary::of(&outcome)).as_bytes())?;
    }
    Ok(outcome)
}

/// Why not all is reached, if it is not.
fn shortfall(
    args: &RunArgs,
    service: &Service,
    chain: &ChainFolder,
    stages: &Stages,
    end: End,
) -> Result<Option<Shortfall>, CliError> {
    let first_missing = stages.first_missing();
    let at = |reason: String| Shortfall { at: first_missing, reason };
    Ok(Some(match end {
        End::Reached => return Ok(None),
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
                Some((block, _)) => Explanation::of(service.node().store(), block)?.text,
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
    }))
}
