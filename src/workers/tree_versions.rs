//! The versions of the account tree between the last committed and the last hashed block.
//!
//! Blocks are *hashed* in order and *committed* in order; in between, several maintainers assemble
//! and compress witnesses concurrently. The changes of a hashed block are an overlay over the
//! stored tree until its commit applies them, so that no tree is copied and no node is hashed
//! twice. Waiting blocks are hashed in one run, whose batches fill the lanes of the hash engine
//! even if the blocks are small; each block is then finished by its own maintainer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;

use super::wakeup::Wakeup;
use crate::domain::ImportedBlock;
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};
use crate::tree::view::Overlay;
use crate::tree::{ChangeSet, TreeView};
use crate::witness::Hashed;

/// Largest number of blocks that are hashed but not committed. It bounds the memory if the disk is
/// slower than hashing.
const MAX_AHEAD: u32 = 16;

/// The tree versions that all maintainers share.
pub(crate) struct TreeVersions {
    state: Mutex<State>,
    wakeup: Arc<Wakeup>,
    /// Number of versions in memory.
    gauge: Gauge,
}

struct State {
    view: TreeView,
    hashed: u32,
    committed: u32,
    /// Hashed blocks that no maintainer has taken yet.
    ready: BTreeMap<u32, HashedBlock>,
}

pub(crate) struct HashedBlock {
    /// The block with its account updates.
    pub imported: ImportedBlock,
    /// The tree versions within the block.
    pub hashed: Hashed,
    /// The changes of the stored tree by the block.
    pub changes: ChangeSet,
    /// Duration of the hashing of its run.
    pub hashing: Duration,
}

impl TreeVersions {
    /// Starts with the stored tree.
    pub(crate) fn open(store: &Store, wakeup: Arc<Wakeup>, metrics: &Metrics) -> Result<Self, StoreError> {
        let committed = store.tree().head()?;
        let view = TreeView::new(store.tree().source());
        Ok(Self {
            state: Mutex::new(State { view, hashed: committed, committed, ready: BTreeMap::new() }),
            wakeup,
            gauge: metrics.tree_cache_size.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the tree before block `number` and the number of blocks that may be hashed from
    /// there on, if the block is the next to be hashed.
    pub(crate) fn turn_to_hash(&self, number: u32) -> Option<(TreeView, u32)> {
        let state = self.lock();
        let turn = state.hashed.checked_add(1) == Some(number);
        let room = MAX_AHEAD.saturating_sub(state.hashed - state.committed);
        (turn && room > 0).then(|| (state.view.clone(), room))
    }

    /// Adds the versions after the blocks of a run, which must be the next to be hashed.
    pub(crate) fn hashed(&self, run: Vec<HashedBlock>) {
        let overlays: Vec<Arc<Overlay>> =
            run.iter().map(|block| Arc::new(Overlay::from(&block.changes))).collect();
        let mut state = self.lock();
        for (ready, overlay) in run.into_iter().zip(overlays) {
            state.view.push(overlay);
            state.hashed = ready.imported.block.block_number.0;
            let number = state.hashed;
            state.ready.insert(number, ready);
        }
        self.gauge.set((state.hashed - state.committed).into());
        drop(state);
        self.wakeup.notify();
    }

    /// Takes block `number`, if it is hashed. The caller must commit it.
    pub(crate) fn take(&self, number: u32) -> Option<HashedBlock> {
        self.lock().ready.remove(&number)
    }

    /// Returns true if block `number` is the next to be committed.
    pub(crate) fn turn_to_commit(&self, number: u32) -> bool {
        self.lock().committed.checked_add(1) == Some(number)
    }

    /// Removes the version of block `number`, which is committed and applied to the stored tree.
    pub(crate) fn committed(&self, number: u32) {
        let mut state = self.lock();
        state.view.pop_oldest();
        state.committed = number;
        self.gauge.set((state.hashed - state.committed).into());
        drop(state);
        self.wakeup.notify();
    }

    /// Returns the last committed block.
    pub(crate) fn head(&self) -> u32 {
        self.lock().committed
    }
}
