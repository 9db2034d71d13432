//! `run`: runs a chain folder, or a script against a devnet, through the whole system, for a
//! pipeline.
//!
//! The server runs in this process, on free ports; the chain is imported, or made by the script's
//! transactions, and the sample provers work over HTTP. The outcome is an exit code, a JUnit report
//! for the page of the pipeline, and a summary as JSON for scripts.

mod artifacts;
mod folder_operations;
mod junit;
mod outcome;
mod script;
mod step_summary;
mod summary;

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::colour::TonedText;
use super::error::CliError;
use super::in_process::{self, ChainProgress, DataFolder, DriveOptions, Ending, Milestone, REQUEST_TIMEOUT};
use super::output::{is_stdout, probe, show_toned, tell, tell_toned, unwritable, write_output};
use super::runtime::runtime;
use super::signals::Signals;
use super::{flags, import};
use crate::chain_folder::ChainFolder;
use crate::client::Client;
use crate::config::{Config, Origin, parse_duration};
use crate::report;
use crate::service::Service;
use crate::workers::Node;
use folder_operations::{Coverage, FolderOperations};
use outcome::{RunFailure, RunOutcome};
use script::ScriptRun;

/// Arguments of `run`.
#[derive(Debug, Args)]
#[command(args = flags::of_settings(&["data_dir"]), after_help = flags::TEMPORARY_FOLDER)]
pub(crate) struct RunArgs {
    /// Chain folder to import, as for `import`
    #[arg(value_name = "CHAIN_FOLDER", required_unless_present_any = ["import", "script"])]
    pub chain: Option<PathBuf>,
    /// Chain folder to import
    #[arg(long, hide = true, value_name = "CHAIN_FOLDER", conflicts_with = "chain")]
    pub import: Option<PathBuf>,
    /// Shell command to run against a devnet, whose URLs are in its environment as DEVNET_RPC_URL,
    /// DEVNET_REST_URL and DEVNET_URL
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["chain", "import", "block"])]
    pub script: Option<String>,
    /// Stage that every block must reach
    #[arg(long, value_name = "STAGE", value_enum)]
    pub until: Milestone,
    /// Last block that must reach the stage [default: the last one of the chain folder]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub block: Option<u32>,
    /// Longest time of the whole run
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse_duration)]
    pub timeout: Duration,
    /// Write a JUnit report with a test case for each block and stage; - is standard output
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Write a summary as JSON; - is standard output
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Folder for the files that are worth keeping: junit.xml, summary.json, server.log, and a bundle of
    /// each block at fault
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
    /// Number of sample provers; their proofs are not cryptographic
    #[arg(long, value_name = "K", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub provers: u32,
}

/// Runs the chain.
///
/// # Errors
/// Fails unless every block has reached the milestone. Report and summary are written in any case.
pub(crate) fn run(args: &RunArgs, config: &Config) -> Result<(), CliError> {
    let outputs = [&args.report, &args.summary];
    if outputs.iter().all(|path| path.as_deref().is_some_and(is_stdout)) {
        return Err(CliError::Usage("--report and --summary cannot both be standard output".to_owned()));
    }
    match begin(args, config) {
        Ok(outcome) => {
            let written = write(args, &outcome);
            outcome.verdict(written)
        }
        Err(error) => {
            report_early_failure(args, &error);
            Err(error)
        }
    }
}

fn begin(args: &RunArgs, config: &Config) -> Result<RunOutcome, CliError> {
    // What cannot be written is reported before the run, not after it.
    [&args.report, &args.summary].into_iter().flatten().try_for_each(|path| probe(path))?;
    if config.verification_keys.is_some() {
        return Err(CliError::Usage(
            "verification_keys is set, and the proofs of sample provers satisfy no key; unset it for `run`"
                .to_owned(),
        ));
    }
    match (&args.script, args.chain.as_ref().or(args.import.as_ref())) {
        (Some(script), _) => run_script(args, script, config),
        (None, Some(chain)) => run_chain(args, chain, config),
        (None, None) => Err(CliError::Usage("name a CHAIN_FOLDER, or pass --script COMMAND".to_owned())),
    }
}

/// Removes the files of an earlier run, which must not stay if this one fails. Returns the log of the
/// artifacts.
///
/// # Errors
/// [`CliError::Output`] if a file cannot be removed or created.
pub(crate) fn remove_earlier(args: &RunArgs) -> Result<Option<File>, CliError> {
    for path in [&args.report, &args.summary].into_iter().flatten().filter(|path| path.is_file()) {
        fs::remove_file(path).map_err(unwritable(path))?;
    }
    args.artifacts.as_deref().map(artifacts::begin).transpose()
}

