//! Time from stored small blocks until all their jobs are queued, with and without their import, and
//! where the processor time of such a block goes.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

use super::figure::{Bound, Figure};
use super::options::Options;
use super::server_process::{SECRET, ServerProcess};
use super::{engines, rig, witnesses};
use zksync_witness_server::api::paths;
use zksync_witness_server::api::views::Status;
use zksync_witness_server::chain_folder::ChainFolder;
use zksync_witness_server::client::Client;
use zksync_witness_server::config::Secret;
use zksync_witness_server::testing::Chain;
use zksync_witness_server::testing::internals::crypto::rescue::{self, Engine};
use zksync_witness_server::testing::internals::domain::ImportedBlock;
use zksync_witness_server::testing::internals::domain::job::JobType;
use zksync_witness_server::testing::internals::witness::check_signatures;
use zksync_witness_server::testing::internals::workers::Node;

/// Chunks of the blocks of the budget and of the import.
const SMALL: usize = 26;
/// Chunks of large blocks.
const LARGE: usize = 390;
/// Number of blocks of the budget.
const BUDGET_BLOCKS: usize = 200;
/// Time between two looks for the last job: short beside a measurement, and the look costs little.
const POLL: Duration = Duration::from_millis(50);

/// A chain in a folder.
struct Stored {
    chain: Chain,
    folder: TempDir,
    files: ChainFolder,
    chunks: usize,
}

/// Measures the time from stored blocks until all their jobs are queued: by each engine, for large
/// blocks, and with the import.
///
/// # Errors
/// Fails if the data folder fails or a block is refused.
pub fn run(options: &Options, report: &mut dyn FnMut(Figure)) -> anyhow::Result<()> {
    let blocks = options.scale.blocks;
    let small = seal(options, SMALL, blocks)?;
    budget(options, &small, report)?;
    let best = rescue::engine();
    let without_import = catch_up(options, &small, blocks, report)?;
    import(options, &small, without_import, report)?;
    catch_up(options, &seal(options, LARGE, blocks / 20)?, blocks / 20, report)?;
    let others = [Engine::Portable, Engine::Fma].into_iter();
    for engine in others.filter(|engine| *engine != best && rescue::is_available(*engine)) {
        rescue::force_engine(engine)?;
        catch_up(options, &small, blocks / 5, report)?;
    }
    Ok(rescue::force_engine(best)?)
}

/// Seals blocks full of transfers and writes them into a folder.
fn seal(options: &Options, chunks: usize, blocks: u32) -> anyhow::Result<Stored> {
    let folder = tempfile::tempdir_in(&options.scratch)?;
    let mut chain = Chain::with_accounts(1_000, 100);
    fs::create_dir(folder.path().join("blocks"))?;
    fs::write(folder.path().join("genesis.json"), serde_json::to_vec(&chain.genesis())?)?;
    for number in 1..=blocks {
        let block = serde_json::to_vec(&chain.next_block(chunks))?;
        fs::write(folder.path().join(format!("blocks/{number:06}.json")), block)?;
    }
    let files = ChainFolder::open(folder.path())?;
    Ok(Stored { chain, folder, files, chunks })
}

/// Measures the first blocks of a chain from the start of the workers until all jobs are queued.
fn catch_up(
    options: &Options,
    stored: &Stored,
    blocks: u32,
    report: &mut dyn FnMut(Figure),
) -> anyhow::Result<Duration> {
    let folder = tempfile::tempdir_in(&options.scratch)?;
    let node = rig::idle_node(folder.path(), &stored.chain)?;
    for block in stored.files.blocks().iter().take(blocks as usize) {
        node.import_block(&block.file.read()?)?;
    }
    // The speed of a shared machine varies, so the floor is measured before and after the chain.
    let batches = || engines::batches_on_all_cores(rescue::engine(), 5 * options.scale.repetitions);
    let before = batches()?;
    let begin = Instant::now();
    let (processor, permutations) = processor_time(|| {
        node.start()?;
        wait_for_jobs(&node, blocks)
    })?;
    let took = begin.elapsed();
    node.stop();
    let after = batches()?;
    // Each transfer has two chunks and two leaf updates; all fees of a block are one more.
    let updates = blocks * (stored.chunks as u32 + 1);
    let [floor_before, floor_after] = [&before, &after].map(|batches| witnesses::floor_of(updates, batches));
    let floor = witnesses::floor_of(updates, &before.and(after));
    report(Figure {
        name: match (stored.chunks, rescue::engine()) {
            (SMALL, Engine::Ifma) => "chain_ifma",
            (SMALL, Engine::Fma) => "chain_fma",
            (SMALL, _) => "chain_portable",
            _ => "chain_large_blocks",
        },
        what: format!(
            "{blocks} stored {}-chunk blocks to all jobs queued, {:?}",
            stored.chunks,
            rescue::engine()
        ),
        baseline: "floor".into(),
        value: took.as_secs_f64() / floor.as_secs_f64(),
        unit: "×",
        bound: Bound::AtMost(if stored.chunks == SMALL { 1.15 } else { 1.08 }),
        detail: format!(
            "{:.1} s, floor {:.1} s before and {:.1} s after, {:.3} of its permutations, processors busy \
             for {:.0} %",
            took.as_secs_f64(),
            floor_before.as_secs_f64(),
            floor_after.as_secs_f64(),
            permutations as f64 / f64::from(updates * witnesses::PERMUTATIONS),
            100.0 * processor.as_secs_f64() / took.as_secs_f64() / rayon::current_num_threads() as f64,
        ),
    });
    Ok(took)
}

