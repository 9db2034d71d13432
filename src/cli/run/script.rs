//! `run --script`: a script against a devnet.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::outcome::{RunFailure, RunOutcome};
use crate::cli::colour::TonedText;
use crate::cli::devnet::default_options;
use crate::cli::error::CliError;
use crate::cli::in_process::{ChainProgress, Milestone};
use crate::cli::signals::Signals;
use crate::config::Config;
use crate::devnet::{self, Bound, DevnetOptions, Listeners, Started};
use crate::report;
use crate::workers::Node;

/// Interval of checks of script and blocks.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Longest time from the first operation of a block to its sealing: short, because scripts wait.
const BLOCK_TIME: Duration = Duration::from_millis(200);

/// The reason why a run with a script ended early.
type Failure = String;

/// A run with a script.
pub(super) struct ScriptRun<'a> {
    /// Command of a shell.
    pub script: &'a str,
    /// The milestone that every block must reach.
    pub until: Milestone,
    /// Number of sample provers.
    pub provers: u32,
    /// Longest time of the whole run.
    pub timeout: Duration,
}

/// Starts a devnet on free ports, runs the script with its URLs in the environment, and waits until
/// every block has reached the milestone. `keep` keeps the blocks at fault.
///
/// # Errors
/// Fails if the devnet cannot start. A failure of the script is part of the outcome.
pub(super) async fn run(
    run: &ScriptRun<'_>,
    config: &Config,
    data: &Path,
    say: &dyn Fn(&TonedText) -> Result<(), CliError>,
    keep: &dyn Fn(&Node, &ChainProgress),
    signals: &mut Signals,
) -> Result<RunOutcome, CliError> {
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = config.clone();
    config.listen = free;
    config.admin_listen = free;
    let options = DevnetOptions { block_time: BLOCK_TIME, provers: run.provers, ..default_options()? };
    let bound = Bound::new(free, free).await?;
    let started = devnet::start(&config, data, options).await?;
    let listeners = bound.serve(&started.devnet, &config)?;
    let outcome = async {
        let (rpc, rest, provers) = (listeners.rpc_url(), listeners.rest_url(), run.provers);
        let begin =
            format!("Devnet with JSON-RPC on {rpc}, REST on {rest}; {provers} sample provers connect.");
        say(&begin.into())?;
        let mut progress = progress(&started, run.until)?;
        let driven = drive(run, &started, &listeners, &mut progress);
        let failure = tokio::select! {
            driven = driven => driven?,
            () = signals.any() => Some("the run was interrupted".to_owned()),
            reason = started.devnet.failed() => Some(reason),
        };
        let failure = failure.map(|reason| RunFailure { at: None, reason });
        if let Some(node) = started.devnet.node() {
            keep(&node, &progress);
        }
        say(&progress.table())?;
        Ok(RunOutcome::new(true, &progress, failure))
    }
    .await;
    listeners.stop().await;
    started.devnet.stop().await;
    outcome
}

fn progress(started: &Started, until: Milestone) -> Result<ChainProgress, CliError> {
    let node = started.devnet.node();
    let node = node.ok_or_else(|| CliError::Failed("the devnet has stopped".to_owned()))?;
    Ok(ChainProgress::new(node.store().clone(), 0, until))
}

/// Runs the script, then waits for the blocks; returns the reason if either fails.
async fn drive(
    run: &ScriptRun<'_>,
    started: &Started,
    listeners: &Listeners,
    progress: &mut ChainProgress,
) -> Result<Option<Failure>, CliError> {
    let end = Instant::now() + run.timeout;
    let timed_out = || format!("not finished after {}", humantime::format_duration(run.timeout));
    let mut child = Running(spawn(run.script, started, listeners)?);
    let status = loop {
        if let Some(status) = child.0.try_wait().map_err(|error| failed(run.script, &error))? {
            break status;
        }
        if Instant::now() >= end {
            return Ok(Some(format!("the script is {}", timed_out())));
        }
        advance(started, progress)?;
        tokio::time::sleep(POLL_INTERVAL).await;
    };
    if !status.success() {
        return Ok(Some(format!("the script failed: {status}")));
    }
    let sealed = started.devnet.seal_now().await;
    sealed.map_err(|error| CliError::Failed(error.to_string()))?;
    while !advance(started, progress)? {
        if Instant::now() >= end {
            let reason = progress.first_missing().and_then(|(block, _)| explain(started, block));
            return Ok(Some(format!("the blocks are {}: {}", timed_out(), reason.unwrap_or_default())));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(None)
}

/// Looks at the blocks that are sealed by now; returns true if all have reached the milestone.
fn advance(started: &Started, progress: &mut ChainProgress) -> Result<bool, CliError> {
    progress.extend_to(started.devnet.read(|ledger| ledger.last_sealed()));
    Ok(progress.update()?)
}

fn explain(started: &Started, block: u32) -> Option<String> {
    let node = started.devnet.node()?;
    report::explain(node.store(), block, node.now_ms()).ok().map(|explanation| explanation.text)
}

/// Starts the script in a shell.
fn spawn(script: &str, started: &Started, listeners: &Listeners) -> Result<Child, CliError> {
    // In a process group of its own, so that what it starts ends with it.
    let spawned = Command::new("sh")
        .args(["-c", script])
        .process_group(0)
        .env("DEVNET_RPC_URL", listeners.rpc_url())
        .env("DEVNET_REST_URL", format!("{}/api/v0.2", listeners.rest_url()))
        .env("DEVNET_URL", format!("{}/devnet", listeners.rest_url()))
        .env("DEVNET_SERVER_URL", &started.server_url)
        .env("DEVNET_DASHBOARD_URL", &started.dashboard_url)
        .spawn();
    spawned.map_err(|error| failed(script, &error))
}

fn failed(script: &str, error: &std::io::Error) -> CliError {
    CliError::Failed(format!("cannot run the script {script:?}: {error}"))
}

/// A process that is killed, with those that it started, when the run ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // The number of a process that has ended may belong to another one.
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            let _ = self.0.wait();
        }
    }
}
