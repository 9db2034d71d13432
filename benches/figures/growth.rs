//! Cost of a block by the number of accounts and of chunks, on real data folders, and start time
//! and memory of a server on the largest of them.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use super::figure::{Bound, Figure};
use super::options::Options;
use super::plot::{Plot, Series};
use super::timing::Times;
use super::{rig, start};
use zksync_witness_server::testing::Chain;
use zksync_witness_server::testing::internals::workers::Node;

/// Number of accounts that can send; more would only cost time for keys.
const SIGNERS: u32 = 100;
/// Chunks of the blocks whose cost is measured by the number of accounts.
const CHUNKS: usize = 78;
/// Block sizes in use, in chunks (`docs/protocol/05-blocks.md` §1).
const SIZES: [usize; 4] = [26, 78, 182, 390];
/// Number of blocks before the first measured one.
const WARM_UP: usize = 2;

/// Measures the cost of a block by accounts and by chunks, and the start of a server.
///
/// # Errors
/// Fails if a data folder or the server fails.
pub fn run(options: &Options, report: &mut dyn FnMut(Figure)) -> anyhow::Result<()> {
    let mut by_accounts: Vec<(u32, Times)> = Vec::new();
    let mut by_chunks: Vec<(usize, Times)> = Vec::new();
    let largest = options.scale.large;
    for accounts in [1_000, 10_000, 100_000, largest] {
        if accounts > largest || by_accounts.iter().any(|(there, _)| *there == accounts) {
            continue;
        }
        let folder = tempfile::tempdir_in(&options.scratch)?;
        let mut chain = Chain::with_accounts(accounts, SIGNERS);
        let begin = Instant::now();
        let node = rig::node(folder.path(), &chain)?;
        if accounts == largest {
            report(genesis(accounts, begin));
        }
        by_accounts.push((accounts, cost(options, &node, &mut chain, CHUNKS)?));
        if accounts == 1_000 {
            for chunks in SIZES {
                by_chunks.push((chunks, cost(options, &node, &mut chain, chunks)?));
            }
        }
        node.stop();
        drop(node);
        if accounts == largest {
            // The tree of the chain builder is large as well.
            drop(chain);
            started(options, folder.path(), accounts, report)?;
        }
    }
    report(growth(&by_accounts));
    plots(options, &by_accounts, &by_chunks)
}

/// Measures import and witness of single blocks, one after the other.
fn cost(options: &Options, node: &Arc<Node>, chain: &mut Chain, chunks: usize) -> anyhow::Result<Times> {
    for _ in 0..WARM_UP {
        rig::witness_next(node, chain, chunks)?;
    }
    (0..2 * options.scale.repetitions).map(|_| rig::witness_next(node, chain, chunks)).collect()
}

fn growth(by_accounts: &[(u32, Times)]) -> Figure {
    let [first, last] =
        [by_accounts.first(), by_accounts.last()].map(|point| point.map(|(_, times)| times.clone()));
    let (first, last) = (first.unwrap_or(Times::new(Vec::new())), last.unwrap_or(Times::new(Vec::new())));
    let accounts = |point: Option<&(u32, Times)>| point.map_or(0, |(accounts, _)| *accounts);
    Figure {
        name: "growth",
        what: format!("cost of a block of {CHUNKS} chunks, {} accounts", accounts(by_accounts.last())),
        baseline: format!("{} accounts", accounts(by_accounts.first())),
        value: first.faster_than(&last),
        unit: "×",
        bound: Bound::AtMost(1.3),
        detail: format!("{last} against {first}"),
    }
}

fn genesis(accounts: u32, begin: Instant) -> Figure {
    Figure {
        name: "large_genesis",
        what: format!("import of a genesis of {accounts} accounts with equal balances"),
        baseline: String::new(),
        value: begin.elapsed().as_secs_f64(),
        unit: "s",
        bound: Bound::None,
        detail: String::new(),
    }
}

fn started(
    options: &Options,
    folder: &std::path::Path,
    accounts: u32,
    report: &mut dyn FnMut(Figure),
) -> anyhow::Result<()> {
    let starts = (0..options.scale.repetitions)
        .map(|_| start::measure(&options.server, folder))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let times: Times = starts.iter().map(|start| start.first_job).collect();
    report(Figure {
        name: "start",
        what: format!("start of serve on {accounts} accounts to the first job"),
        baseline: String::new(),
        value: times.median().as_secs_f64(),
        unit: "s",
        bound: Bound::AtMost(2.0),
        detail: times.to_string(),
    });
    let mib = |bytes: Option<u64>| bytes.unwrap_or(0) as f64 / f64::from(1 << 20);
    let peak = mib(starts.iter().map(|start| start.peak).max());
    report(Figure {
        name: "resident",
        what: "resident memory of that server".into(),
        baseline: String::new(),
        value: mib(starts.iter().map(|start| start.resident).max()),
        unit: "MiB",
        bound: Bound::AtMost(1024.0),
        detail: format!("peak {peak:.0} MiB"),
    });
    Ok(())
}

fn plots(
    options: &Options,
    by_accounts: &[(u32, Times)],
    by_chunks: &[(usize, Times)],
) -> anyhow::Result<()> {
    let Some(folder) = &options.plots else { return Ok(()) };
    fs::create_dir_all(folder)?;
    let milliseconds = |times: &Times| times.median().as_secs_f64() * 1e3;
    let accounts = Plot {
        title: format!("Import and witness of a block of {CHUNKS} chunks"),
        x: "accounts",
        y: "milliseconds",
        series: Series(by_accounts.iter().map(|(x, times)| (f64::from(*x), milliseconds(times))).collect()),
    };
    let chunks = Plot {
        title: "Import and witness of a block on 1000 accounts".into(),
        x: "chunks",
        y: "milliseconds",
        series: Series(by_chunks.iter().map(|(x, times)| (*x as f64, milliseconds(times))).collect()),
    };
    fs::write(folder.join("cost-by-accounts.svg"), accounts.svg())?;
    fs::write(folder.join("cost-by-chunks.svg"), chunks.svg())?;
    Ok(())
}
