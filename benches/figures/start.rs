//! Start time and memory of the real binary on a data folder.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::server_process::{Footprint, SECRET, ServerProcess};
use zksync_witness_server::client::Client;
use zksync_witness_server::config::Secret;
use zksync_witness_server::testing::internals::domain::{ProverInputRequest, ProverInputRequestAuxData};

/// Time and memory of one start.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Time from the start of the process until a prover has its first job.
    pub first_job: Duration,
    /// Resident memory at that time, in bytes; 0 if the system does not report it.
    pub resident: u64,
    /// Peak of the resident memory, in bytes; 0 if the system does not report it.
    pub peak: u64,
}

/// Starts `server` on `folder`, claims a job, and ends the process.
///
/// # Errors
/// Fails if the server does not start or has no idle job.
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
        bail!("the server has no idle job");
    }
    let Footprint { resident_bytes, peak_bytes, .. } = process.footprint();
    Ok(Start { first_job, resident: resident_bytes, peak: peak_bytes })
}
