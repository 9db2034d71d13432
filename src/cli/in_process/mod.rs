//! A server in this process and sample provers that talk to it over HTTP: what `demo` and `run` have in common.

pub mod layer_one;
mod settings;
mod stage;
mod stages;

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::CliError;
use crate::client::{Client, ProveFunction, ProverOptions, Refused, SampleProver, sample_proof};
use crate::config::Config;
use crate::service::Service;

pub use settings::{DataFolder, aggregate_all};
pub use stage::Stage;
pub use stages::{BlockTimes, Stages, missing};

/// Bound of each request of the provers.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How often progress is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How a chain came through, or why it did not.
#[derive(Debug)]
pub enum End {
    /// Every block has reached the stage.
    Reached,
    /// A block gets no witness, and so none behind it does.
    Quarantined {
        /// The first such block.
        block: u32,
        /// Why.
        reason: String,
    },
    /// The import stopped.
    ImportFailed(CliError),
    /// Not in time.
    TimedOut,
    /// A signal ended it.
    Interrupted,
    /// A part of it died.
    Died(String),
}

/// What takes part beside the server.
#[derive(Debug, Clone)]
pub struct Cast {
    /// The provers are called so, with a number behind.
    pub name: &'static str,
    /// Number of provers.
    pub provers: u32,
    /// Whether proven ranges are recorded as published and executed.
    pub layer_one: bool,
    /// All of it ends after that long.
    pub time_limit: Duration,
}

/// Imports and proves until every block that counts has reached its stage, or that cannot be.
///
/// # Errors
/// When the store cannot be read, or the system refuses signals.
pub async fn drive(
    config: &Config,
    service: &Service,
    cast: &Cast,
    import: impl Future<Output = Result<(), CliError>> + Send + 'static,
    stages: &mut Stages,
) -> Result<End, CliError> {
    let client = Client::new(&service.url(), service.secret(), REQUEST_TIMEOUT)?;
    let (stop, stopped) = watch::channel(false);
    let mut import = tokio::spawn(import);
    let mut work: JoinSet<Result<(), CliError>> = JoinSet::new();
    if cast.layer_one {
        work.spawn(layer_one::run(client.clone(), service.node().store().clone(), stopped.clone()));
    }
    for number in 1..=cast.provers {
        let name = format!("{}-{number}", cast.name);
        let prover = prover(config, client.clone(), name, Arc::new(sample_proof));
        let stopped = stopped.clone();
        work.spawn(async move {
            let refused = |error: Refused| CliError::Failed(error.to_string());
            prover.run(stopped).await.map(|_| ()).map_err(refused)
        });
    }
    let mut signals = Signals::new()?;

    let dead = |error: &dyn std::fmt::Display| End::Died(format!("a part of it died: {error}"));
    let limit = tokio::time::sleep(cast.time_limit);
    tokio::pin!(limit);
    let mut imported = false;
    let end = loop {
        if stages.look()? && imported {
            break End::Reached;
        }
        // A quarantined block is imported like any other; what it does not get is a witness.
        if stages.until() > Stage::Imported
            && let Some((block, reason)) = stages.quarantined()?
        {
            break End::Quarantined { block, reason };
        }
        if service.node().has_failed() {
            break End::Died("a worker of the server died; its log says why".to_owned());
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = &mut limit => break End::TimedOut,
            () = signals.any() => break End::Interrupted,
            ended = &mut import, if !imported => match ended {
                Ok(Ok(())) => imported = true,
                Ok(Err(error)) => break End::ImportFailed(error),
                Err(error) => break dead(&error),
            },
            Some(ended) = work.join_next() => match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => break dead(&error),
                Err(error) => break dead(&error),
            },
        }
    };
    stop.send_replace(true);
    import.abort();
    while work.join_next().await.is_some() {}
    Ok(end)
}

/// What asks for an end.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on they do not end the process.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new() -> Result<Self, CliError> {
        let on = |kind| signal(kind).map_err(CliError::Runtime);
        Ok(Self { interrupt: on(SignalKind::interrupt())?, terminate: on(SignalKind::terminate())? })
    }

    /// Returns with the first of them.
    pub async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// A prover with the configured patience.
pub fn prover(config: &Config, client: Client, name: String, prove: ProveFunction) -> SampleProver {
    let options = ProverOptions {
        name,
        heartbeat_interval: config.prover.heartbeat_interval,
        cycle_wait: config.prover.cycle_wait,
        die_after_proof: false,
        max_idle: None,
    };
    SampleProver::new(client, options, prove)
}
