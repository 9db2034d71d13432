//! Returns to earlier states: snapshots and the beginning.
//!
//! The state of a devnet consists of its blocks and its inbox. A snapshot remembers the number of
//! the last block and the whole inbox. A revert reverts the blocks of the server, replaces the inbox
//! and rebuilds the rest, while requests wait.

use super::control_error::ControlError;
use super::inbox;
use super::load::{LoadError, load};
use super::producer::{Fatal, Producer, Snapshot};
use crate::store::{InboxRecord, Store, StoreError};
use crate::workers::Node;

/// Largest number of snapshots; the oldest is forgotten.
const MAX_SNAPSHOTS: usize = 1000;

impl Producer {
    /// Remembers the present state.
    pub(super) fn snapshot(&mut self) -> Result<u64, ControlError> {
        let stopped = || ControlError::Unavailable("the devnet stops".to_owned());
        let records = self.shared.with_store(Store::inbox).ok_or_else(stopped)?;
        let records = records.map_err(|error| ControlError::Failed(error.to_string()))?;
        let block = self.filler.block() - 1;
        self.next_snapshot += 1;
        let id = self.next_snapshot;
        self.snapshots.push(Snapshot { id, block, records });
        if self.snapshots.len() > MAX_SNAPSHOTS {
            self.snapshots.remove(0);
        }
        Ok(id)
    }

    /// Returns to a snapshot; later ones are forgotten.
    pub(super) fn revert(&mut self, id: u64) -> Result<Result<(), ControlError>, Fatal> {
        let Some(index) = self.snapshots.iter().position(|snapshot| snapshot.id == id) else {
            return Ok(Err(ControlError::NotFound(format!("there is no snapshot {id}"))));
        };
        let Snapshot { block, ref records, .. } = self.snapshots[index];
        let records = records.clone();
        let returned = self.return_to(block, &records)?;
        if returned.is_ok() {
            self.snapshots.truncate(index + 1);
        }
        Ok(returned)
    }

    /// Returns to the beginning.
    pub(super) fn reset(&mut self) -> Result<Result<(), ControlError>, Fatal> {
        let base = inbox::record(inbox::base_key(), &self.base)?;
        let returned = self.return_to(self.base, &[base])?;
        if returned.is_ok() {
            self.snapshots.clear();
            self.shared.proving.clear();
        }
        Ok(returned)
    }

    /// Returns to the state after a block with this inbox. If the store refuses, nothing has
    /// changed.
    fn return_to(&mut self, block: u32, records: &[InboxRecord]) -> Result<Result<(), ControlError>, Fatal> {
        let failed = |error: &dyn std::fmt::Display| Fatal::Return(error.to_string());
        let shared = self.shared.clone();
        // Waits for the requests that are being written, and holds others back.
        let mut running = shared.node_mut();
        let Some(node) = running.take() else {
            return Ok(Err(ControlError::Unavailable("the devnet stops".to_owned())));
        };
        if let Err(error) = replace(&node, block, records) {
            *running = Some(node);
            return Ok(Err(ControlError::Failed(error.to_string())));
        }
        let loaded = load(node.store(), &shared.options).map_err(|error: LoadError| failed(&error))?;
        shared.time.set_offset_ms(loaded.offset_ms);
        *shared.intake() = loaded.intake;
        self.filler = loaded.filler;
        self.waits_for_proofs = true;
        shared.change(|ledger| *ledger = loaded.ledger);
        *running = Some(node);
        Ok(Ok(()))
    }
}

/// Reverts the blocks after one, and replaces the inbox.
fn replace(node: &Node, block: u32, records: &[InboxRecord]) -> Result<(), StoreError> {
    let store = node.store();
    if block < store.chain().head()? {
        node.revert(block, "the devnet returned to an earlier state")?;
    }
    let present: Vec<Vec<u8>> = store.inbox()?.into_iter().map(|(key, _)| key).collect();
    store.remove_from_inbox(&present)?;
    for record in records {
        store.put_in_inbox(std::slice::from_ref(record))?;
    }
    store.sync()
}
