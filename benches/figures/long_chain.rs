//! What a long chain costs: bytes of a block by part of the data folder, memory and start of the
//! server, and the commands that walk the whole folder, at growing numbers of blocks; and the memory
//! of a server with more blocks than can be hashed in a measurement.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::figure::{Bound, Figure};
use super::options::Options;
use super::plot::{Plot, Series};
use super::rig;
use super::server_process::{SECRET, ServerProcess};
use super::short_blocks::{self, Content};
use super::start::{self, Start};
use zksync_witness_server::testing::Chain;
use zksync_witness_server::testing::internals::crypto::Fr;
use zksync_witness_server::testing::internals::domain::job::JobType;
use zksync_witness_server::testing::internals::domain::{public_input, sample_single_proof};
use zksync_witness_server::testing::internals::store::{
    NewProof, Preference, Store, StoreOptions, wait_until_closed,
};
use zksync_witness_server::testing::internals::workers::Node;

const CHUNKS: usize = 26;
const ACCOUNTS: u32 = 1_000;
const SIGNERS: u32 = 16;
/// Blocks at the end of the chain without a proof, so that a started server has jobs.
const UNPROVEN: u32 = 100;
/// Parts of a data folder.
const PARTS: [&str; 3] = ["index", "blobs", "journal"];
/// Blocks that the measured revert removes.
const REVERTED: u32 = 10;
/// Memory that a server with a million blocks may have, in MiB.
const MEMORY: f64 = 1024.0;

/// The measurements at one length of the chain.
struct Point {
    blocks: u32,
    bytes: [u64; PARTS.len()],
    start: Start,
    /// Resident memory, in bytes, after everything was read once.
    resident_after_reading: u64,
    doctor: Duration,
    backup: Duration,
    restore: Duration,
    revert: Duration,
    copy: Duration,
}

impl Point {
    fn of_block(&self, bytes: u64) -> f64 {
        bytes as f64 / f64::from(self.blocks)
    }

