//! The one chain of tree versions that all maintainers share.
//!
//! Blocks are *hashed* in order and *committed* in order; in between, several maintainers assemble and compress at once. A
//! hashed block lies as an overlay above the stored tree until its commit has applied it, so nothing is copied and nothing
//! is hashed twice. Blocks that wait are hashed in one run, whose batches fill the lanes of the hash engine also when the blocks are
//! small; each is then picked up by its own maintainer.

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

/// Blocks that may be hashed but not committed: bounds the memory of a chain whose disk is slower than its hashing.
const AHEAD: u32 = 16;

/// See the module.
pub struct Chain {
    state: Mutex<State>,
    wakeup: Arc<Wakeup>,
    /// Versions in memory.
    versions: Gauge,
}

struct State {
    view: TreeView,
    hashed: u32,
    committed: u32,
    /// Hashed blocks that nobody has picked up yet.
    ready: BTreeMap<u32, Ready>,
}

/// A hashed block.
pub struct Ready {
    /// The block.
    pub imported: ImportedBlock,
    /// Its tree versions.
    pub hashed: Hashed,
    /// What it changes in the stored tree.
    pub delta: ChangeSet,
    /// How long its run was hashed.
    pub hashing: Duration,
}

impl Chain {
    /// Starts at the stored tree.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: &Store, wakeup: Arc<Wakeup>, metrics: &Metrics) -> Result<Self, StoreError> {
        let committed = store.tree().head()?;
        let view = TreeView::new(store.tree().source());
        Ok(Self {
            state: Mutex::new(State { view, hashed: committed, committed, ready: BTreeMap::new() }),
            wakeup,
            versions: metrics.tree_cache_size.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tree before block `number`, once it is that block's turn to be hashed, and how many blocks may be hashed from there.
    pub fn turn_to_hash(&self, number: u32) -> Option<(TreeView, u32)> {
        let state = self.lock();
        let turn = state.hashed.checked_add(1) == Some(number);
        let room = AHEAD.saturating_sub(state.hashed - state.committed);
        (turn && room > 0).then(|| (state.view.clone(), room))
    }

    /// Publishes the trees after the blocks of a run, whose turn it was.
    pub fn hashed(&self, run: Vec<Ready>) {
        let overlays: Vec<Arc<Overlay>> =
            run.iter().map(|ready| Arc::new(Overlay::from(&ready.delta))).collect();
        let mut state = self.lock();
        for (ready, overlay) in run.into_iter().zip(overlays) {
            state.view.push(overlay);
            state.hashed = ready.imported.block.block_number.0;
            let number = state.hashed;
            state.ready.insert(number, ready);
        }
        self.versions.set((state.hashed - state.committed).into());
        drop(state);
        self.wakeup.notify();
    }

    /// Picks up block `number`, if it is hashed. Whoever does has to finish it.
    pub fn take(&self, number: u32) -> Option<Ready> {
        self.lock().ready.remove(&number)
    }

    /// Whether block `number` is the next to be committed.
    pub fn turn_to_commit(&self, number: u32) -> bool {
        self.lock().committed.checked_add(1) == Some(number)
    }

    /// Tells that block `number`, whose turn it was, is committed and applied to the stored tree.
    pub fn committed(&self, number: u32) {
        let mut state = self.lock();
        state.view.pop_oldest();
        state.committed = number;
        self.versions.set((state.hashed - state.committed).into());
        drop(state);
        self.wakeup.notify();
    }

    /// The last committed block.
    pub fn head(&self) -> u32 {
        self.lock().committed
    }
}
