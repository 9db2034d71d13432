//! `serve`: runs the server.

use std::path::Path;

use clap::Args;
use tracing::info;

use super::error::CliError;
use super::flags;
use super::output::{show, show_lines};
use super::runtime;
use super::signals::Signals;
use crate::{config::Config, crypto::rescue, service::Service};

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

/// Serves until a signal stops the process.
///
/// # Errors
/// Fails if the server cannot start, or if a part of it fails.
pub(crate) fn run(args: &ServeArgs, config: &Config) -> Result<(), CliError> {
    if args.print_config {
        return show_lines(&config.print());
    }
    let folder = config.require_data_dir()?;
    let runtime = runtime_for(config)?;
    let outcome = runtime.block_on(serve(config, folder));
    // The process does not wait for work that exceeded `shutdown_timeout`.
    runtime.shutdown_background();
    outcome
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

async fn serve(config: &Config, folder: &Path) -> Result<(), CliError> {
    let mut signals = Signals::new()?;
    info!(engine = %rescue::engine(), "computing Rescue hashes");
    if config.node.is_none() && std::env::var_os("DATABASE_URL").is_some() {
        info!("DATABASE_URL is set: `--node \"$DATABASE_URL\"` follows the node with this database");
    }
    let service = Service::start(config, folder).await?;
    if let Some(path) = service.generated_secret() {
        show(&format!("no secret is configured: generated one, saved in {}", path.display()))?;
    }
    show(&format!("serving on {}, dashboard on http://{}", service.url(), service.admin_address()))?;
    let failed = tokio::select! {
        () = signals.any() => false,
        () = service.failed() => true,
    };
    info!(failed, "stopping");
    let worker_failed = service.node().has_failed();
    tokio::select! {
        () = service.stop() => {}
        () = signals.any() => {
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
