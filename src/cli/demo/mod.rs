//! `demo`: a sample chain through the whole system, in one command.
//!
//! Nothing is staged: blocks and operations arrive over HTTP, two sample provers talk to the server like any other
//! prover, and what the table shows is read from the data folder.

pub mod chain;
mod live;

use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::in_process::{self, Cast, DataFolder, End, REQUEST_TIMEOUT, Stage, Stages};
use super::{CliError, DataDirArgs, runtime, show};
use crate::api::paths;
use crate::client::Client;
use crate::config::{Config, Flags};
use crate::service::Service;

/// Two provers, and far more time than the slowest machine needs.
const CAST: Cast =
    Cast { name: "demo-prover", provers: 2, layer_one: true, time_limit: Duration::from_secs(600) };

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where the demo's data go; kept. Without it: a temporary folder, removed at the end.
    #[command(flatten)]
    pub folder: DataDirArgs,

    /// Go on with invented blocks and the dashboard until Ctrl-C
    #[arg(long)]
    pub live: bool,
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
pub fn run(args: &DemoArgs, config: &Config) -> Result<(), CliError> {
    let mut config = config.clone();
    let data = DataFolder::choose(&mut config, "demo")?;
    let deadline = config.aggregate_deadline;
    in_process::aggregate_all(&mut config);
    // Any free ports: the demo must not clash with a server that runs already.
    config.listen.set_port(0);
    if args.live {
        // There is always another block to be aggregated with.
        config.aggregate_deadline = deadline;
        return runtime()?.block_on(live::run(&config, &data.path));
    }
    config.admin_listen.set_port(0);
    let table = runtime()?.block_on(whole(&config, &data.path))?;
    show(&table)?;
    show(&what_next(&data.path, data.temporary.is_some()))
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
    let client = Client::new(url, service.secret(), REQUEST_TIMEOUT)?;
    let store = service.node().store().clone();
    let mut stages = Stages::new(store, chain::BLOCKS.len() as u32, Stage::Verified);
    match in_process::drive(config, service, &CAST, import(client), &mut stages).await? {
        End::Reached => Ok(stages.table()),
        End::Quarantined { block, reason } => {
            Err(CliError::Failed(format!("block {block} is quarantined: {reason}")))
        }
        End::ImportFailed(error) => Err(error),
        End::TimedOut => Err(CliError::Failed("the demo did not reach its end; its log says why".into())),
        End::Interrupted => Err(CliError::Failed("the demo was interrupted".into())),
        End::Died(reason) => Err(CliError::Failed(reason)),
    }
}

/// Sends the sample chain as an importer would.
async fn import(client: Client) -> Result<(), CliError> {
    client.post_bytes(paths::GENESIS, chain::GENESIS).await?.success()?;
    for block in chain::BLOCKS {
        client.post_bytes(paths::BLOCKS, block).await?.success()?;
    }
    Ok(())
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
