//! `demo --live`: invented blocks, sample provers and the dashboard, until a signal.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api::paths;
use crate::cli::error::CliError;
use crate::cli::in_process::{REQUEST_TIMEOUT, confirm_proven, sample_prover};
use crate::cli::output::show;
use crate::cli::signals::Signals;
use crate::client::{Client, ProverJob, Work, sample_proof};
use crate::config::Config;
use crate::invented_chain::Chain;
use crate::service::Service;

/// Time between two blocks.
const BLOCK_INTERVAL: Duration = Duration::from_secs(1);
/// Time that the proof of ten chunks takes: long enough to be seen, short enough that the provers
/// keep up.
const TEN_CHUNKS: Duration = Duration::from_millis(1_700);
const PROVERS: u32 = 4;
/// Sizes of successive blocks, in chunks.
const SIZES: [usize; 6] = [10, 10, 30, 10, 10, 20];
/// Number of accounts of the invented chain, and of those that send transactions.
const ACCOUNTS: (u32, u32) = (64, 8);

/// Serves, seals blocks and proves them until a signal arrives.
///
/// # Errors
/// Fails if the server cannot start, or if a part of the demo fails.
pub(crate) async fn run(config: &Config, data: &Path) -> Result<(), CliError> {
    let service = Service::start(config, data).await?;
    show(&format!("Dashboard: http://{}/", service.admin_address()))?;
    show("Blocks, provers and proofs are invented. Press Ctrl-C to stop.")?;
    let outcome = until_signal(config, &service).await;
    service.stop().await;
    outcome
}

async fn until_signal(config: &Config, service: &Service) -> Result<(), CliError> {
    let mut signals = Signals::new()?;
    let client = Client::new(&service.url(), service.secret(), REQUEST_TIMEOUT)?;
    let (stop, stopped) = watch::channel(false);
    let mut work: JoinSet<Result<(), CliError>> = JoinSet::new();
    work.spawn(confirm_proven(client.clone(), service.node().store().clone(), stopped.clone()));
    work.spawn(blocks(client.clone(), stopped.clone()));
    for number in 1..=PROVERS {
        let name = format!("demo-prover-{number}");
        work.spawn(sample_prover(config, client.clone(), name, Arc::new(slow_proof), stopped.clone()));
    }
    let failed = || CliError::Failed("a part of the demo failed; see its log".to_owned());
    let outcome = tokio::select! {
        () = signals.any() => Ok(()),
        () = service.failed() => Err(failed()),
        Some(ended) = work.join_next() => ended.map_err(|_| failed()).and_then(|ended| ended.and(Err(failed()))),
    };
    stop.send_replace(true);
    while work.join_next().await.is_some() {}
    outcome
}

/// Seals a block in each interval.
async fn blocks(client: Client, mut stopped: watch::Receiver<bool>) -> Result<(), CliError> {
    let builder = || Chain::with_accounts(ACCOUNTS.0, ACCOUNTS.1);
    let built = tokio::task::spawn_blocking(builder).await;
    let mut chain = built.map_err(|error| CliError::Failed(error.to_string()))?;
    client.post(paths::GENESIS, &chain.genesis()).await?.success()?;
    for size in SIZES.into_iter().cycle() {
        let block = chain.next_block(size);
        client.post(paths::BLOCKS, &block).await?.success()?;
        tokio::select! {
            () = tokio::time::sleep(BLOCK_INTERVAL) => {}
            // This also ends if the sender is dropped.
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
    }
    Ok(())
}

/// Creates a sample proof, in a time that grows with the size of the job.
fn slow_proof(job: &ProverJob) -> anyhow::Result<crate::domain::JobResultData> {
    let chunks = match &job.work {
        Work::Block(_, chunks) => *chunks,
        Work::Aggregate(proofs) => 5 * proofs.len(),
    };
    std::thread::sleep(TEN_CHUNKS.mul_f64(chunks as f64 / 10.0));
    sample_proof(job)
}
