//! Time from the import of a stored chain of small blocks until all jobs are queued.

use std::fs;
use std::time::Instant;

use super::figure::{Bound, Figure};
use super::options::Options;
use super::{rig, witnesses};
use zksync_witness_server::chain_folder::ChainFolder;
use zksync_witness_server::testing::Chain;

const CHUNKS: usize = 26;
const TRANSFERS: u32 = 13;

/// Measures the time from the import of the first block until all jobs are queued.
///
/// # Errors
/// Fails if the data folder fails or a block is refused.
pub fn run(options: &Options, report: &mut dyn FnMut(Figure)) -> anyhow::Result<()> {
    let blocks = options.scale.blocks;
    let stored = tempfile::tempdir_in(&options.scratch)?;
    let mut chain = Chain::with_accounts(1_000, 100);
    fs::create_dir(stored.path().join("blocks"))?;
    fs::write(stored.path().join("genesis.json"), serde_json::to_vec(&chain.genesis())?)?;
    for number in 1..=blocks {
        let block = serde_json::to_vec(&chain.next_block(CHUNKS))?;
        fs::write(stored.path().join(format!("blocks/{number:06}.json")), block)?;
    }
    let stored = ChainFolder::open(stored.path())?;

    let folder = tempfile::tempdir_in(&options.scratch)?;
    let node = rig::node(folder.path(), &chain)?;
    let begin = Instant::now();
    for block in stored.blocks() {
        node.import_block(&block.file.read()?)?;
    }
    let imported = begin.elapsed();
    rig::wait_until(&node, || Ok(node.store().queue().counts()?.idle == u64::from(blocks)))?;
    let took = begin.elapsed();
    node.stop();
    // Two leaf updates for each transfer, and one version for all fees of a block.
    let floor = witnesses::floor_of(blocks * (2 * TRANSFERS + 1), options.scale.repetitions)?;
    report(Figure {
        name: "chain",
        what: format!("import of {blocks} stored {CHUNKS}-chunk blocks to all jobs queued"),
        baseline: "floor".into(),
        value: took.as_secs_f64() / floor.as_secs_f64(),
        unit: "×",
        bound: Bound::AtMost(1.6),
        detail: format!(
            "{:.1} s, imported after {:.1} s, floor {:.1} s",
            took.as_secs_f64(),
            imported.as_secs_f64(),
            floor.as_secs_f64()
        ),
    });
    Ok(())
}
