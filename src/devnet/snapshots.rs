//! Returns to earlier states: snapshots and the beginning.
//!
//! The state of a devnet consists of its blocks and its inbox. A snapshot remembers the number of
//! the last block and the whole inbox. A revert reverts the blocks of the server, replaces the inbox
//! and rebuilds the rest, while requests wait.

use std::collections::BTreeSet;

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

    /// Returns to the state after a block with this inbox. A refusal changes nothing. An error after
    /// that ends the devnet, whose next start finds a state between both: the requests of both inboxes.
    fn return_to(&mut self, block: u32, records: &[InboxRecord]) -> Result<Result<(), ControlError>, Fatal> {
        let failed = |error: &dyn std::fmt::Display| Fatal::Return(error.to_string());
        let shared = self.shared.clone();
        // Waits for the requests that are being written, and holds others back.
        let mut running = shared.node_mut();
        let Some(node) = running.take() else {
            return Ok(Err(ControlError::Unavailable("the devnet stops".to_owned())));
        };
        if let Err(error) = may_return(&node, block) {
            *running = Some(node);
            return Ok(Err(ControlError::Failed(error.to_string())));
        }
        if let Err(error) = replace(&node, block, records) {
            *running = Some(node);
            return Err(failed(&error));
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

/// Checks that the store can return to the state after a block.
fn may_return(node: &Node, block: u32) -> Result<(), StoreError> {
    let store = node.store();
    store.ready()?;
    store.check_space()?;
    if block < store.chain().head()? { store.check_revert(block) } else { Ok(()) }
}

/// Reverts the blocks after one, and replaces the inbox.
fn replace(node: &Node, block: u32, records: &[InboxRecord]) -> Result<(), StoreError> {
    let store = node.store();
    if block < store.chain().head()? {
        node.revert(block, "the devnet returned to an earlier state")?;
    }
    // The old ones are removed last: without its base, the folder would not be one of a devnet.
    let mut old: BTreeSet<Vec<u8>> = store.inbox()?.into_iter().map(|(key, _)| key).collect();
    let generation = store.generation();
    for record in records {
        old.remove(&record.0);
        store.put_in_inbox(std::slice::from_ref(record))?;
    }
    store.remove_from_inbox(&old.into_iter().collect::<Vec<_>>())?;
    store.sync_generation(generation)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::store::testing::{clock, options, put_block, put_genesis};
    use crate::store::{ManualSpace, StoreOptions};
    use crate::workers::NodeOptions;

    const FLOOR: u64 = 1000;

    #[test]
    fn a_return_is_refused_without_a_change_or_keeps_the_base() {
        let dir = tempfile::tempdir().unwrap();
        let (clock, space) = (clock(), Arc::new(ManualSpace::new(FLOOR)));
        let options = StoreOptions { min_free_bytes: FLOOR, space: space.clone(), ..options(&clock) };
        let store = Arc::new(Store::open(dir.path(), options).unwrap());
        put_genesis(&store);
        for number in 1..=3 {
            put_block(&store, number).unwrap();
        }
        let base = inbox::record(inbox::base_key(), &0u32).unwrap();
        let old = [base.clone(), (b"zzz old".to_vec(), b"1".to_vec())];
        store.put_in_inbox(&old).unwrap();
        let node = Node::new(store.clone(), NodeOptions::default());

        space.set(FLOOR - 1);
        clock.advance(1_000);
        assert!(matches!(may_return(&node, 1), Err(StoreError::InsufficientStorage { .. })));
        assert_eq!((store.inbox().unwrap(), store.chain().head().unwrap()), (old.to_vec(), 3));
        space.set(2 * FLOOR);
        clock.advance(1_000);
        may_return(&node, 1).unwrap();

        let new = [base.clone(), (b"zzz new".to_vec(), b"2".to_vec())];
        let failures = (1..).take_while(|number| {
            store.fail_write(*number);
            let failed = replace(&node, 1, &new).is_err();
            let start = Instant::now();
            while store.ready().is_err() {
                assert!(start.elapsed() < Duration::from_secs(60));
                std::thread::sleep(Duration::from_millis(10));
            }
            assert!(store.inbox().unwrap().contains(&base));
            failed
        });
        assert!(failures.count() >= 3);
        assert_eq!((store.inbox().unwrap(), store.chain().head().unwrap()), (new.to_vec(), 1));

        // The space may end in between.
        space.set(FLOOR - 1);
        clock.advance(1_000);
        assert!(matches!(replace(&node, 1, &old), Err(StoreError::InsufficientStorage { .. })));
        assert_eq!(store.inbox().unwrap(), new);
    }
}
