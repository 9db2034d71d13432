//! The real binary as a process of its own: started on a data folder, looked at from outside, stopped.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;

/// The secret of a server that only this machine reaches.
pub const SECRET: &str = "only for this measurement";

/// Longest wait for the end of a process that was told to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// Lines at the end of its log that an error shows.
const LOG_LINES: usize = 20;

/// A running server; killed when dropped.
pub struct ServerProcess {
    child: Child,
    url: String,
    log: Option<PathBuf>,
}

/// What the system says about a process. All zero where it does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Footprint {
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
    /// The most of it there ever was, in bytes.
    pub peak_bytes: u64,
    /// Open files and sockets.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
}

impl ServerProcess {
    /// Starts `server` on `folder`, on free ports of this machine, with these further arguments; its log goes to a file, or nowhere.
    ///
    /// # Errors
    /// When it does not start; with the end of its log.
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
        let output = process.child.stdout.take().context("the output of the server")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.strip_prefix("serving on ").and_then(|rest| rest.split(',').next());
        match address {
            Some(url) => process.url = url.to_owned(),
            None => bail!("the server said {line:?}{}", process.end_of_log()),
        }
        Ok(process)
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Memory, files and threads now.
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

    /// Tells it to stop, as an operator would, and waits for its end.
    ///
    /// # Errors
    /// When it does not stop in time, or says that something was wrong.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.context("the id of the server")?, rustix::process::Signal::TERM)?;
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
        bail!("the server does not stop{}", self.end_of_log())
    }

    /// The last lines of the log, for an error.
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
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number in `/proc/…/status`.
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
