//! Start of the real binary on a data folder, and its memory.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::server_process::{Footprint, SECRET, ServerProcess};
use zksync_witness_server::client::Client;
use zksync_witness_server::config::Secret;
use zksync_witness_server::testing::internals::domain::{ProverInputRequest, ProverInputRequestAuxData};

/// What a start came to.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// From the start of the process to the first job in hand.
    pub first_job: Duration,
    /// Resident memory then, in bytes; 0 where the system does not tell.
    pub resident: u64,
    /// The most there ever was, likewise.
    pub peak: u64,
}

/// Starts `server` on `folder`, takes a job, and ends it again.
///
/// # Errors
/// When it does not start or has no job.
pub fn measure(server: &Path, folder: &Path) -> anyhow::Result<Start> {
    let begin = Instant::now();
    let process = ServerProcess::start(server, folder, None, &[])?;
    let client = Client::new(process.url(), &Secret::new(SECRET)?, Duration::from_secs(60))?;
    let request =
        ProverInputRequest { prover_name: "bench".into(), aux_data: ProverInputRequestAuxData::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(client.get_with_body("/get_job", &request))?.success()?;
    let first_job = begin.elapsed();
    if answer.starts_with(br#"{"job_id":0,"#) {
        bail!("the server has no job");
    }
    let Footprint { resident_bytes, peak_bytes, .. } = process.footprint();
    Ok(Start { first_job, resident: resident_bytes, peak: peak_bytes })
}
