//! SIGINT, SIGTERM and SIGHUP.

use std::io::{IsTerminal, stderr, stdin};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::CliError;

/// Time after the begin of a stop in which further signals count as the first: `timeout`, and
/// programs that pass Ctrl-C on, signal both this process and its group.
const ONE_SIGNAL: Duration = Duration::from_secs(1);

/// Signals of this process.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` if SIGHUP is ignored, as after `nohup`.
    hangup: Option<Signal>,
    /// True if the process was started on a terminal, so that SIGHUP means that the terminal is
    /// gone.
    on_terminal: bool,
}

/// The request that a signal stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// SIGINT or SIGTERM.
    Stop,
    /// SIGHUP of a process that was started on a terminal: the terminal is gone.
    TerminalGone,
    /// SIGHUP of a process without a terminal.
    Reload,
}

impl Signals {
    /// Takes over the signals; they no longer end the process.
    ///
    /// # Errors
    /// [`CliError::Runtime`].
    pub(crate) fn new() -> Result<Self, CliError> {
        let on = |kind| signal(kind).map_err(CliError::Runtime);
        let hangup = (!is_hangup_ignored()).then(|| on(SignalKind::hangup())).transpose()?;
        let on_terminal = stdin().is_terminal() || stderr().is_terminal();
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hangup,
            on_terminal,
        })
    }

    /// Takes over the signals before anything runs on a runtime.
    ///
    /// # Errors
    /// [`CliError::Runtime`].
    pub(crate) fn on(runtime: &Runtime) -> Result<Self, CliError> {
        let _entered = runtime.enter();
        Self::new()
    }

    /// Waits for the next signal of a program that can reload something.
    pub(crate) async fn next(&mut self) -> Request {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Request::Stop,
            _ = self.terminate.recv() => Request::Stop,
            _ = hangup => match self.on_terminal {
                true => Request::TerminalGone,
                false => Request::Reload,
            },
        }
    }

    /// Waits for the next signal; each stops a program that reloads nothing.
    pub(crate) async fn any(&mut self) {
        self.next().await;
    }

    /// Waits for another SIGINT or SIGTERM after a stop began. A terminal that goes may send SIGHUP
    /// several times.
    pub(crate) async fn stop_again(&mut self, stopping_since: Instant) {
        while self.next().await != Request::Stop || stopping_since.elapsed() < ONE_SIGNAL {}
    }
}

/// Returns true if SIGHUP is ignored. Known on Linux only.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The bit of signal 1.
    ignored.is_some_and(|mask| mask & 1 != 0)
}
