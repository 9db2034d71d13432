//! Delivery of job data over HTTP on loopback, and latency from a stored witness to its job.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use axum::{Router, routing::get};
use bytes::Bytes;

use super::figure::{Bound, Figure};
use super::options::Options;
use super::rig::{self, Server};
use super::timing::Times;
use zksync_witness_server::testing::Chain;
use zksync_witness_server::testing::internals::workers::Node;

const PROVER: &str = "bench";
/// Number of requests for each repetition.
const REQUESTS: usize = 20;
/// Number of blocks whose latency is measured, for each repetition.
const BLOCKS: usize = 4;

/// Measures `get_job` for each encoding, and the latency from a stored witness to its job.
///
/// # Errors
/// Fails if the server or the data folder fails.
pub fn run(options: &Options, report: &mut dyn FnMut(Figure)) -> anyhow::Result<()> {
    let mut chain = Chain::with_accounts(1_000, 100);
    let folder = tempfile::tempdir_in(&options.scratch)?;
    let node = rig::node(folder.path(), &chain)?;
    rig::witness_next(&node, &mut chain, 390)?;
    rig::wait_until(&node, || Ok(node.store().queue().counts()?.idle == 1))?;
    let requests = REQUESTS * options.scale.repetitions;
    for (encoding, name, bound) in [
        ("identity", "get_job_identity", Bound::AtMost(1.5)),
        ("zstd", "get_job_zstd", Bound::None),
        ("gzip", "get_job_gzip", Bound::None),
    ] {
        let (ours, plain, length) = rig::runtime()?.block_on(get_job(&node, encoding, requests))?;
        report(Figure {
            name,
            what: format!("get_job of 390 chunks, loopback, p50, {encoding}, {length} bytes"),
            baseline: "static body".into(),
            value: ours.median().as_secs_f64() / plain.median().as_secs_f64(),
            unit: "×",
            bound,
            detail: format!("{ours} against {plain}"),
        });
    }
    report(latency(&node, &mut chain, BLOCKS * options.scale.repetitions)?);
    node.stop();
    Ok(())
}

/// Measures `get_job` and a response of the same length from memory, in turns. Returns the times of
/// both and the length in bytes.
async fn get_job(node: &Arc<Node>, encoding: &str, requests: usize) -> anyhow::Result<(Times, Times, usize)> {
    let server = Server::start(node.clone(), Router::new()).await?;
    let mut prover = server.prover(PROVER).await?;
    let (_, length) = prover.get_job(encoding).await?;
    prover.stopped().await?;
    let body = Bytes::from(vec![b'x'; length]);
    let more = Router::new().route("/static", get(move || async move { body }));
    let mut prover = Server::start(node.clone(), more).await?.prover(PROVER).await?;
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..requests {
        let begin = Instant::now();
        let (_, got) = prover.get_job(encoding).await?;
        ours.push(begin.elapsed());
        prover.stopped().await?;
        let begin = Instant::now();
        let (same, _) = prover.ask("GET", "/static", "", "").await?;
        plain.push(begin.elapsed());
        // The id of the job may grow by a digit.
        ensure!(got.abs_diff(same) < 16, "{got} bytes against {same}");
    }
    Ok((Times::new(ours), Times::new(plain), length))
}

/// Measures the time from the moment a witness can be read until its job is idle, on an otherwise
/// idle system.
fn latency(node: &Node, chain: &mut Chain, blocks: usize) -> anyhow::Result<Figure> {
    let mut times = Vec::new();
    for _ in 0..blocks {
        let idle = node.store().queue().counts()?.idle;
        let block = serde_json::to_vec(&chain.next_block(26))?;
        let (number, _) = node.import_block(&block)?;
        let mut witnessed = None;
        rig::wait_until(node, || {
            if witnessed.is_none() && node.store().tree().witness(number)?.is_some() {
                witnessed = Some(Instant::now());
            }
            Ok(node.store().queue().counts()?.idle > idle)
        })?;
        times.push(witnessed.map_or(Duration::ZERO, |at| at.elapsed()));
        // Before the next block, all workers are waiting for work.
        std::thread::sleep(Duration::from_millis(100));
    }
    let times = Times::new(times);
    Ok(Figure {
        name: "job_latency",
        what: "job visible after its witness is stored, idle system, p95".into(),
        baseline: String::new(),
        value: times.percentile(95).as_secs_f64() * 1e3,
        unit: "ms",
        bound: Bound::AtMost(10.0),
        detail: times.to_string(),
    })
}