/// Writes report and summary of a run that failed before it began.
pub(crate) fn report_early_failure(args: &RunArgs, error: &CliError) {
    let outcome = RunOutcome::failed_early(args.script.is_some(), args.until, error.to_string());
    // A failure to write may be the error itself.
    if let Err(unwritten) = write(args, &outcome).map_err(|unwritten| unwritten.to_string())
        && unwritten != error.to_string()
    {
        tell(&format!("witness-server: {unwritten}"));
    }
}

fn run_script(args: &RunArgs, script: &str, config: &Config) -> Result<RunOutcome, CliError> {
    let mut config = config.clone();
    let runtime = runtime()?;
    let mut signals = Signals::on(&runtime)?;
    let data = DataFolder::choose(&mut config, "run")?;
    let (until, provers, timeout) = (args.until, args.provers, args.timeout);
    let run = ScriptRun { script, until, provers, timeout };
    let keep = |node: &Node, progress: &ChainProgress| keep_blocks(args, node, progress);
    let outcome = runtime.block_on(script::run(
        &run,
        &config,
        &data.path,
        &|text| say(args, text),
        &keep,
        &mut signals,
    ));
    runtime.shutdown_background();
    outcome
}

fn run_chain(args: &RunArgs, import: &Path, config: &Config) -> Result<RunOutcome, CliError> {
    let chain = ChainFolder::open(import)?;
    let last = chain.blocks().last().map_or(0, |block| block.number);
    let block = args.block.unwrap_or(last);
    if block > last {
        return Err(CliError::Usage(format!(
            "--block {block} is not in {}, whose last block is {last}",
            import.display()
        )));
    }
    let operations = FolderOperations::read(&chain);
    let mut config = settings(args, import, config, &chain, block, operations.as_ref())?;
    let runtime = runtime()?;
    let mut signals = Signals::on(&runtime)?;
    let data = DataFolder::choose(&mut config, "run")?;
    let chain = match operations {
        // The run itself records what layer 1 does. A block that is executed already would need no
        // proof, and would never reach the milestones before.
        Some(operations) if args.until >= Milestone::Proven => {
            chain.without_operations(&operations.layer_one)
        }
        _ => chain,
    };
    let layer_one = args.until >= Milestone::Verified;
    let (name, provers) = ("run-prover", args.provers);
    let options = DriveOptions { name, provers, layer_one, time_limit: args.timeout };
    let outcome = runtime.block_on(whole(args, &config, &data.path, chain, block, &options, &mut signals));
    // Work that still runs, such as the import of a large genesis, ends with the process.
    runtime.shutdown_background();
    outcome
}

/// Returns the settings of the server.
fn settings(
    args: &RunArgs,
    import: &Path,
    config: &Config,
    chain: &ChainFolder,
    block: u32,
    operations: Option<&FolderOperations>,
) -> Result<Config, CliError> {
    let mut config = config.clone();
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.listen = free;
    config.admin_listen = free;
    config.tls_certificate = None;
    config.tls_key = None;
    if args.until < Milestone::Aggregated || *config.origin("aggregate") != Origin::Default {
        return Ok(config);
    }
    let first = chain.blocks().first().map_or(1, |block| block.number);
    match operations.map(|operations| operations.coverage(first, block)) {
        Some(Coverage::Nothing) => in_process::aggregate_all(&mut config),
        // Operations that the server creates would be stored before those of the folder, and might
        // overlap them.
        Some(Coverage::UpTo(last)) => {
            return Err(CliError::Usage(format!(
                "the CreateProofBlocks operations in {} cover the blocks up to {last}, not up to {block}; pass --block {last}, add \
                 operations, or make the server create more with --set aggregate=1,4",
                import.display()
            )));
        }
        Some(Coverage::Everything) | None => {}
    }
    Ok(config)
}

/// Prints progress: on standard error if report or summary go to standard output.
fn say(args: &RunArgs, text: &TonedText) -> Result<(), CliError> {
    if [&args.report, &args.summary].into_iter().flatten().any(|path| is_stdout(path)) {
        tell_toned(text);
        return Ok(());
    }
    show_toned(text)
}

