//! `import`: imports a chain folder, or what the database of a node has, into a data folder, or a
//! chain folder into a running server.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use clap::Args;

use super::block_number::block_number;
use super::error::CliError;
use super::import_tally::Tally;
use super::output::show;
use super::progress::ProgressDisplay;
use super::runtime::runtime;
use super::target::Target;
use super::{flags, folder};
use crate::{
    api::{
        paths,
        views::{ImportOutcome, ImportOutcomeName},
    },
    chain_folder::{ChainFile, ChainFolder},
    client::Client,
    config::Config,
    node::{self, LinkOptions, StateProgress},
    workers::{ImportError, Imported},
};

/// Longest wait for a server to import a genesis: a million accounts take about twenty minutes,
/// sixteen million hours.
const GENESIS_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Arguments of `import`.
#[derive(Debug, Args)]
#[command(args = flags::of_target().chain(flags::of_settings(&NODE_FLAGS)))]
pub(crate) struct ImportArgs {
    /// Folder with genesis.json, blocks/NNNNNN.json and aggregated_operations/*.json, plain, .gz or
    /// .zst; none with --node
    #[arg(value_name = "CHAIN_FOLDER", conflicts_with = "node")]
    pub chain: Option<PathBuf>,
    /// Last block to import from --node [default: the newest]
    #[arg(long, value_name = "BLOCK", value_parser = block_number, requires = "node", conflicts_with = "chain")]
    pub until: Option<u32>,
}

/// Settings of the node whose database is imported.
const NODE_FLAGS: [&str; 2] = ["node", "node_from"];

/// Imports everything in order, and skips items that are stored already. An interrupted import,
/// even of a large genesis, resumes when it is run again.
///
/// # Errors
/// Fails at the first file that cannot be imported; the files before it stay imported. Fails after
/// the last one if a block is quarantined.
pub(crate) fn run(args: &ImportArgs, config: &Config) -> Result<(), CliError> {
    let Some(chain) = &args.chain else { return of_node(args, config) };
    let target = Target::of(config);
    let chain = ChainFolder::open(chain)?;
    let tally = Tally::default();
    let imported = match target {
        Target::Folder(folder) => into_folder(&chain, &folder, config, &tally),
        Target::Server(server) => into_server(&chain, &server.client(config)?, &tally),
    };
    show(&tally.to_string())?;
    imported?;
    tally.verdict()
}

/// Imports everything that the database of the node has into a data folder.
fn of_node(args: &ImportArgs, config: &Config) -> Result<(), CliError> {
    let options = LinkOptions::of(config).ok_or_else(|| {
        let offer = match std::env::var_os("DATABASE_URL") {
            Some(_) => " DATABASE_URL is set: --node \"$DATABASE_URL\" imports from it.",
            None => "",
        };
        CliError::Usage(format!("nothing to import: give a chain folder, or --node URL.{offer}"))
    })?;
    let Target::Folder(folder) = Target::of(config) else {
        return Err(CliError::Usage(
            "a running server follows a node by itself: start it with --node, or give --data-dir".to_owned(),
        ));
    };
    let node = folder::idle_node(config, &folder)?;
    let accounts = Mutex::new(ProgressDisplay::new("accounts", 0));
    let progress: StateProgress = Arc::new(move |done, of| {
        let accounts = accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.set(done as u64, of as u64);
    });
    let until = args.until.unwrap_or(u32::MAX);
    let imported = runtime()?.block_on(node::import(&node, &options, until, &progress));
    let imported = imported.map_err(|error| CliError::Node(Box::new(error)))?;
    show(&format!(
        "imported {} blocks, {} aggregated operations and {} proofs from the node",
        imported.blocks, imported.aggregated_operations, imported.proofs
    ))
}

fn into_folder(chain: &ChainFolder, folder: &Path, config: &Config, tally: &Tally) -> Result<(), CliError> {
    let node = folder::idle_node(config, folder)?;
    let accounts = ProgressDisplay::new("accounts", 0);
    let hashed = |done: usize, total: usize| accounts.set(done as u64, total as u64);
    import_file(chain.genesis(), |json| node.import_genesis(json, &hashed).map(drop))?;
    drop(accounts);
    import_rest(chain, |route, file| {
        import_file(file, |json| match route {
            paths::BLOCKS => {
                node.import_block(json).map(|(block, imported)| tally.add_block(block, imported))
            }
            _ => node.import_aggregated_operation(json).map(|imported| tally.add_operation(&imported)),
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

fn into_server(chain: &ChainFolder, client: &Client, tally: &Tally) -> Result<(), CliError> {
    let runtime = runtime()?;
    runtime.block_on(send(client, paths::GENESIS, chain.genesis()))?;
    import_rest(chain, |route, file| {
        let (block, imported) = runtime.block_on(send(client, route, file))?;
        match block {
            Some(block) => tally.add_block(block, imported),
            None => tally.add_operation(&imported),
        }
        Ok(())
    })
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

/// Imports a file into a server; returns the outcome, and the number of a block.
async fn send(
    client: &Client,
    route: &'static str,
    file: &ChainFile,
) -> Result<(Option<u32>, Imported), CliError> {
    let reading = file.clone();
    let read = tokio::task::spawn_blocking(move || reading.read()).await;
    let json = read.map_err(|error| stopped(file, CliError::Failed(error.to_string())))?;
    let json = json.map_err(|error| stopped(file, error.into()))?;
    let posted = match route {
        paths::GENESIS => client.with_timeout(GENESIS_TIMEOUT).post_bytes(route, json).await,
        _ => client.post_bytes(route, json).await,
    };
    let outcome = posted.and_then(|answer| answer.json()).map_err(|cause| stopped(file, cause.into()))?;
    let ImportOutcome { outcome, block, reason } = outcome;
    let imported = match outcome {
        ImportOutcomeName::Stored => Imported::Stored,
        ImportOutcomeName::AlreadyThere => Imported::AlreadyThere,
        ImportOutcomeName::Quarantined => Imported::Quarantined(reason.unwrap_or_default()),
    };
    Ok((block, imported))
}