    fn resident_mib(&self) -> f64 {
        mib(self.start.resident)
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Measures a chain of blocks with one transfer at three lengths, the last the full one.
///
/// # Errors
/// Fails if a data folder, the server or a command fails.
pub fn run(options: &Options, report: &mut dyn FnMut(Figure)) -> anyhow::Result<()> {
    let full = options.scale.long_chain;
    let folder = tempfile::tempdir_in(&options.scratch)?;
    let mut chain = Chain::with_accounts(ACCOUNTS, SIGNERS);
    let mut points: Vec<Point> = Vec::new();
    let mut inputs = BTreeMap::new();
    for blocks in [full / 30, full / 3, full] {
        let there = points.last().map_or(0, |point| point.blocks);
        let node = rig::node(folder.path(), &chain)?;
        grow(&node, &mut chain, &mut inputs, blocks - there)?;
        node.stop();
        drop(node);
        let point = measure(options, folder.path(), blocks)?;
        describe(&point, report);
        points.push(point);
    }
    compare(&points, report);
    million(options, report)?;
    plots(options, &points)
}

/// Estimates the memory of a server with a million blocks after its start, by a line through two
/// long chains; the page cache is a bounded part of it. The blocks have no change sets, of which a
/// folder keeps only the last ones; their other records and files are as usual.
fn million(options: &Options, report: &mut dyn FnMut(Figure)) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(short_blocks::scratch(options, 4 << 30))?;
    // Bytes that do not compress, of about the sizes of a block with a transfer.
    let mut random = vec![0; 5_000];
    blake3::Hasher::new().finalize_xof().fill(&mut random);
    let content = Content { body: &random[..3_000], proof: &random[3_000..] };
    let half = options.scale.short_blocks;
    drop(short_blocks::create(folder.path())?);
    let mut resident = Vec::new();
    for last in [half, 2 * half] {
        let store = Store::open(folder.path(), StoreOptions::default())?;
        short_blocks::add_proven(&store, last - half + 1..=last - 1, content)?;
        short_blocks::add(&store, last..=last, content)?;
        store.sync()?;
        drop(store);
        wait_until_closed(folder.path())?;
        resident.push(mib(start::measure(&options.server, folder.path())?.resident));
    }
    let slope = (resident[1] - resident[0]) / f64::from(half);
    report(Figure {
        name: "long_memory",
        what: "resident memory after a start with 1000000 short blocks, by a line through two lengths".into(),
        baseline: String::new(),
        value: resident[1] + slope * (1e6 - f64::from(2 * half)),
        unit: "MiB",
        bound: Bound::AtMost(MEMORY),
        detail: format!(
            "{half} short blocks {:.0} MiB, {} {:.0} MiB, {:.0} B a block; index {:.0} B a block",
            resident[0],
            2 * half,
            resident[1],
            slope * f64::from(1 << 20),
            size_of(&folder.path().join("index"))? as f64 / f64::from(2 * half),
        ),
    });
    Ok(())
}

/// Imports `more` blocks, waits for their jobs, and proves all but the last. `inputs` has the public
/// inputs of the blocks that are not proven.
fn grow(node: &Node, chain: &mut Chain, inputs: &mut BTreeMap<u32, Fr>, more: u32) -> anyhow::Result<()> {
    for _ in 0..more {
        let imported = chain.next_block_of(CHUNKS, 1);
        node.import_block(&serde_json::to_vec(&imported)?)?;
        inputs.insert(imported.block.block_number.0, public_input(&imported.block.block_commitment));
    }
    let queue = node.store().queue();
    let last = inputs.last_key_value().map_or(0, |(block, _)| *block);
    rig::wait_until(node, || Ok(queue.last_block_in_queue(JobType::Single)? == last))?;
    while inputs.len() > UNPROVEN as usize {
        let job = queue.claim("long", Preference::default())?.context("no job is idle")?;
        let input = inputs.remove(&job.first).context("the job is of a proven block")?;
        let proof = sample_single_proof(&input, job.id.into());
        queue.publish(
            JobType::Single,
            NewProof { job_id: job.id, first: job.first, last: job.last, json: &serde_json::to_vec(&proof)? },
        )?;
    }
    Ok(())
}

fn measure(options: &Options, folder: &Path, blocks: u32) -> anyhow::Result<Point> {
    let mut bytes = [0; PARTS.len()];
    for (bytes, part) in bytes.iter_mut().zip(PARTS) {
        *bytes = size_of(&folder.join(part))?;
    }
    let start = start::measure(&options.server, folder)?;
    let scratch = tempfile::tempdir_in(&options.scratch)?;
    let [read, file, copied, restored] =
        ["read", "backup", "copy", "restored"].map(|name| scratch.path().join(name));
    let command = |arguments: &[&std::ffi::OsStr]| -> anyhow::Result<Duration> {
        let begin = Instant::now();
        let status = Command::new(&options.server)
            .args(arguments)
            .env("API_PROVER_SECRET_AUTH", SECRET)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("starting the binary")?;
        ensure!(status.success(), "{arguments:?} ended with {status}");
        Ok(begin.elapsed())
    };
    // A backup reads everything, so that the page cache is as full as it gets.
    let server = ServerProcess::start(&options.server, folder, None, &[])?;
    command(&[
        "backup".as_ref(),
        "--url".as_ref(),
        server.url().as_ref(),
        "--data-dir".as_ref(),
        folder.as_os_str(),
        "--out".as_ref(),
        read.as_ref(),
    ])?;
    let resident_after_reading = server.footprint().resident_bytes;
    server.stop()?;
    let folder = folder.as_os_str();
    let doctor = command(&["doctor".as_ref(), "--data-dir".as_ref(), folder])?;
    let backup =
        command(&["backup".as_ref(), "--data-dir".as_ref(), folder, "--out".as_ref(), file.as_ref()])?;
    let begin = Instant::now();
    fs::copy(&file, &copied)?;
    fs::File::open(&copied)?.sync_all()?;
    let copy = begin.elapsed();
    let restore = command(&["restore".as_ref(), file.as_ref(), "--data-dir".as_ref(), restored.as_ref()])?;
    let copied_folder = scratch.path().join("folder");
    let status = Command::new("cp").arg("-r").args([folder, copied_folder.as_os_str()]).status()?;
    ensure!(status.success(), "copying the folder ended with {status}");
    let to = (blocks - REVERTED).to_string();
    let revert = command(&[
        "revert".as_ref(),
        "--data-dir".as_ref(),
        copied_folder.as_ref(),
        "--to".as_ref(),
        to.as_ref(),
        "--yes".as_ref(),
    ])?;
    Ok(Point { blocks, bytes, start, resident_after_reading, doctor, backup, restore, revert, copy })
}

fn size_of(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size_of(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

/// Reports one length of the chain.
fn describe(point: &Point, report: &mut dyn FnMut(Figure)) {
    let mut value = |name, what: String, value, unit, bound, detail: String| {
        report(Figure { name, what, baseline: String::new(), value, unit, bound, detail });
    };
    let blocks = point.blocks;
    let parts: Vec<String> = PARTS
        .iter()
        .zip(point.bytes)
        .map(|(part, bytes)| format!("{part} {:.0}", point.of_block(bytes)))
        .collect();
    value(
        "long_bytes",
        format!("bytes of a proven block, {blocks} blocks of {CHUNKS} chunks"),
        point.of_block(point.bytes.iter().sum()),
        "B",
        Bound::None,
        parts.join(", "),
    );
    value(
        "long_resident",
        format!("resident memory of the server after its start, {blocks} blocks"),
        point.resident_mib(),
        "MiB",
        Bound::None,
        format!(
            "peak {:.0} MiB; after everything was read: {:.0} MiB",
            mib(point.start.peak),
            mib(point.resident_after_reading)
        ),
    );
    let seconds = Duration::as_secs_f64;
    value(
        "long_start",
        format!("start to the first job, {blocks} blocks"),
        seconds(&point.start.first_job),
        "s",
        Bound::None,
        String::new(),
    );
    value(
        "long_commands",
        format!("doctor, {blocks} blocks"),
        seconds(&point.doctor),
        "s",
        Bound::None,
        format!(
            "backup {:.2} s, restore {:.2} s, revert of {REVERTED} blocks {:.2} s; a synced copy of the backup {:.2} s",
            seconds(&point.backup),
            seconds(&point.restore),
            seconds(&point.revert),
            seconds(&point.copy)
        ),
    );
}

/// Reports what grows from the first to the last length.
fn compare(points: &[Point], report: &mut dyn FnMut(Figure)) {
    let [first, _, last] = points else { return };
    let growth = last.start.first_job.as_secs_f64() / first.start.first_job.as_secs_f64();
    report(Figure {
        name: "long_start_growth",
        what: format!("start to the first job, {} blocks", last.blocks),
        baseline: format!("{} blocks", first.blocks),
        value: growth,
        unit: "×",
        bound: Bound::AtMost((f64::from(last.blocks) / f64::from(first.blocks)).sqrt()),
        detail: "bound: the root of the ratio of blocks".into(),
    });
}

fn plots(options: &Options, points: &[Point]) -> anyhow::Result<()> {
    let Some(folder) = &options.plots else { return Ok(()) };
    fs::create_dir_all(folder)?;
    let plot = |name: &str, title: &str, y, of: &dyn Fn(&Point) -> f64| {
        let series = Series(points.iter().map(|point| (f64::from(point.blocks), of(point))).collect());
        fs::write(folder.join(name), Plot { title: title.into(), x: "blocks", y, series }.svg())
    };
    plot(
        "memory-by-blocks.svg",
        "Resident memory of the server after its start",
        "MiB",
        &Point::resident_mib,
    )?;
    plot("start-by-blocks.svg", "Start of the server to its first job", "milliseconds", &|point| {
        point.start.first_job.as_secs_f64() * 1e3
    })?;
    Ok(())
}
