//! `demo`: a sample chain through the whole system, in one command.
//!
//! Nothing is staged: blocks and operations arrive over HTTP, two sample provers talk to the server like any other
//! prover, and what the table shows is read from the data folder.

pub mod chain;
mod layer_one;
mod stages;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{CliError, DataDirArgs, runtime, show};
use crate::client::{Client, path};
use crate::config::{Config, Flags};
use crate::sample_prover::{ProverOptions, Refused, SampleProver, sample_proof};
use crate::service::Service;
use stages::Stages;

/// Aggregate sizes of the demo: two ranges of the sample chain's eight blocks.
const AGGREGATE: [usize; 2] = [1, 4];
/// Far more than the slowest machine needs.
const TIME_LIMIT: Duration = Duration::from_secs(600);
const PROVERS: [&str; 2] = ["demo-prover-1", "demo-prover-2"];
/// How often progress is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where the demo's data go; kept. Without it: a temporary folder, removed at the end.
    #[command(flatten)]
    pub folder: DataDirArgs,
}

impl DemoArgs {
    /// The settings among the arguments.
    pub fn add_flags(&self, flags: &mut Flags) {
        self.folder.add_flags(flags);
    }
}

/// Runs the demo; succeeds only if every block was witnessed, proven, aggregated and verified.
///
/// # Errors
/// Whatever kept the demo from its end.
pub fn run(_args: &DemoArgs, config: &Config) -> Result<(), CliError> {
    let temporary = match &config.data_dir {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("witness-server-demo-").tempdir().map_err(|error| {
            CliError::DataFolder(format!("cannot make a temporary folder: {error}; name one with --data-dir"))
        })?),
    };
    let mut config = config.clone();
    if let Some(folder) = &temporary {
        config.data_dir = Some(folder.path().to_owned());
    }
    config.aggregate = AGGREGATE.to_vec();
    // Any free ports: the demo must not clash with a server that runs already.
    config.listen.set_port(0);
    config.admin_listen.set_port(0);
    let data = config.require_data_dir()?.to_owned();
    let table = runtime()?.block_on(whole(&config, &data))?;
    show(&table)?;
    show(&what_next(&data, temporary.is_some()))
}

async fn whole(config: &Config, data: &Path) -> Result<String, CliError> {
    let service = Service::start(config, data).await?;
    let url = service.url();
    show(&format!("Serving on {url}; two sample provers connect (their proofs are not cryptographic)."))?;
    let outcome = drive(config, &service, &url).await;
    service.stop().await;
    outcome
}

async fn drive(config: &Config, service: &Service, url: &str) -> Result<String, CliError> {
    let client = Client::new(url, service.secret(), Duration::from_secs(60))?;
    let mut stages = Stages::new(service.node().store().clone(), chain::BLOCKS.len() as u32);
    let (stop, stopped) = watch::channel(false);
    let mut work: JoinSet<Result<(), CliError>> = JoinSet::new();
    work.spawn(import(client.clone()));
    work.spawn(layer_one::run(client.clone(), service.node().store().clone(), stopped.clone()));
    for name in PROVERS {
        let prover = prover(config, client.clone(), name);
        let stopped = stopped.clone();
        work.spawn(async move {
            let refused = |error: Refused| CliError::Failed(error.to_string());
            prover.run(stopped).await.map(|_| ()).map_err(refused)
        });
    }

    let start = Instant::now();
    let finished = loop {
        if stages.look().map_err(|error| CliError::Failed(error.to_string()))? {
            break Ok(());
        }
        if let Some(reason) = stages.quarantined().map_err(|error| CliError::Failed(error.to_string()))? {
            break Err(CliError::Failed(reason));
        }
        if service.node().has_failed() || start.elapsed() > TIME_LIMIT {
            break Err(CliError::Failed("the demo did not reach its end; its log says why".into()));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            Some(ended) = work.join_next() => match ended {
                Ok(Err(error)) => break Err(error),
                Ok(Ok(())) => {}
                Err(_) => break Err(CliError::Failed("a part of the demo died; its log says why".into())),
            },
        }
    };
    stop.send_replace(true);
    while work.join_next().await.is_some() {}
    finished.map(|()| stages.table())
}

/// Sends the sample chain as an importer would.
async fn import(client: Client) -> Result<(), CliError> {
    client.post_bytes(path::GENESIS, chain::GENESIS).await?.success()?;
    for block in chain::BLOCKS {
        client.post_bytes(path::BLOCKS, block).await?.success()?;
    }
    Ok(())
}

fn prover(config: &Config, client: Client, name: &str) -> SampleProver {
    let options = ProverOptions {
        name: name.to_string(),
        heartbeat_interval: config.prover.heartbeat_interval,
        cycle_wait: config.prover.cycle_wait,
        die_after_proof: false,
        max_idle: None,
    };
    SampleProver::new(client, options, Arc::new(sample_proof))
}

fn what_next(data: &Path, temporary: bool) -> String {
    if temporary {
        return "All blocks are verified. The temporary data folder is removed; keep one with --data-dir."
            .into();
    }
    let data = data.display();
    format!(
        "All blocks are verified. Look at what is stored:\n  \
         witness-server status --data-dir {data}\n  \
         witness-server export --data-dir {data} witness 1 --out witness-1.json"
    )
}
