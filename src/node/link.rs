//! The link to a node: one thread that reads the database and imports what is new.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use super::adoption::Progress;
use super::error::LinkError;
use super::follow::Follower;
use super::options::LinkOptions;
use super::state::StateProgress;
use super::stoppable_thread::StoppableThread;
use crate::backoff::Backoff;
use crate::clock::ProgressMeter;
use crate::config::NodeFrom;
use crate::workers::{LinkFault, LinkPhase, Node};

/// Delay before the next attempt after a failure.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));

/// Interval at which the progress of the start is logged.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// The thread of a link, which [`stop`](Self::stop) ends.
pub(crate) struct LinkThread(StoppableThread);

impl LinkThread {
    /// Starts to follow a node.
    ///
    /// # Errors
    /// Fails if the system refuses the thread or its runtime.
    pub(crate) fn start(node: Arc<Node>, options: LinkOptions) -> std::io::Result<Self> {
        Ok(Self(StoppableThread::start("node_link", move |stop| run(node, options, stop))?))
    }

    /// Stops the link after the import in progress.
    pub(crate) fn stop(self) {
        self.0.stop();
    }
}

/// Follows the node until it is stopped, and retries after each failure.
async fn run(node: Arc<Node>, options: LinkOptions, mut stop: watch::Receiver<bool>) {
    node.link().begin(options.url.to_string(), node.now_ms());
    warn_of_other_beginning(&node, &options);
    let meter = ProgressMeter::new(REPORT_INTERVAL);
    let progress: StateProgress = Arc::new(move |done, of| {
        if let Some(report) = meter.update(done as u64, of as u64) {
            info!(accounts = %report, "reading the state of the node");
        }
    });
    let mut attempt = 0_u32;
    loop {
        let mut follower = Follower::new(&node, &options, u32::MAX, &progress);
        let result = follower.follow(&mut stop).await;
        if *stop.borrow() {
            return;
        }
        if follower.has_progressed() {
            attempt = 0;
        }
        if let Err(error) = result {
            let last = error.is_final();
            report(&node, &error);
            if last {
                return;
            }
        }
        attempt = attempt.saturating_add(1);
        // A dropped sender also means that the link is stopped.
        let stopped = tokio::time::timeout(BACKOFF.delay(attempt), stop.wait_for(|stop| *stop)).await;
        if stopped.is_ok() {
            return;
        }
    }
}

/// Notes a failure, and logs it if it is another one than the last.
fn report(node: &Node, error: &LinkError) {
    let fault = LinkFault { code: error.code(), message: error.to_string(), at_ms: node.now_ms() };
    let phase = if error.is_final() { LinkPhase::Stopped } else { LinkPhase::Failing };
    node.metrics().node_up.set(0);
    if node.link().fail(phase, fault) {
        warn!(%error, code = error.code(), "the node is not followed");
    }
}

/// Imports everything that the node has, up to block `until`; returns what was imported.
///
/// # Errors
/// The first failure; what was imported before stays.
pub(crate) async fn import(
    node: &Arc<Node>,
    options: &LinkOptions,
    until: u32,
    progress: &StateProgress,
) -> Result<Progress, LinkError> {
    warn_of_other_beginning(node, options);
    Follower::new(node, options, until, progress).catch_up().await
}

/// Warns if the folder has begun with the state after another block than the options name.
fn warn_of_other_beginning(node: &Node, options: &LinkOptions) {
    if let (NodeFrom::Block(from), Ok(Some(genesis))) = (options.from, node.store().chain().genesis())
        && from != genesis.number
    {
        warn!(
            from,
            begun_with = genesis.number,
            "--from is ignored: this folder has begun with the state after another block; to begin elsewhere, choose an empty folder"
        );
    }
}
