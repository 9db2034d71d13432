//! Aggregated operations: actions on ranges of blocks. Operations of one action do not overlap.
//!
//! The import refuses an operation that leaves a gap after the previous one. Folders of earlier
//! versions may have gaps, so every question about progress is answered up to the first gap.

use serde::{Deserialize, Serialize};

use crate::domain::AggregatedAction;
use crate::store::chain::chain_store::ChainStore;
use crate::store::chain::covered_blocks::CoveredBlocks;
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::journal_record::Item;
use crate::store::error::StoreError;
use crate::store::imported::Imported;
use crate::store::kv::batch::Batch;
use crate::store::kv::table::Table;
use crate::store::kv::{codec, keys};

/// A stored operation without its JSON. Stored; the layout is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AggregatedOperationRecord {
    /// Action.
    pub action: AggregatedAction,
    /// First block.
    pub first: u32,
    /// Last block.
    pub last: u32,
    /// Hash that tells the operation from others of that range.
    pub content_hash: [u8; 32],
    /// Time of its storage in milliseconds since 1970.
    pub stored_at_ms: u64,
    /// The JSON, for [`Store::read_blob`](crate::store::Store::read_blob).
    pub blob: BlobRef,
}

impl ChainStore {
    /// Stores an operation; durable on return. The same operation may be stored again.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it overlaps another operation of its action.
    pub fn put_aggregated_operation(
        &self,
        action: AggregatedAction,
        first: u32,
        last: u32,
        content_hash: [u8; 32],
        json: &[u8],
    ) -> Result<Imported, StoreError> {
        if first == 0 || first > last {
            return Err(StoreError::Conflict {
                what: format!("itself: {first} to {last} is not a range of blocks"),
            });
        }
        self.core.ready()?;
        let _chain = self.lock();
        // Operations are sorted and disjoint, so only the next one that ends at `first` or later
        // can overlap.
        if let Some(other) = self.operation_ending_from(action, first)?
            && other.first <= last
        {
            if (other.first, other.last, other.content_hash) != (first, last, content_hash) {
                let AggregatedOperationRecord { first, last, .. } = other;
                return Err(StoreError::Conflict {
                    what: format!("the stored {action:?} of {first} to {last}"),
                });
            }
            self.core.sync()?;
            return Ok(Imported::AlreadyThere);
        }
        self.core.check_space()?;
        let label = BlobLabel::range(BlobKind::AggregatedOperation, first, last);
        let blob = self.core.prepare_blob(label, json)?;
        let entry = self.core.journalled(label, &blob)?;
        let mut batch = Batch::new();
        let stored_at_ms = self.core.now_ms();
        let blob = batch.adopt(blob);
        let record = AggregatedOperationRecord { action, first, last, content_hash, stored_at_ms, blob };
        batch.put(Table::AggregatedOperations, &keys::operation(action as u8, last), &record)?;
        self.core.apply_journalled(batch, entry)?;
        self.core.sync()?;
        Ok(Imported::Stored)
    }

    /// Removes an operation; durable on return.
    pub(crate) fn remove_aggregated_operation(
        &self,
        operation: &AggregatedOperationRecord,
    ) -> Result<(), StoreError> {
        self.core.ready()?;
        let _chain = self.lock();
        let AggregatedOperationRecord { action, first, last, blob, .. } = operation;
        // The journal first: a record that only the kv has is removed again by the next call.
        if let Some(journal) = &self.core.journal {
            let label = BlobLabel::range(BlobKind::AggregatedOperation, *first, *last);
            journal.append_removal(Item { label, hash: blob.frame_hash() })?;
            self.core.sync()?;
        }
        let mut batch = Batch::new();
        batch.release(blob.clone());
        batch.remove(Table::AggregatedOperations, &keys::operation(*action as u8, *last));
        let applied = self.core.apply(batch);
        // Not before: a reader would find the operation once more.
        *self.covered() = CoveredBlocks::default();
        applied?;
        self.core.sync()
    }

