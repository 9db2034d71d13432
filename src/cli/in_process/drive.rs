//! Drives a chain through a server in this process, with sample provers.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::chain_progress::ChainProgress;
use super::layer_one;
use super::milestone::Milestone;
use crate::cli::error::CliError;
use crate::cli::signals::Signals;
use crate::client::{Client, ProverOptions, Refused, SampleProver, sample_proof};
use crate::config::Config;
use crate::service::Service;

/// Bound of each request of importer and provers.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Interval of checks of the progress.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The reason why a run ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Every block has reached the milestone.
    Reached,
    /// A block is quarantined, so neither it nor the blocks after it get a witness.
    Quarantined {
        /// The first such block.
        block: u32,
        /// The reason.
        reason: String,
    },
    /// The import failed.
    ImportFailed(CliError),
    /// The time limit was reached.
    TimedOut,
    /// A signal interrupted it.
    Interrupted,
    /// A part of it failed.
    Failed(String),
}

/// Options of a run: provers, layer 1 and the time limit.
#[derive(Debug, Clone)]
pub(crate) struct DriveOptions {
    /// Prefix of the names of the provers, before a number.
    pub name: &'static str,
    /// Number of provers.
    pub provers: u32,
    /// True if proven ranges are recorded as published and executed.
    pub layer_one: bool,
    /// Longest time of the whole run.
    pub time_limit: Duration,
}

/// Imports and proves until every block has reached its milestone, or cannot reach it, or a signal
/// comes.
///
/// # Errors
/// Fails if the store cannot be read.
pub(crate) async fn drive(
    config: &Config,
    service: &Service,
    options: &DriveOptions,
    import: impl Future<Output = Result<(), CliError>> + Send + 'static,
    progress: &mut ChainProgress,
    signals: &mut Signals,
) -> Result<Ending, CliError> {
    let client = Client::new(&service.url(), service.secret(), REQUEST_TIMEOUT)?;
    let (stop, stopped) = watch::channel(false);
    let mut import = tokio::spawn(import);
    let mut work: JoinSet<Result<(), CliError>> = JoinSet::new();
    if options.layer_one {
        let store = service.node().store().clone();
        work.spawn(layer_one::confirm_proven(client.clone(), store, stopped.clone()));
    }
    for number in 1..=options.provers {
        let name = format!("{}-{number}", options.name);
        work.spawn(sample_prover(config, client.clone(), name, stopped.clone()));
    }

    let failed = |error: &dyn std::fmt::Display| Ending::Failed(format!("a part of the run failed: {error}"));
    let limit = tokio::time::sleep(options.time_limit);
    tokio::pin!(limit);
    let mut imported = false;
    let ending = loop {
        if progress.update()? && imported {
            break Ending::Reached;
        }
        // A quarantined block is imported like any other; only its witness is missing.
        if progress.until() > Milestone::Imported
            && let Some((block, reason)) = progress.quarantined()?
        {
            break Ending::Quarantined { block, reason };
        }
        if service.node().has_failed() {
            break Ending::Failed("a worker of the server panicked; see its log".to_owned());
        }
        tokio::select! {
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = &mut limit => break Ending::TimedOut,
            () = signals.any() => break Ending::Interrupted,
            ended = &mut import, if !imported => match ended {
                Ok(Ok(())) => imported = true,
                Ok(Err(error)) => break Ending::ImportFailed(error),
                Err(error) => break failed(&error),
            },
            Some(ended) = work.join_next() => match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => break failed(&error),
                Err(error) => break failed(&error),
            },
        }
    };
    // What an import stored before it failed is counted as well.
    progress.update()?;
    stop.send_replace(true);
    import.abort();
    while work.join_next().await.is_some() {}
    Ok(ending)
}

/// Runs a sample prover with the configured intervals until it is stopped.
fn sample_prover(
    config: &Config,
    client: Client,
    name: String,
    stopped: watch::Receiver<bool>,
) -> impl Future<Output = Result<(), CliError>> + Send + use<> {
    let options = ProverOptions {
        name,
        heartbeat_interval: config.prover_heartbeat_interval,
        cycle_wait: config.prover_cycle_wait,
        die_after_proof: false,
        max_idle: None,
    };
    let prover = SampleProver::new(client, options, Arc::new(sample_proof));
    let refused = |error: Refused| CliError::Failed(error.to_string());
    async move { prover.run(stopped).await.map(|_| ()).map_err(refused) }
}
