//! The end of the server, after SIGTERM or SIGINT.
//!
//! `serve` receives the signal (`cli/serve.rs`, `cli/signals.rs`) and calls [`Service::stop`],
//! which, in this order,
//!
//! 1. stops accepting connections, drops those without a whole request, and ends the event streams,
//! 2. waits for the requests in flight, up to three quarters of `shutdown_timeout`, then closes their
//!    connections,
//! 3. stops the workers and flushes the store, in the rest of `shutdown_timeout`.
//!
//! Another signal, at least 1 s after the first, ends the process at once. In every case all
//! acknowledged data is on disk; interrupted work is repeated after the next start.

use std::time::Instant;

use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::running::Service;
use crate::node::{HandBackThread, LinkThread};

impl Service {
    /// Stops the server in the order given in the module documentation.
    pub async fn stop(self) {
        let begin = Instant::now();
        self.stopping.send_replace(true);
        // Event streams end with the monitor; they would not end by themselves.
        self.monitor.abort();
        for listener in self.listeners {
            if let Ok(cut) = listener.await
                && cut > 0
            {
                warn!(connections = cut, "connections were closed because their requests took too long");
            }
        }
        let node = self.node;
        let link = self.link;
        let stopped = tokio::task::spawn_blocking(move || {
            stop_link(link);
            node.stop();
            node.store().sync()
        });
        let left = self.shutdown_timeout.saturating_sub(begin.elapsed());
        match tokio::time::timeout(left, stopped).await {
            Ok(Ok(Ok(()))) => info!("stopped"),
            Ok(Ok(Err(error))) => warn!(%error, "the last flush failed; acknowledged data is on disk"),
            Ok(Err(error)) => warn!(%error, "stopping the workers failed"),
            Err(_) => warn!("the workers did not stop in time; their work is repeated after the next start"),
        }
    }

    /// Stops the server without waiting for requests: closes all connections and waits only for the
    /// workers.
    pub fn cut(self) {
        self.stopping.send_replace(true);
        self.listeners.iter().for_each(JoinHandle::abort);
        // The monitor holds the node, and with it the folder.
        self.monitor.abort();
        stop_link(self.link);
        self.node.stop();
    }
}

fn stop_link(link: Option<(LinkThread, HandBackThread)>) {
    if let Some((link, hand_back)) = link {
        link.stop();
        hand_back.stop();
    }
}
