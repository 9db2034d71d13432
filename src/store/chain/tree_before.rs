//! The account tree before an earlier block.

use crate::store::chain::change_log::TREE;
use crate::store::chain::tree_store::TreeStore;
use crate::store::error::StoreError;
use crate::tree::TreeView;
use crate::tree::view::Overlay;

/// Largest total size, in bytes, of the change sets that are undone for a view. They are held in
/// memory, and no witness is committed meanwhile.
const MAX_UNDONE: u64 = 64 << 20;

impl TreeStore {
    /// Calls `read` with the account tree before a block. The tree does not move meanwhile.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the tree has not reached the block, or the history does not
    /// reach back to it.
    pub fn before<T>(&self, number: u32, read: impl FnOnce(&TreeView) -> T) -> Result<T, StoreError> {
        self.core.ready()?;
        let _tree = self.lock();
        let (kv, blobs) = (&self.core.kv, &self.core.blobs);
        TREE.apply_pending(kv, blobs)?;
        let head = self.head()?;
        let missing =
            |why: String| StoreError::NotFound { what: format!("tree before block {number} ({why})") };
        if number == 0 || number > head.saturating_add(1) {
            let until = number.saturating_sub(1);
            return Err(missing(format!(
                "the tree is at block {head}; `witness --until {until}`, or a running server, takes it to block {until}"
            )));
        }
        let oldest = TREE.oldest_target(kv)?;
        if number <= oldest {
            return Err(missing(format!("the history goes back to block {oldest}")));
        }
        let mut overlay = Overlay::default();
        let mut room = MAX_UNDONE;
        for block in (number..=head).rev() {
            let length = TREE.change_len(kv, block)?;
            room = room.checked_sub(length).ok_or_else(|| {
                missing(format!("later blocks changed too much; blocks from {} on are available", block + 1))
            })?;
            overlay.undo(TREE.read(kv, blobs, block)?);
        }
        let mut view = TreeView::new(self.source());
        view.push(overlay.into());
        Ok(read(&view))
    }
}
