//! Leases and heartbeats per second over many connections, with an empty and with a long history.

use std::path::Path;
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
use super::short_blocks::{self, Content};
use zksync_witness_server::testing::internals::domain::job::JobType;
use zksync_witness_server::testing::internals::workers::{Node, NodeOptions};

/// Number of connections, each of one prover.
const CONNECTIONS: usize = 64;
/// Number of heartbeats between claim and release of a job.
const HEARTBEATS: usize = 10;
/// Number of idle jobs, so that every prover finds one.
const IDLE: u32 = 200;
/// Duration of one measurement.
const SPAN: Duration = Duration::from_secs(3);

/// Measures leases and heartbeats with an empty and with a long history.
///
/// # Errors
/// Fails if a server or a data folder fails.
pub fn run(options: &Options, report: &mut dyn FnMut(Figure)) -> anyhow::Result<()> {
    let scratch = short_blocks::scratch(options, 1 << 30);
    let (_old, long) = filled(scratch, options.scale.history)?;
    let (_new, empty) = filled(scratch, 0)?;
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
fn filled(scratch: &Path, history: u32) -> anyhow::Result<(TempDir, Arc<Node>)> {
    let folder = tempfile::tempdir_in(scratch)?;
    let store = short_blocks::create(folder.path())?;
    let content = Content { body: b"{}", proof: b"{}" };
    short_blocks::add_proven(&store, 1..=history, content)?;
    short_blocks::add(&store, history + 1..=history + IDLE, content)?;
    Ok((folder, Node::new(Arc::new(store), NodeOptions::default())))
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
