//! The server inside a Rust integration test: a temporary folder, free ports, no other service.
//!
//!     cargo run --example embed
//!
//! What `main` does here is what a `#[tokio::test]` would do.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use tokio::sync::watch;
use zksync_witness_server::chain_folder::ChainFolder;
use zksync_witness_server::client::{Client, path};
use zksync_witness_server::config::{Config, Environment, Flags};
use zksync_witness_server::sample_prover::{ProverOptions, SampleProver, sample_proof};
use zksync_witness_server::service::Service;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // A server of our own: nothing outside this process can disturb it, and it leaves nothing behind.
    let folder = tempfile::tempdir()?;
    let mut config = Config::load(None, &Environment::from_pairs::<&str, &str>([]), &Flags::new())?;
    config.listen.set_port(0);
    config.admin_listen.set_port(0);
    let service = Service::start(&config, folder.path()).await?;
    let client = Client::new(&service.url(), service.secret(), Duration::from_secs(10))?;

    // The chain under test; here the sample chain's first block.
    let chain = ChainFolder::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain"))?;
    client.post_bytes(path::GENESIS, chain.genesis().read()?).await?.success()?;
    for block in &chain.blocks()[..1] {
        client.post_bytes(path::BLOCKS, block.file.read()?).await?.success()?;
    }

    // A prover that ends after its first proof. Yours goes here.
    let options = ProverOptions {
        name: "embedded".into(),
        heartbeat_interval: config.prover.heartbeat_interval,
        cycle_wait: config.prover.cycle_wait,
        die_after_proof: true,
        max_idle: None,
    };
    let (_running, stop) = watch::channel(false);
    let proofs = SampleProver::new(client.clone(), options, Arc::new(sample_proof)).run(stop).await?;
    ensure!(proofs == 1, "one block, one proof");

    // Both are there for the asking.
    let witness = client.get(&path::witness(1)).await?.success()?;
    let proof = client.get(&path::proof(1)).await?.success()?;
    println!("block 1: a witness of {} bytes, a proof of {} bytes", witness.len(), proof.len());
    service.stop().await;
    Ok(())
}
