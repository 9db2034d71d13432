//! The one chain of tree versions that all maintainers share.
//!
//! Blocks are *hashed* in order and *committed* in order; in between, several maintainers assemble and compress at once. A
//! hashed block lies as an overlay above the stored tree until its commit has applied it, so nothing is copied and nothing
//! is hashed twice.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::bell::Bell;
use crate::store::{Store, StoreError};
use crate::tree::view::Overlay;
use crate::tree::{TreeDelta, TreeView};

/// Blocks that may be hashed but not committed: bounds the memory of a chain whose disk is slower than its hashing.
const AHEAD: u32 = 16;

/// See the module.
pub struct Chain {
    state: Mutex<State>,
    bell: Arc<Bell>,
}

struct State {
    view: TreeView,
    hashed: u32,
    committed: u32,
}

impl Chain {
    /// Starts at the stored tree.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: &Store, bell: Arc<Bell>) -> Result<Self, StoreError> {
        let committed = store.tree_head()?;
        let view = TreeView::new(store.tree_source());
        Ok(Self { state: Mutex::new(State { view, hashed: committed, committed }), bell })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tree before block `number`, once it is that block's turn to be hashed.
    pub fn turn_to_hash(&self, number: u32) -> Option<TreeView> {
        let state = self.lock();
        let turn = state.hashed.checked_add(1) == Some(number);
        (turn && state.hashed - state.committed < AHEAD).then(|| state.view.clone())
    }

    /// Publishes the tree after block `number`, whose turn it was.
    pub fn hashed(&self, number: u32, delta: &TreeDelta) {
        let mut state = self.lock();
        state.view.push(Arc::new(Overlay::from(delta)));
        state.hashed = number;
        drop(state);
        self.bell.ring();
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
        drop(state);
        self.bell.ring();
    }

    /// The last committed block.
    pub fn head(&self) -> u32 {
        self.lock().committed
    }
}
