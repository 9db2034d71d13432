//! `serve`: the server itself.

use std::path::Path;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use super::{CliError, DataDirArgs, show};
use crate::{
    config::{Config, Flags},
    crypto::rescue,
    service::Service,
};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The data folder; it is created if absent
    #[command(flatten)]
    pub folder: DataDirArgs,
    /// Address for provers, imports and operators [default: 127.0.0.1:8088]
    #[arg(long, value_name = "IP:PORT")]
    pub listen: Option<String>,
    /// Address for dashboard, health, metrics and what operators read [default: 127.0.0.1:3312]
    #[arg(long, value_name = "IP:PORT")]
    pub admin_listen: Option<String>,
    /// Maintainer threads that build witnesses [default: 4]
    #[arg(long, value_name = "N")]
    pub witness_generators: Option<String>,
    /// Make aggregated operations of these sizes, such as 1,4,8 [default: none; they are imported]
    #[arg(long, value_name = "SIZES")]
    pub aggregate: Option<String>,
    /// Verify published proofs against the keys in this folder [default: none; they are taken unverified]
    #[arg(long, value_name = "DIR")]
    pub verification_keys: Option<String>,
    /// Show every setting, its value and where it came from, then exit
    #[arg(long)]
    pub print_config: bool,
}

impl ServeArgs {
    /// Passes the flags on as settings.
    pub fn add_flags(&self, flags: &mut Flags) {
        self.folder.add_flags(flags);
        flags.add("listen", "--listen", self.listen.as_deref());
        flags.add("admin_listen", "--admin-listen", self.admin_listen.as_deref());
        flags.add("witness_generators", "--witness-generators", self.witness_generators.as_deref());
        flags.add("aggregate", "--aggregate", self.aggregate.as_deref());
        flags.add("verification_keys", "--verification-keys", self.verification_keys.as_deref());
    }
}

/// Serves until the process is told to stop.
///
/// # Errors
/// See [`CliError`].
pub fn run(args: &ServeArgs, config: &Config) -> Result<(), CliError> {
    if args.print_config {
        return show(&config.print());
    }
    let folder = config.require_data_dir()?;
    let runtime = runtime(config)?;
    let outcome = runtime.block_on(serve(config, folder));
    // Work that did not end within its bound does not hold up the process.
    runtime.shutdown_background();
    outcome
}

/// Threads for blocking work beyond those that publishes and imports can hold while they wait for the disk: enough that a heartbeat finds
/// one. Without a bound there would be one for each request under way, each with its stack and its share of the allocator.
const OTHER_BLOCKING_THREADS: usize = 64;

fn runtime(config: &Config) -> Result<tokio::runtime::Runtime, CliError> {
    let limits = &config.request_limits;
    let threads = limits.publish.saturating_add(limits.import).saturating_add(OTHER_BLOCKING_THREADS);
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(threads)
        .build()
        .map_err(CliError::Runtime)
}

async fn serve(config: &Config, folder: &Path) -> Result<(), CliError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Runtime)?;
    info!(engine = %rescue::engine(), "computing Rescue hashes");
    let service = Service::start(config, folder).await?;
    if let Some(path) = service.generated_secret() {
        show(&format!("no secret is configured: generated one, saved in {}", path.display()))?;
    }
    show(&format!("serving on {}, dashboard on http://{}", service.url(), service.admin_address()))?;
    let failed = tokio::select! {
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
        () = service.failed() => true,
    };
    info!(failed, "stopping");
    let worker_died = service.node().has_failed();
    let again = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tokio::select! {
        () = service.stop() => {}
        () = again => {
            return Err(CliError::Failed(
                "a second signal ended the server before it had stopped; what it acknowledged is on disk".to_owned(),
            ));
        }
    }
    if worker_died {
        return Err(CliError::Failed(
            "a worker thread died, so the server stopped; its log says why; start it again".to_owned(),
        ));
    }
    if failed {
        return Err(CliError::Failed("a listener ended, so the server stopped; start it again".to_owned()));
    }
    Ok(())
}
