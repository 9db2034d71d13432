//! Start of the real binary on a data folder, and its memory.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::rig::SECRET;
use crate::client::Client;
use crate::config::Secret;
use crate::domain::{ProverInputRequest, ProverInputRequestAuxData};

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
    let child = Command::new(server)
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder)
        .env("API_PROVER_SECRET_AUTH", SECRET)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("starting {}", server.display()))?;
    let mut child = Killed(child);
    let mut line = String::new();
    let output = child.0.stdout.take().context("the output of the server")?;
    BufReader::new(output).read_line(&mut line)?;
    let address = line.strip_prefix("serving on ").and_then(|rest| rest.split(',').next());
    let url = address.with_context(|| format!("the server said {line:?}"))?;

    let client = Client::new(url, &Secret::new(SECRET)?, Duration::from_secs(60))?;
    let request =
        ProverInputRequest { prover_name: "bench".into(), aux_data: ProverInputRequestAuxData::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(client.get_with_body("/get_job", &request))?.success()?;
    let first_job = begin.elapsed();
    if answer.starts_with(br#"{"job_id":0,"#) {
        bail!("the server has no job");
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.0.id())).unwrap_or_default();
    Ok(Start { first_job, resident: field(&status, "VmRSS:"), peak: field(&status, "VmHWM:") })
}

/// A field of `/proc/…/status`, which is in kB.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes =
        line.and_then(|line| line.split_whitespace().next()).and_then(|word| word.parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}

/// Ends its process when dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn memory_is_read_in_bytes() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(super::field(status, "VmRSS:"), 1 << 20);
        assert_eq!(super::field("", "VmRSS:"), 0);
    }
}
