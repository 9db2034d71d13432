//! `demo --live`: invented blocks, sample provers and the dashboard, until it is interrupted.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api::paths;
use crate::cli::in_process::{REQUEST_TIMEOUT, Signals, layer_one, prover};
use crate::cli::{CliError, show};
use crate::client::{Client, Job, Refused, Work, sample_proof};
use crate::config::Config;
use crate::invented_chain::ChainBuilder;
use crate::service::Service;

/// Time between two blocks, and how long a block of ten chunks is proven: so that there is something to see, and all of it keeps up.
const BLOCK_INTERVAL: Duration = Duration::from_secs(1);
const TEN_CHUNKS: Duration = Duration::from_millis(1_700);
const PROVERS: u32 = 4;
/// Sizes of the blocks, in chunks, one after the other.
const SIZES: [usize; 6] = [10, 10, 30, 10, 10, 20];
/// Accounts of the invented chain, and how many of them send.
const ACCOUNTS: (u32, u32) = (64, 8);

/// Serves, and lets blocks come and be proven, until it is interrupted.
///
/// # Errors
/// When the server cannot start, or a part of it dies.
pub async fn run(config: &Config, data: &Path) -> Result<(), CliError> {
    let service = Service::start(config, data).await?;
    show(&format!("Dashboard: http://{}/", service.admin_address()))?;
    show("Blocks, provers and proofs are invented. Ctrl-C ends it.")?;
    let outcome = go_on(config, &service).await;
    service.stop().await;
    outcome
}

async fn go_on(config: &Config, service: &Service) -> Result<(), CliError> {
    let mut signals = Signals::new()?;
    let client = Client::new(&service.url(), service.secret(), REQUEST_TIMEOUT)?;
    let (stop, stopped) = watch::channel(false);
    let mut work: JoinSet<Result<(), CliError>> = JoinSet::new();
    work.spawn(layer_one::run(client.clone(), service.node().store().clone(), stopped.clone()));
    work.spawn(blocks(client.clone(), stopped.clone()));
    for number in 1..=PROVERS {
        let prover = prover(config, client.clone(), format!("demo-prover-{number}"), Arc::new(slow_proof));
        let stopped = stopped.clone();
        work.spawn(async move {
            let refused = |error: Refused| CliError::Failed(error.to_string());
            prover.run(stopped).await.map(|_| ()).map_err(refused)
        });
    }
    let died = || CliError::Failed("a part of the demo died; its log says why".to_owned());
    let outcome = tokio::select! {
        () = signals.any() => Ok(()),
        () = service.failed() => Err(died()),
        Some(ended) = work.join_next() => ended.map_err(|_| died()).and_then(|ended| ended.and(Err(died()))),
    };
    stop.send_replace(true);
    while work.join_next().await.is_some() {}
    outcome
}

/// Seals a block from time to time.
async fn blocks(client: Client, mut stopped: watch::Receiver<bool>) -> Result<(), CliError> {
    let builder = || ChainBuilder::new(ACCOUNTS.0, ACCOUNTS.1);
    let built = tokio::task::spawn_blocking(builder).await;
    let mut chain = built.map_err(|error| CliError::Failed(error.to_string()))?;
    client.post(paths::GENESIS, &chain.genesis()).await?.success()?;
    for size in SIZES.into_iter().cycle() {
        let block = chain.next_block(size);
        client.post(paths::BLOCKS, &block).await?.success()?;
        tokio::select! {
            () = tokio::time::sleep(BLOCK_INTERVAL) => {}
            // Told, or nobody is there to tell.
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
    }
    Ok(())
}

/// Not cryptographic, but it takes its time.
fn slow_proof(job: &Job) -> anyhow::Result<crate::domain::JobResultData> {
    let chunks = match &job.work {
        Work::Block(_, chunks) => *chunks,
        Work::Aggregate(proofs) => 5 * proofs.len(),
    };
    std::thread::sleep(TEN_CHUNKS.mul_f64(chunks as f64 / 10.0));
    sample_proof(job)
}
