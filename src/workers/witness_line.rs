//! What the threads that build witnesses share: one hasher and several maintainers.

use std::sync::Arc;
use std::time::Duration;

use super::tree_versions::TreeVersions;
use super::wakeup::Wakeup;
use crate::config::Share;
use crate::metrics::Metrics;
use crate::store::Store;

/// State shared by the hasher and the maintainers.
pub(super) struct WitnessLine {
    /// The store of blocks and witnesses.
    pub(super) store: Arc<Store>,
    /// Metrics of the node.
    pub(super) metrics: Arc<Metrics>,
    /// The tree versions.
    pub(super) versions: TreeVersions,
    /// Wakes hasher and maintainers, and is notified by them.
    pub(super) wakeup: Arc<Wakeup>,
    /// Longest wait if nothing wakes a thread.
    pub(super) interval: Duration,
    /// The last block to build; `u32::MAX` for no limit.
    pub(super) until: u32,
    /// The last block that was verified before the start. Up to it, only trees are needed, not
    /// witnesses.
    pub(super) last_verified: u32,
    /// The share of the blocks whose witnesses are built.
    pub(super) share: Share,
}

impl WitnessLine {
    /// Returns true if this server builds the witness of a block; else only the tree moves over it.
    pub(super) fn builds(&self, number: u32) -> bool {
        number > self.last_verified && self.share.owns(number)
    }
}
