//! The account tree as it was before a block that it has passed.

use crate::store::chain::change_log::TREE;
use crate::store::chain::tree_store::TreeStore;
use crate::store::error::StoreError;
use crate::tree::TreeView;
use crate::tree::view::Overlay;

/// The tree is taken back over blocks whose changes are together no longer than this, in bytes: they are in memory, and no witness is
/// committed meanwhile.
const MAX_UNDONE: u64 = 64 << 20;

impl TreeStore {
    /// Lets `read` look at the account tree before a block; no block moves the tree meanwhile.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tree is not there yet, or lies further back than the kept history.
    pub fn before<T>(&self, number: u32, read: impl FnOnce(&TreeView) -> T) -> Result<T, StoreError> {
        self.core.ready()?;
        let _tree = self.lock();
        TREE.apply_pending(&self.core.kv, &self.core.blobs)?;
        let head = self.head()?;
        let missing =
            |why: String| StoreError::NotFound { what: format!("tree before block {number} ({why})") };
        if number == 0 || number > head.saturating_add(1) {
            return Err(missing(format!("the tree has come to block {head}")));
        }
        let oldest = TREE.oldest_target(&self.core.kv)?;
        if number <= oldest {
            return Err(missing(format!("the history goes back to block {oldest}")));
        }
        let mut overlay = Overlay::default();
        let mut room = MAX_UNDONE;
        for block in (number..=head).rev() {
            let length = TREE.change_len(&self.core.kv, block)?;
            room = room.checked_sub(length).ok_or_else(|| {
                missing(format!("too much changed since; those of blocks from {} on are at hand", block + 1))
            })?;
            overlay.undo(TREE.read(&self.core.kv, &self.core.blobs, block)?);
        }
        let mut view = TreeView::new(self.source());
        view.push(overlay.into());
        Ok(read(&view))
    }
}
