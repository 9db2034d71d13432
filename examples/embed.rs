//! The server inside a Rust integration test: a temporary folder, free ports, no other service.
//!
//!     cargo run --example embed
//!
//! What `main` does here is what a `#[tokio::test]` would do. In a project of your own it needs, among the `[dev-dependencies]`,
//! `zksync-witness-server` with `features = ["testing"]`.

use std::path::Path;

use zksync_witness_server::api::paths;
use zksync_witness_server::chain_folder::ChainFolder;
use zksync_witness_server::testing::TestServer;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // A server of our own: nothing outside this process can disturb it, and it leaves nothing behind.
    let mut server = TestServer::builder().start().await;
    let client = server.client().clone();

    // The chain under test; here the sample chain's first block.
    let chain = ChainFolder::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain"))?;
    client.post_bytes(paths::GENESIS, chain.genesis().read()?).await?.success()?;
    for block in &chain.blocks()[..1] {
        client.post_bytes(paths::BLOCKS, block.file.read()?).await?.success()?;
    }

    // A prover within this process. Yours connects to `server.url()`.
    server.start_prover("embedded");
    server.wait_until(|status| status.jobs.done == 1).await;

    // Both are there for the asking.
    let witness = client.get(&paths::witness(1)).await?.success()?;
    let proof = client.get(&paths::proof(1)).await?.success()?;
    println!("block 1: a witness of {} bytes, a proof of {} bytes", witness.len(), proof.len());
    server.stop().await;
    Ok(())
}