    /// Returns the operation of an action whose range contains the block.
    pub fn aggregated_operation_covering(
        &self,
        action: AggregatedAction,
        block: u32,
    ) -> Result<Option<AggregatedOperationRecord>, StoreError> {
        Ok(self.operation_ending_from(action, block)?.filter(|record| record.first <= block))
    }

    /// Returns the last block before the first gap in the operations of an action; 0 if none covers
    /// the first block of the folder.
    pub fn last_block_of(&self, action: AggregatedAction) -> Result<u32, StoreError> {
        let base = self.base()?;
        let generation = self.core.kv.generation();
        let mut covered = self.covered();
        if covered.generation != generation {
            *covered = CoveredBlocks { generation, ..CoveredBlocks::default() };
        }
        loop {
            let end = covered.ends[action as usize];
            let first = end.max(base).saturating_add(1);
            let follows = |next: &AggregatedOperationRecord| {
                next.first <= first || end == 0 && self.may_begin_late(action, base)
            };
            match self.operation_ending_from(action, first)? {
                Some(next) if next.last > end && follows(&next) => covered.ends[action as usize] = next.last,
                _ => return Ok(end),
            }
        }
    }

    /// Returns true if the operations of an action may begin after the first block of the folder: it
    /// may belong to an operation that begins before it, which is not stored. `ExecuteBlocks` is
    /// stored from that block on.
    pub(crate) fn may_begin_late(&self, action: AggregatedAction, base: u32) -> bool {
        base > 0 && action != AggregatedAction::ExecuteBlocks
    }

    /// Returns the last block that the operations of an action cover if those that end after block
    /// `last` are removed.
    pub(crate) fn last_block_of_up_to(&self, action: AggregatedAction, last: u32) -> Result<u32, StoreError> {
        let end = self.last_block_of(action)?;
        if end <= last {
            return Ok(end);
        }
        let cut = self.aggregated_operation_covering(action, last)?.filter(|cut| cut.last > last);
        Ok(cut.map_or(last, |cut| cut.first.saturating_sub(1)))
    }

    /// Returns the range that the next operation of an action must begin with: the first block, and
    /// the last one if operations after the gap are stored.
    pub fn missing_range(&self, action: AggregatedAction) -> Result<(u32, Option<u32>), StoreError> {
        let first = self.last_block_of(action)?.max(self.base()?).saturating_add(1);
        let next = self.operation_ending_from(action, first)?;
        Ok((first, next.map(|next| next.first.saturating_sub(1))))
    }

    /// Returns the last verified block: the last one up to which all are executed, or the one before
    /// the first block of the folder. Witnesses are built from the next block on.
    pub fn last_verified_block(&self) -> Result<u32, StoreError> {
        Ok(self.last_block_of(AggregatedAction::ExecuteBlocks)?.max(self.base()?))
    }

    /// Returns up to `limit` operations of an action that end after a block, by their blocks.
    pub fn aggregated_operations(
        &self,
        action: AggregatedAction,
        after_block: u32,
        limit: usize,
    ) -> Result<Vec<AggregatedOperationRecord>, StoreError> {
        let Some(start) = after_block.checked_add(1) else { return Ok(Vec::new()) };
        let from = keys::operation(action as u8, start);
        let rows = self.core.kv.range(Table::AggregatedOperations, &from, &end(action), limit)?;
        rows.iter().map(|(_, row)| codec::decode("an aggregated operation", row)).collect()
    }

    fn operation_ending_from(
        &self,
        action: AggregatedAction,
        block: u32,
    ) -> Result<Option<AggregatedOperationRecord>, StoreError> {
        let from = keys::operation(action as u8, block);
        let rows = self.core.kv.range(Table::AggregatedOperations, &from, &end(action), 1)?;
        rows.first().map(|(_, row)| codec::decode("an aggregated operation", row)).transpose()
    }
}

/// Returns the end of the keys of an action.
pub(crate) fn end(action: AggregatedAction) -> [u8; 6] {
    let [a, b, c, d, e] = keys::operation(action as u8, u32::MAX);
    [a, b, c, d, e, 0]
}
