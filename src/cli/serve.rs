//! `serve`: runs the server.

use std::path::Path;
use std::time::Instant;

use clap::Args;
use tracing::{error, info, warn};

use super::error::CliError;
use super::flags;
use super::output::{announced, show, show_lines};
use super::runtime;
use super::signals::{Request, Signals};
use super::supervisor::{self, Supervisor};
use crate::{
    config::{Config, ConfigError},
    crypto::rescue,
    logging::LogFilter,
    service::Service,
};

/// Settings that `serve` has flags for.
const FLAGS: [&str; 9] = [
    "data_dir",
    "listen",
    "admin_listen",
    "witness_generators",
    "aggregate",
    "verification_keys",
    "node",
    "node_from",
    "node_share",
];

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(args = flags::of_settings(&FLAGS))]
pub(crate) struct ServeArgs {
    /// Show every setting, its value and its origin, then exit
    #[arg(long)]
    pub print_config: bool,
}

/// The files and settings that SIGHUP reads again.
pub(crate) struct Reload<'a> {
    /// Loads the configuration from the same sources as at the start.
    pub load: &'a dyn Fn() -> Result<Config, ConfigError>,
    /// The filter of the log.
    pub filter: &'a LogFilter,
}

/// Serves until a signal stops the process.
///
/// # Errors
/// Fails if the server cannot start, or if a part of it fails.
pub(crate) fn run(args: &ServeArgs, config: &Config, reload: &Reload<'_>) -> Result<(), CliError> {
    if args.print_config {
        return show_lines(&config.print());
    }
    let folder = config.require_data_dir()?;
    let runtime = runtime_for(config)?;
    let outcome = runtime.block_on(serve(config, folder, reload));
    // The process does not wait for work that exceeded `shutdown_timeout`.
    runtime.shutdown_background();
    outcome
}

impl Reload<'_> {
    /// Loads the configuration and applies the settings that can change while the server runs. After
    /// an error the server continues with what it has.
    fn apply(&self, service: &Service) {
        match self.try_apply(service) {
            Ok(()) => info!("SIGHUP: certificate and log filter are loaded; other settings need a restart"),
            Err(error) => error!(%error, "SIGHUP: the server continues with its certificate and log filter"),
        }
    }

    fn try_apply(&self, service: &Service) -> Result<(), CliError> {
        let config = (self.load)()?;
        service.reload_certificate(&config)?;
        Ok(self.filter.set(&config.log)?)
    }
}

/// Threads for blocking work beyond those that publishes and imports hold while they wait for the
/// disk, so that a heartbeat finds one. Without a bound each request in flight would have a thread,
/// with its stack and its share of the allocator.
const OTHER_BLOCKING_THREADS: usize = 64;

fn runtime_for(config: &Config) -> Result<tokio::runtime::Runtime, CliError> {
    let limits = config.request_limits();
    let threads = limits.publish.saturating_add(limits.import).saturating_add(OTHER_BLOCKING_THREADS);
    runtime::with_blocking_threads(threads)
}

async fn serve(config: &Config, folder: &Path, reload: &Reload<'_>) -> Result<(), CliError> {
    let mut signals = Signals::new()?;
    info!(engine = %rescue::engine(), "computing Rescue hashes");
    if config.node.is_none() && std::env::var_os("DATABASE_URL").is_some() {
        info!("DATABASE_URL is set: `--node \"$DATABASE_URL\"` follows the node with this database");
    }
    supervisor::opening(folder);
    let service = Service::start(config, folder).await?;
    if let Some(path) = service.generated_secret() {
        announced(show(&format!("no secret is configured: generated one, saved in {}", path.display())));
    }
    let serving = format!("serving on {}, dashboard on http://{}", service.url(), service.admin_address());
    announced(show(&serving));
    let supervisor = Supervisor::start(service.node().clone(), serving);
    if !service.address().ip().is_loopback() && config.tls().is_none() {
        warn!(
            address = %service.address(),
            "other machines reach this address without TLS: tokens and blocks can be read on the network; set tls_certificate and tls_key, or put a proxy in front"
        );
    }
    if config.node.is_none() && matches!(service.node().store().chain().has_followed(), Ok(true)) {
        warn!(
            "the blocks of this folder come from a node, which is not followed now: no new blocks arrive, and no proofs are handed back; pass --node to follow it"
        );
    }
    let failed = loop {
        tokio::select! {
            request = signals.next() => match request {
                Request::Stop | Request::TerminalGone => break false,
                Request::Reload => reload.apply(&service),
            },
            () = service.failed() => break true,
        }
    };
    let begin = Instant::now();
    info!(failed, "stopping");
    let worker_failed = service.node().has_failed();
    let stopped = async {
        supervisor.stopping().await;
        service.stop().await;
    };
    tokio::select! {
        () = stopped => {}
        () = signals.stop_again(begin) => {
            return Err(CliError::Failed(
                "a second signal ended the server before it had stopped; everything it acknowledged is on disk".to_owned(),
            ));
        }
    }
    if worker_failed {
        return Err(CliError::Failed(
            "a worker thread panicked, so the server stopped; see its log, then start it again".to_owned(),
        ));
    }
    if failed {
        return Err(CliError::Failed("a listener failed, so the server stopped; start it again".to_owned()));
    }
    Ok(())
}
