//! The server below a devnet, which ends with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;

use crate::service::Service;

/// The server below a devnet.
pub(super) struct Host {
    runtime: Handle,
    service: Service,
    stopping: Arc<AtomicBool>,
}

impl Host {
    /// Takes over a service; `stopping` becomes true when the devnet is asked to stop.
    pub(super) fn new(service: Service, stopping: Arc<AtomicBool>) -> Self {
        Self { runtime: Handle::current(), service, stopping }
    }

    /// Returns true once the devnet was asked to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Stops the server.
    pub(super) fn stop(self) {
        self.runtime.block_on(self.service.stop());
    }
}
