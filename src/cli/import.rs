//! `import`: a chain folder into a data folder, or into a running server.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{CliError, Target, TargetArgs, client, runtime, show};
use crate::{
    chain_folder::{ChainFile, ChainFolder},
    client::{Answer, Client, path},
    config::Config,
};

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Where to import to
    #[command(flatten)]
    pub target: TargetArgs,
    /// Folder with genesis.json, blocks/NNNNNN.json and aggregated_operations/*.json, plain, .gz or .zst
    #[arg(value_name = "CHAIN_FOLDER")]
    pub chain: PathBuf,
}

/// Imports everything in order; what is there already and equal is passed over.
///
/// # Errors
/// See [`CliError`]. What came before the failing file stays imported.
pub fn run(args: &ImportArgs, config: &Config) -> Result<(), CliError> {
    let target = args.target.resolve(config)?;
    let chain = ChainFolder::open(&args.chain)?;
    match target {
        Target::Folder(folder) => into_folder(&chain, &folder, config)?,
        Target::Server(url) => runtime()?.block_on(into_server(&chain, &client(config, &url)?))?,
    }
    show(&format!(
        "imported {} blocks and {} aggregated operations",
        chain.blocks().len(),
        chain.aggregated_operations().len()
    ))
}

fn into_folder(_chain: &ChainFolder, _folder: &Path, _config: &Config) -> Result<(), CliError> {
    // TODO(integrator): open the store, import genesis, blocks and operations through the same code as the routes.
    Err(CliError::NotWired("import --data-dir"))
}

async fn into_server(chain: &ChainFolder, client: &Client) -> Result<(), CliError> {
    post(client, path::GENESIS, chain.genesis()).await?;
    for block in chain.blocks() {
        post(client, path::BLOCKS, &block.file).await?;
    }
    for operation in chain.aggregated_operations() {
        post(client, path::AGGREGATED_OPERATIONS, operation).await?;
    }
    Ok(())
}

async fn post(client: &Client, route: &str, file: &ChainFile) -> Result<(), CliError> {
    let json = file.read()?;
    let posted = client.post_bytes(route, json).await.and_then(Answer::success);
    posted.map(drop).map_err(|cause| CliError::ImportStopped {
        path: file.path().to_owned(),
        cause: Box::new(cause.into()),
    })
}