/// Measures the import of the same chain by the command line into a running server, until all jobs
/// are queued.
fn import(
    options: &Options,
    stored: &Stored,
    without_import: Duration,
    report: &mut dyn FnMut(Figure),
) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(&options.scratch)?;
    let server = ServerProcess::start(&options.server, folder.path(), None, &[])?;
    let client = Client::new(server.url(), &Secret::new(SECRET)?, Duration::from_secs(60))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let begin = Instant::now();
    let mut command = Command::new(&options.server);
    command
        .arg("import")
        .arg(stored.folder.path())
        .args(["--url", server.url()])
        .env("API_PROVER_SECRET_AUTH", SECRET);
    let status = command.stdout(Stdio::null()).status()?;
    ensure!(status.success(), "the import ended with {status}");
    let imported = begin.elapsed();
    loop {
        let status: Status = runtime.block_on(client.get(paths::STATUS))?.json()?;
        if status.jobs.last_single_block as usize == stored.files.blocks().len() {
            break;
        }
        thread::sleep(POLL);
    }
    let took = begin.elapsed();
    server.stop()?;
    report(Figure {
        name: "chain_import",
        what: "rate of the same with their import by the command line".into(),
        baseline: "without import".into(),
        value: 100.0 * without_import.as_secs_f64() / took.as_secs_f64(),
        unit: "%",
        bound: Bound::AtLeast(95.0),
        detail: format!("{:.1} s, imported after {:.1} s", took.as_secs_f64(), imported.as_secs_f64()),
    });
    Ok(())
}

/// Waits until the blocks up to `last` have jobs; looks rarely, because looking costs time as well.
fn wait_for_jobs(node: &Node, last: u32) -> anyhow::Result<()> {
    rig::wait_until(node, || {
        thread::sleep(POLL);
        Ok(node.store().queue().last_block_in_queue(JobType::Single)? == last)
    })
}

/// Measures the processor time of one block by stage, on all cores together: each stage takes the
/// first blocks of the chain alone.
fn budget(options: &Options, stored: &Stored, report: &mut dyn FnMut(Figure)) -> anyhow::Result<()> {
    let bodies: Vec<Vec<u8>> = stored
        .files
        .blocks()
        .iter()
        .take(BUDGET_BLOCKS)
        .map(|block| block.file.read())
        .collect::<Result<_, _>>()?;
    let blocks = bodies.len() as f64;
    let parsed: Vec<ImportedBlock> =
        bodies.iter().map(|body| serde_json::from_slice(body)).collect::<Result<_, _>>()?;

    let (signatures, _) = processor_time(|| {
        parsed.iter().for_each(|imported| drop(check_signatures(&imported.block)));
        Ok(())
    })?;
    let folder = tempfile::tempdir_in(&options.scratch)?;
    let node = rig::idle_node(folder.path(), &stored.chain)?;
    let (import, _) = processor_time(|| {
        for body in &bodies {
            node.import_block(body)?;
        }
        Ok(())
    })?;
    let (witness, permutations) = processor_time(|| {
        node.start()?;
        wait_for_jobs(&node, bodies.len() as u32)
    })?;
    node.stop();

    let batch = engines::batches_on_all_cores(rescue::engine(), options.scale.repetitions)?.median();
    let hashes = batch.as_secs_f64() / engines::STATES as f64 * permutations as f64;
    let of_block = |seconds: f64| 1e3 * seconds / blocks;
    let [signatures, import, witness] =
        [signatures, import, witness].map(|time| of_block(time.as_secs_f64()));
    let hashes = of_block(hashes);
    report(Figure {
        name: "chain_budget",
        what: format!("processor time of a {SMALL}-chunk block, import to job"),
        baseline: "its hashes".into(),
        value: (import + witness) / hashes,
        unit: "×",
        bound: Bound::None,
        detail: format!(
            "{hashes:.1} ms of hashes, {:.1} ms from plan to job, {signatures:.1} ms of signature checks, \
             {:.1} ms of the import without these",
            witness - hashes,
            import - signatures,
        ),
    });
    Ok(())
}

/// Returns the processor time of all threads while something runs, and the permutations computed.
fn processor_time(run: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<(Duration, u64)> {
    let now = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let permutations = || rescue::PERMUTATIONS.load(Ordering::Relaxed);
    let before = (now(), permutations());
    run()?;
    Ok((now() - before.0, permutations() - before.1))
}
