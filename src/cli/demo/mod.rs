//! `demo`: runs a sample chain through the whole system, in one command.
//!
//! Blocks and operations are imported over HTTP, two sample provers use the prover protocol, and
//! the table is read from the data folder.

mod chain;

use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::colour::TonedText;
use super::error::CliError;
use super::flags;
use super::in_process::{self, ChainProgress, DataFolder, DriveOptions, Ending, Milestone, REQUEST_TIMEOUT};
use super::output::{show, show_lines, show_toned};
use super::runtime::runtime;
use super::signals::Signals;
use crate::api::paths;
use crate::client::Client;
use crate::config::Config;
use crate::service::Service;

/// Two provers, and far more time than the slowest machine needs.
const OPTIONS: DriveOptions =
    DriveOptions { name: "demo-prover", provers: 2, layer_one: true, time_limit: Duration::from_secs(600) };

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(args = flags::of_settings(&["data_dir"]), after_help = flags::TEMPORARY_FOLDER)]
pub(crate) struct DemoArgs {}

/// Runs the demo.
///
/// # Errors
/// Fails unless every block is witnessed, proven, aggregated and verified.
pub(crate) fn run(config: &Config) -> Result<(), CliError> {
    let mut config = config.clone();
    let runtime = runtime()?;
    let mut signals = Signals::on(&runtime)?;
    let data = DataFolder::choose(&mut config, "demo")?;
    in_process::aggregate_all(&mut config);
    // Free ports, because another server may use the default ones.
    config.listen.set_port(0);
    config.admin_listen.set_port(0);
    let table = runtime.block_on(whole(&config, &data.path, &mut signals))?;
    show_toned(&table)?;
    show_lines(&what_next(&data.path, data.temporary.is_some()))
}

async fn whole(config: &Config, data: &Path, signals: &mut Signals) -> Result<TonedText, CliError> {
    let service = Service::start(config, data).await?;
    let url = service.url();
    show(&format!("Serving on {url}; two sample provers connect (their proofs are not cryptographic)."))?;
    let outcome = drive(config, &service, &url, signals).await;
    service.stop().await;
    outcome
}

async fn drive(
    config: &Config,
    service: &Service,
    url: &str,
    signals: &mut Signals,
) -> Result<TonedText, CliError> {
    let client = Client::new(url, service.secret(), REQUEST_TIMEOUT)?;
    let store = service.node().store().clone();
    let mut progress = ChainProgress::new(store, chain::BLOCKS.len() as u32, Milestone::Verified);
    match in_process::drive(config, service, &OPTIONS, import(client), &mut progress, signals).await? {
        Ending::Reached => Ok(progress.table()),
        Ending::Quarantined { block, reason } => {
            Err(CliError::Failed(format!("block {block} is quarantined: {reason}")))
        }
        Ending::ImportFailed(error) => Err(error),
        Ending::TimedOut => Err(CliError::Failed("the demo did not end in time; see its log".into())),
        Ending::Interrupted => Err(CliError::Failed("the demo was interrupted".into())),
        Ending::Failed(reason) => Err(CliError::Failed(reason)),
    }
}

/// Imports the sample chain over HTTP.
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
