//! The real binary as a separate process: starts it on a data folder, reads its footprint from
//! `/proc`, and stops it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;

/// Secret of a server that listens on loopback only.
pub const SECRET: &str = "only for this measurement";

/// Longest wait for the process to end after SIGTERM.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// Number of lines of the log that an error shows, from its end.
const LOG_LINES: usize = 20;

/// A running server, which is killed on drop.
pub struct ServerProcess {
    child: Child,
    url: String,
    log: Option<PathBuf>,
}

/// Resources that a process uses, as Linux reports them; all zero on other systems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Footprint {
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
    /// Peak of the resident memory, in bytes.
    pub peak_bytes: u64,
    /// Number of open files and sockets.
    pub descriptors: u64,
    /// Number of threads.
    pub threads: u64,
}

impl ServerProcess {
    /// Starts `server` on `folder`, on free loopback ports, with the further arguments `more`. The
    /// log is appended to the file `log`, or discarded.
    ///
    /// # Errors
    /// Fails if the server does not start; the error has the end of its log.
    pub fn start(server: &Path, folder: &Path, log: Option<&Path>, more: &[String]) -> anyhow::Result<Self> {
        let stderr = match log {
            Some(path) => fs::File::options().create(true).append(true).open(path)?.into(),
            None => Stdio::null(),
        };
        let child = Command::new(server)
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder)
            .args(more)
            .env("API_PROVER_SECRET_AUTH", SECRET)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .with_context(|| format!("starting {}", server.display()))?;
        let mut process = Self { child, url: String::new(), log: log.map(Path::to_owned) };
        let mut line = String::new();
        let output = process.child.stdout.take().context("the server has no standard output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.strip_prefix("serving on ").and_then(|rest| rest.split(',').next());
        match address {
            Some(url) => process.url = url.to_owned(),
            None => bail!("the server did not start; its first line was {line:?}{}", process.end_of_log()),
        }
        Ok(process)
    }

    /// Returns the base URL of the server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns true if the process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Returns the resources that the process uses now.
    pub fn footprint(&self) -> Footprint {
        let folder = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
        Footprint {
            resident_bytes: field(&status, "VmRSS:") << 10,
            peak_bytes: field(&status, "VmHWM:") << 10,
            descriptors: fs::read_dir(folder.join("fd")).map_or(0, |entries| entries.count() as u64),
            threads: field(&status, "Threads:"),
        }
    }

    /// Sends SIGTERM, as an operator would, and waits until the process has ended.
    ///
    /// # Errors
    /// Fails if the process does not end in time, or ends with an exit code other than 0.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(
            pid.context("the server has no process id")?,
            rustix::process::Signal::TERM,
        )?;
        let begin = Instant::now();
        while begin.elapsed() < STOP_TIMEOUT {
            if let Some(status) = self.child.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!("the server ended with {status}{}", self.end_of_log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the server did not stop in time{}", self.end_of_log())
    }

    /// Returns the last lines of the log, for an error message.
    pub fn end_of_log(&self) -> String {
        let mut text = Vec::new();
        let read = self.log.as_ref().map(|path| fs::File::open(path)?.read_to_end(&mut text));
        if !matches!(read, Some(Ok(length)) if length > 0) {
            return String::new();
        }
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        format!("; its log ends:\n{}", lines[lines.len().saturating_sub(LOG_LINES)..].join("\n"))
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // The process may have ended by itself, so errors are ignored.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the number of the line `name` in `/proc/…/status`, or 0 if there is no such line.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()).and_then(|word| word.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
#[allow(unused_imports, dead_code, reason = "a benchmark has no test harness; tests/ runs these")]
mod tests {
    #[test]
    fn numbers_are_found_by_their_name() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t7\n";
        assert_eq!(super::field(status, "VmRSS:"), 1024);
        assert_eq!(super::field(status, "Threads:"), 7);
        assert_eq!(super::field("", "VmRSS:"), 0);
    }
}
