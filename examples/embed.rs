//! Runs the server inside a Rust integration test, with a temporary folder, free ports and no other
//! service.
//!
//!     cargo run --example embed
//!
//! A `#[tokio::test]` would do the same as `main` here. Your project needs `zksync-witness-server`
//! with `features = ["testing"]` in its `[dev-dependencies]`, and a profile that optimises the hashes:
//! docs/ci.md has the whole manifest.

use std::path::Path;

use zksync_witness_server::api::paths;
use zksync_witness_server::chain_folder::ChainFolder;
use zksync_witness_server::testing::TestServer;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The server belongs to this process only, and its folder is removed at the end.
    let mut server = TestServer::builder().start().await;
    let client = server.client().clone();

    // The chain under test; here it is the first block of the sample chain.
    let chain = ChainFolder::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain"))?;
    client.post_bytes(paths::GENESIS, chain.genesis().read()?).await?.success()?;
    for block in &chain.blocks()[..1] {
        client.post_bytes(paths::BLOCKS, block.file.read()?).await?.success()?;
    }

    // A sample prover in this process. A real prover connects to `server.url()`.
    server.start_prover("embedded");
    server.wait_until(|status| status.jobs.done == 1).await;

    // Witness and proof are now available over HTTP.
    let witness = client.get(&paths::witness(1)).await?.success()?;
    let proof = client.get(&paths::proof(1)).await?.success()?;
    println!("block 1: a witness of {} bytes, a proof of {} bytes", witness.len(), proof.len());
    server.stop().await;
    Ok(())
}
