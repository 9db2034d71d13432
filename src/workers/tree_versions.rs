//! The versions of the account tree between the last committed and the last hashed block.
//!
//! Blocks are *hashed* in order by one thread and *committed* in order; in between, several
//! maintainers assemble and compress witnesses concurrently, while the next blocks are hashed. The
//! changes of a run of hashed blocks are an overlay over the stored tree until the commits of its
//! blocks have applied them, so that no tree is copied and no node is hashed twice.

use std::collections::VecDeque;
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

/// Number of leaf updates in blocks that are hashed but not committed from which no more are hashed.
/// It bounds the memory if the disk is slower than hashing.
const MAX_AHEAD: usize = 2048;

/// The tree versions that hasher and maintainers share.
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
    /// Hashed blocks that no maintainer has taken yet, oldest first.
    ready: VecDeque<HashedBlock>,
    /// The numbers of updates of the blocks that are hashed but not committed, oldest first.
    ahead: VecDeque<usize>,
    /// The last block of each run whose overlay is in the view, oldest first.
    run_ends: VecDeque<u32>,
}

/// The block after the last hashed one.
pub(crate) struct NextBlock {
    pub number: u32,
    /// The tree before it; `None` until more blocks are committed.
    pub view: Option<TreeView>,
}

pub(crate) struct HashedBlock {
    /// The block with its account updates.
    pub imported: ImportedBlock,
    /// The tree versions within the block.
    pub hashed: Hashed,
    /// The changes of the stored tree by the block.
    pub changes: ChangeSet,
    /// Number of leaf updates that were hashed for it, at least 1.
    pub updates: usize,
    /// Duration of the hashing of its run.
    pub hashing: Duration,
}

impl TreeVersions {
    /// Starts with the stored tree.
    pub(crate) fn open(store: &Store, wakeup: Arc<Wakeup>, metrics: &Metrics) -> Result<Self, StoreError> {
        let committed = store.tree().head()?;
        let view = TreeView::new(store.tree().source());
        Ok(Self {
            state: Mutex::new(State {
                view,
                hashed: committed,
                committed,
                ready: VecDeque::new(),
                ahead: VecDeque::new(),
                run_ends: VecDeque::new(),
            }),
            wakeup,
            gauge: metrics.tree_cache_size.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the next block to be hashed.
    pub(crate) fn next_to_hash(&self) -> NextBlock {
        let state = self.lock();
        let has_room = state.ahead.iter().sum::<usize>() < MAX_AHEAD;
        NextBlock { number: state.hashed.saturating_add(1), view: has_room.then(|| state.view.clone()) }
    }

    /// Adds the versions after the blocks of a run, which must be the next to be hashed.
    pub(crate) fn hashed(&self, run: Vec<HashedBlock>) {
        let Some(last) = run.last() else { return };
        let last = last.imported.block.block_number.0;
        let overlay = run.iter().fold(Overlay::default(), |overlay, block| overlay.then(&block.changes));
        let mut state = self.lock();
        state.view.push(Arc::new(overlay));
        state.run_ends.push_back(last);
        state.hashed = last;
        state.ahead.extend(run.iter().map(|block| block.updates));
        state.ready.extend(run);
        self.gauge.set((state.hashed - state.committed).into());
        drop(state);
        self.wakeup.notify();
    }

    /// Takes the oldest hashed block that no maintainer has taken. The caller must commit it.
    pub(crate) fn take_next(&self) -> Option<HashedBlock> {
        self.lock().ready.pop_front()
    }

    /// Returns true if block `number` is the next to be committed.
    pub(crate) fn turn_to_commit(&self, number: u32) -> bool {
        self.lock().committed.checked_add(1) == Some(number)
    }

    /// Removes the version of block `number`, which is committed and applied to the stored tree. The
    /// overlay of its run stays until the last block of the run: above an applied change it reads the
    /// same.
    pub(crate) fn committed(&self, number: u32) {
        let mut state = self.lock();
        state.ahead.pop_front();
        if state.run_ends.front() == Some(&number) {
            state.run_ends.pop_front();
            state.view.pop_oldest();
        }
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
