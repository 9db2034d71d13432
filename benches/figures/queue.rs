//! Leases and heartbeats per second over many connections, with an empty and with a long history.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::figure::{Bound, Figure};
use super::options::Options;
use super::rig::{self, Prover, Server};
use zksync_witness_server::testing::internals::domain::job::JobType;
use zksync_witness_server::testing::internals::store::{
    AddOutcome, BlobKind, BlobLabel, GenesisEnd, NewBlock, NewProof, Preference, Store, StoreOptions,
    WitnessCommit,
};
use zksync_witness_server::testing::internals::tree::ChangeSet;
use zksync_witness_server::testing::internals::workers::{Node, NodeOptions};

/// Number of connections, each of one prover.
const CONNECTIONS: usize = 64;
/// Number of heartbeats between claim and release of a job.
const HEARTBEATS: usize = 10;
/// Number of idle jobs, so that every prover finds one.
const IDLE: u32 = 200;
/// Duration of one measurement.
const SPAN: Duration = Duration::from_secs(3);
/// A folder in memory: filling a history does not wait for a disk, and leases and heartbeats are
/// not synced.
const IN_MEMORY: &str = "/dev/shm";

/// Measures leases and heartbeats with an empty and with a long history.
///
/// # Errors
/// Fails if a server or a data folder fails.
pub fn run(options: &Options, report: &mut dyn FnMut(Figure)) -> anyhow::Result<()> {
    let in_memory = Path::new(IN_MEMORY);
    let scratch = if in_memory.is_dir() { in_memory.to_owned() } else { options.scratch.clone() };
    let (_old, long) = filled(&scratch, options.scale.history)?;
    let (_new, empty) = filled(&scratch, 0)?;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..options.scale.repetitions {
        with.push(rate(&long)?);
        without.push(rate(&empty)?);
    }
    let (with, without) = (middle(with), middle(without));
    report(Figure {
        name: "queue_history",
        what: format!("leases and heartbeats, {CONNECTIONS} connections, empty history, rate",),
        baseline: format!("with {} jobs of history", options.scale.history),
        value: without.1 / with.1,
        unit: "×",
        bound: Bound::AtMost(1.1),
        detail: format!(
            "{:.0}/s [{:.0} … {:.0}] against {:.0}/s [{:.0} … {:.0}]",
            without.1, without.0, without.2, with.1, with.0, with.2
        ),
    });
    Ok(())
}

fn middle(mut rates: Vec<f64>) -> (f64, f64, f64) {
    rates.sort_by(f64::total_cmp);
    (rates[0], rates[rates.len() / 2], rates[rates.len() - 1])
}

/// Returns a node on a store with `history` finished jobs and [`IDLE`] idle ones. Blocks, witnesses
/// and proofs are as short as possible, because only their number matters here.
fn filled(scratch: &PathBuf, history: u32) -> anyhow::Result<(TempDir, Arc<Node>)> {
    let folder = tempfile::tempdir_in(scratch)?;
    let store = Store::open(folder.path(), StoreOptions { history: 1, ..StoreOptions::default() })?;
    let genesis = store.load_genesis([0; 32], 1)?.context("the new store already has a genesis")?;
    genesis.finish(GenesisEnd {
        blob: store.prepare_blob(BlobLabel::block(BlobKind::Genesis, 0), b"{}")?,
        root: [0; 32],
        accounts: 0,
        tree: Vec::new(),
        roots: (b"roots".to_vec(), Vec::new()),
    })?;
    for number in 1..=history + IDLE {
        let id = add_job(&store, number)?;
        if number <= history {
            store
                .queue()
                .claim("history", Preference::default())?
                .context("the added job cannot be claimed")?;
            store.queue().publish(
                JobType::Single,
                NewProof { job_id: id, first: number, last: number, json: b"{}" },
            )?;
        }
    }
    Ok((folder, Node::new(Arc::new(store), NodeOptions::default())))
}

fn add_job(store: &Store, number: u32) -> anyhow::Result<u32> {
    store.chain().put_block(NewBlock {
        number,
        root: [0; 32],
        commitment: [0; 32],
        chunks: 26,
        content_hash: [1; 32],
        json: b"{}",
        extra: b"",
        changes: &[],
        quarantine: None,
    })?;
    let witness = Some(store.tree().prepare_witness(number, 26, |out| out.write_all(b"{}"))?);
    let change_set = ChangeSet::default();
    store.tree().commit_witness(WitnessCommit {
        number,
        witness,
        required: true,
        change_set: &change_set,
        root: [0; 32],
    })?;
    match store.queue().add_single_job(number)? {
        AddOutcome::Added(id) | AddOutcome::Exists(id) => Ok(id),
    }
}

/// Measures the rate of leases and heartbeats, per second.
fn rate(node: &Arc<Node>) -> anyhow::Result<f64> {
    let rate = rig::runtime()?.block_on(async {
        let server = Server::start(node.clone(), Router::new()).await?;
        let done = Arc::new(AtomicU64::new(0));
        let begin = Instant::now();
        let mut provers = JoinSet::new();
        for prover in 0..CONNECTIONS {
            let prover = server.prover(&format!("prover-{prover}")).await?;
            provers.spawn(prove(prover, begin + SPAN, done.clone()));
        }
        while let Some(ended) = provers.join_next().await {
            ended??;
        }
        anyhow::Ok(done.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64())
    })?;
    anyhow::ensure!(
        node.store().queue().last_block_in_queue(JobType::Single)? >= IDLE,
        "jobs were lost during the measurement"
    );
    Ok(rate)
}

async fn prove(mut prover: Prover, until: Instant, done: Arc<AtomicU64>) -> anyhow::Result<()> {
    while Instant::now() < until {
        let (id, _) = prover.get_job("").await?;
        let id = id.context("the response has no job id")?;
        for _ in 0..HEARTBEATS {
            prover.working_on(id).await?;
        }
        prover.stopped().await?;
        done.fetch_add(1 + HEARTBEATS as u64, Ordering::Relaxed);
    }
    Ok(())
}
