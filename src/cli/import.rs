//! `import`: imports a chain folder into a data folder, or into a running server.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use tracing::warn;

use super::error::CliError;
use super::output::show;
use super::progress::ProgressDisplay;
use super::target::{Target, client, runtime};
use super::{flags, folder};
use crate::{
    api::paths,
    chain_folder::{ChainFile, ChainFolder},
    client::{Answer, Client},
    config::Config,
    workers::{ImportError, Imported},
};

/// Longest wait for a server to import a genesis: a million accounts take about twenty minutes,
/// sixteen million hours.
const GENESIS_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Arguments of `import`.
#[derive(Debug, Args)]
#[command(args = flags::of_target())]
pub(crate) struct ImportArgs {
    /// Folder with genesis.json, blocks/NNNNNN.json and aggregated_operations/*.json, plain, .gz or
    /// .zst
    #[arg(value_name = "CHAIN_FOLDER")]
    pub chain: PathBuf,
}

/// Imports everything in order, and skips items that are stored already. An interrupted import,
/// even of a large genesis, resumes when it is run again.
///
/// # Errors
/// Fails at the first file that cannot be imported; the files before it stay imported.
pub(crate) fn run(args: &ImportArgs, config: &Config) -> Result<(), CliError> {
    let target = Target::of(config)?;
    let chain = ChainFolder::open(&args.chain)?;
    match target {
        Target::Folder(folder) => into_folder(&chain, &folder, config)?,
        Target::Server(url) => into_server(&chain, &client(config, &url)?)?,
    }
    show(&format!(
        "imported {} blocks and {} aggregated operations",
        chain.blocks().len(),
        chain.aggregated_operations().len()
    ))
}

fn into_folder(chain: &ChainFolder, folder: &Path, config: &Config) -> Result<(), CliError> {
    let node = folder::idle_node(config, folder)?;
    let accounts = ProgressDisplay::new("accounts", 0);
    let hashed = |done: usize, total: usize| accounts.set(done as u64, total as u64);
    import_file(chain.genesis(), |json| node.import_genesis(json, &hashed).map(drop))?;
    drop(accounts);
    import_rest(chain, |route, file| {
        import_file(file, |json| match route {
            paths::BLOCKS => node.import_block(json).map(warn_of_quarantine),
            _ => node.import_aggregated_operation(json).map(drop),
        })
    })
}

/// Imports one file; the error names it.
fn import_file(
    file: &ChainFile,
    import: impl FnOnce(&[u8]) -> Result<(), ImportError>,
) -> Result<(), CliError> {
    let json = file.read()?;
    import(&json).map_err(|error| stopped(file, CliError::Failed(error.to_string())))
}

fn warn_of_quarantine((block, imported): (u32, Imported)) {
    if let Imported::Quarantined(reason) = imported {
        warn!(block, reason, "the block is stored but quarantined: no witness can be built for it");
    }
}

/// Returns the error of an import that stopped at a file.
fn stopped(file: &ChainFile, cause: CliError) -> CliError {
    CliError::ImportStopped { path: file.path().to_owned(), cause: Box::new(cause) }
}

/// Returns the files after the genesis, each with its route: blocks, then aggregated operations,
/// which refer to blocks.
fn rest(chain: &ChainFolder) -> impl Iterator<Item = (&'static str, &ChainFile)> {
    let blocks = chain.blocks().iter().map(|block| (paths::BLOCKS, &block.file));
    blocks.chain(chain.aggregated_operations().iter().map(|file| (paths::AGGREGATED_OPERATIONS, file)))
}

fn import_rest(
    chain: &ChainFolder,
    mut import: impl FnMut(&'static str, &ChainFile) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let total = (chain.blocks().len() + chain.aggregated_operations().len()) as u64;
    let progress = ProgressDisplay::new("blocks and operations", total);
    for (done, (route, file)) in (0..).zip(rest(chain)) {
        progress.set(done, total);
        import(route, file)?;
    }
    Ok(())
}

fn into_server(chain: &ChainFolder, client: &Client) -> Result<(), CliError> {
    let runtime = runtime()?;
    runtime.block_on(send(client, paths::GENESIS, chain.genesis()))?;
    import_rest(chain, |route, file| runtime.block_on(send(client, route, file)))
}

/// Imports everything in order into a server, without output.
///
/// # Errors
/// [`CliError::ImportStopped`], [`CliError::ChainFolder`].
pub(super) async fn send_all(chain: &ChainFolder, client: &Client) -> Result<(), CliError> {
    send(client, paths::GENESIS, chain.genesis()).await?;
    for (route, file) in rest(chain) {
        send(client, route, file).await?;
    }
    Ok(())
}

async fn send(client: &Client, route: &'static str, file: &ChainFile) -> Result<(), CliError> {
    let reading = file.clone();
    let read = tokio::task::spawn_blocking(move || reading.read()).await;
    let json = read.map_err(|error| stopped(file, CliError::Failed(error.to_string())))?;
    let json = json.map_err(|error| stopped(file, error.into()))?;
    let posted = match route {
        paths::GENESIS => client.with_timeout(GENESIS_TIMEOUT).post_bytes(route, json).await,
        _ => client.post_bytes(route, json).await,
    };
    posted.and_then(Answer::success).map(drop).map_err(|cause| stopped(file, cause.into()))
}