async fn whole(
    args: &RunArgs,
    config: &Config,
    data: &Path,
    chain: ChainFolder,
    block: u32,
    options: &DriveOptions,
    signals: &mut Signals,
) -> Result<RunOutcome, CliError> {
    let service = Service::start(config, data).await?;
    let begin = format!("Serving on {}; {} sample provers connect.", service.url(), args.provers);
    say(args, &begin.into())?;
    let outcome = driven(args, config, &service, chain, block, options, signals).await;
    service.stop().await;
    outcome
}

/// Imports, proves and collects the outcome.
async fn driven(
    args: &RunArgs,
    config: &Config,
    service: &Service,
    chain: ChainFolder,
    block: u32,
    options: &DriveOptions,
    signals: &mut Signals,
) -> Result<RunOutcome, CliError> {
    let client = Client::new(&service.url(), service.secret(), REQUEST_TIMEOUT)?;
    let mut progress = ChainProgress::new(service.node().store().clone(), block, args.until);
    let importing = {
        let chain = chain.clone();
        async move { import::send_all(&chain, &client).await }
    };
    let ending = in_process::drive(config, service, options, importing, &mut progress, signals).await;
    let ending = ending.unwrap_or_else(|error| Ending::Failed(error.to_string()));
    let failure = failure(args, service, &chain, &progress, ending);
    keep_blocks(args, service.node(), &progress);
    say(args, &progress.table())?;
    Ok(RunOutcome::new(false, &progress, failure))
}

/// Keeps the blocks at fault among the artifacts, if these are wanted. A failure is reported and does
/// not hide that of the run.
fn keep_blocks(args: &RunArgs, node: &Node, progress: &ChainProgress) {
    let Some(folder) = &args.artifacts else { return };
    let waited = artifacts::wait_for_tree(node.store());
    let blocks = waited.and_then(|()| progress.at_fault()).map_err(CliError::from);
    let kept = blocks.and_then(|blocks| artifacts::keep_blocks(folder, node.store(), &blocks, node.now_ms()));
    if let Err(error) = kept {
        tell(&format!("witness-server: {error}"));
    }
}

/// Writes report, summary and the summary of a step, each even if another fails; returns the first
/// error.
fn write(args: &RunArgs, outcome: &RunOutcome) -> Result<(), CliError> {
    let folder = args.artifacts.as_deref();
    let reports = args.report.iter().cloned().chain(folder.map(artifacts::report));
    let summaries = args.summary.iter().cloned().chain(folder.map(artifacts::summary));
    let report = |path: PathBuf| {
        junit::report(outcome).and_then(|xml| write_output(Some(&path), true, xml.as_bytes()))
    };
    let summary = |path: PathBuf| {
        write_output(Some(&path), true, format!("{}\n", summary::summary(outcome)).as_bytes())
    };
    let written = reports.map(report).chain(summaries.map(summary)).fold(Ok(()), Result::and);
    written.and(step_summary::append(outcome))
}

/// Returns the reason why a block did not reach the milestone, if one did not.
fn failure(
    args: &RunArgs,
    service: &Service,
    chain: &ChainFolder,
    progress: &ChainProgress,
    ending: Ending,
) -> Option<RunFailure> {
    let first_missing = progress.first_missing();
    let at = |reason: String| RunFailure { at: first_missing, reason };
    Some(match ending {
        Ending::Reached => return None,
        Ending::Quarantined { block, reason } => RunFailure {
            at: Some((block, Milestone::Witnessed)),
            reason: format!("block {block} is quarantined: {reason}"),
        },
        Ending::ImportFailed(error) => {
            let refused = match &error {
                CliError::ImportStopped { path, .. } => {
                    chain.blocks().iter().find(|block| block.file.path() == path).map(|block| block.number)
                }
                _ => None,
            };
            let at =
                refused.filter(|block| *block <= progress.blocks()).map(|block| (block, Milestone::Imported));
            RunFailure { at, reason: error.to_string() }
        }
        Ending::TimedOut => {
            let waits = match first_missing {
                Some((block, _)) => {
                    let explanation = report::explain(service.node().store(), block, service.node().now_ms());
                    explanation.map_or_else(|error| error.to_string(), |explanation| explanation.text)
                }
                None => "the import has not ended".to_owned(),
            };
            at(format!(
                "not all blocks are {} after {}: {waits}",
                args.until.name(),
                humantime::format_duration(args.timeout)
            ))
        }
        Ending::Interrupted => at("the run was interrupted".to_owned()),
        Ending::Failed(reason) => at(reason),
    })
}
