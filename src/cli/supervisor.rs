//! Messages to the supervisor of the process, such as systemd with `Type=notify`: readiness, state,
//! stop, and a sign of life for its watchdog.
//!
//! They go to the socket in `NOTIFY_SOCKET`; without it nothing is sent. `WATCHDOG_USEC` is the time
//! after which the supervisor ends a process that gives no sign of life.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::workers::{Node, is_alive, unready_reasons};

/// Interval of the checks until the server is ready.
const START_INTERVAL: Duration = Duration::from_millis(200);
/// Interval of the checks of a ready server without a watchdog: only the state is reported then.
const STATUS_INTERVAL: Duration = Duration::from_secs(30);
/// Shortest interval of the checks.
const MIN_INTERVAL: Duration = Duration::from_millis(10);
/// Longest wait until the supervisor has received the last message.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// The reports to the supervisor while the server runs.
pub(crate) struct Supervisor {
    /// `None` if no supervisor listens.
    reports: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Reports readiness as soon as the node is ready, then its state and its life. `serving` says
    /// what a ready server does.
    pub(crate) fn start(node: Arc<Node>, serving: String) -> Self {
        Self { reports: listens().then(|| tokio::spawn(report(node, serving))) }
    }

    /// Reports that the server stops. The watchdog does not count from then on.
    pub(crate) async fn stopping(self) {
        let Some(reports) = self.reports else { return };
        reports.abort();
        let told = spawn_blocking(|| send(&[NotifyState::Stopping, NotifyState::Status("Stopping")]));
        // A supervisor that does not read must not delay the stop.
        let _ = timeout(STOP_TIMEOUT, told).await;
    }
}

/// Reports that a data folder is being opened, which may take long.
pub(crate) fn opening(folder: &Path) {
    if listens() {
        send(&[NotifyState::Status(&format!("Opening {}", folder.display()))]);
    }
}

/// Returns true if a supervisor listens.
fn listens() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| !socket.is_empty())
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "the supervisor behind NOTIFY_SOCKET is not reached");
    }
}

/// Checks the node and reports, until the task is aborted. The checks run on threads for blocking
/// work, as requests do: if these, the store or this runtime hang, no sign of life is sent.
async fn report(node: Arc<Node>, serving: String) {
    let watchdog = sd_notify::watchdog_enabled();
    let regular = watchdog.map_or(STATUS_INTERVAL, |timeout| (timeout / 2).max(MIN_INTERVAL));
    let mut known = Known::default();
    loop {
        let node = node.clone();
        let checked = spawn_blocking(move || (unready_reasons(&node), is_alive(&node))).await;
        let (reasons, alive) =
            checked.unwrap_or_else(|error| (vec![format!("the check of the store failed: {error}")], false));
        let report = known.next(&reasons, alive && watchdog.is_some(), &serving);
        drop(spawn_blocking(move || report.send()).await);
        let wait = match (known.ready, alive) {
            (false, _) => START_INTERVAL.min(regular),
            (true, true) => regular,
            // One check that fails by chance must not end the server.
            (true, false) => (regular / 4).max(MIN_INTERVAL),
        };
        sleep(wait).await;
    }
}

/// The state that was last reported to the supervisor.
#[derive(Debug, Default)]
struct Known {
    ready: bool,
    status: String,
}

/// One message.
struct Report {
    ready: bool,
    /// The state, if it has changed.
    status: Option<String>,
    life: bool,
}

impl Known {
    /// Returns the next message: readiness once, the state if it has changed, and from readiness on a
    /// sign of life if `life` is true.
    fn next(&mut self, reasons: &[String], life: bool, serving: &str) -> Report {
        let is_ready = reasons.is_empty();
        let status = if is_ready { serving.to_owned() } else { format!("Not ready: {}", reasons.join("; ")) };
        let ready = is_ready && !self.ready;
        self.ready |= is_ready;
        let changed = (status != self.status).then(|| status.clone());
        self.status = status;
        Report { ready, status: changed, life: life && self.ready }
    }
}

impl Report {
    fn send(&self) {
        let ready = self.ready.then_some(NotifyState::Ready);
        let status = self.status.as_deref().map(NotifyState::Status);
        let life = self.life.then_some(NotifyState::Watchdog);
        let states: Vec<NotifyState<'_>> = [ready, status, life].into_iter().flatten().collect();
        if !states.is_empty() {
            send(&states);
        }
    }
}
