//! Sends a chain folder to a running server, as an importer in another program would.
//!
//!     API_PROVER_SECRET_AUTH=… cargo run --example import_chain -- data/sample-chain http://127.0.0.1:8088
//!
//! The same chain can be sent again: the server recognises what it has stored already.

use std::time::Duration;

use anyhow::Context;
use zksync_witness_server::api::paths;
use zksync_witness_server::chain_folder::ChainFolder;
use zksync_witness_server::client::Client;
use zksync_witness_server::config::{Config, Environment, Flags};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().context("the first argument is the chain folder")?;
    let mut config = Config::load(None, &Environment::of_process(), &Flags::new())?;
    if let Some(url) = args.next() {
        config.url = url;
    }
    let client = Client::new(&config.url, &config.client_secret()?, Duration::from_secs(600))?;

    let chain = ChainFolder::open(folder.as_ref())?;
    client.post_bytes(paths::GENESIS, chain.genesis().read()?).await?.success()?;
    for block in chain.blocks() {
        client.post_bytes(paths::BLOCKS, block.file.read()?).await?.success()?;
        println!("block {}", block.number);
    }
    for operation in chain.aggregated_operations() {
        client.post_bytes(paths::AGGREGATED_OPERATIONS, operation.read()?).await?.success()?;
        println!("{}", operation.path().display());
    }
    Ok(())
}
