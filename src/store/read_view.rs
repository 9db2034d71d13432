//! A consistent view of the durable records at one moment, while the store continues to write.
//!
//! Durable records are only added, except by a revert, or if the node that is followed removes an
//! aggregated operation. So a view consists of the head at its moment and the keys that were added
//! since: these are noted before they become readable, and skipped. All views end with a removal,
//! and when the kv is reopened, which may lose unsynced writes.

use std::sync::Arc;

use crate::store::durable::blob_reader::BlobReader;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable_kinds::{self, DurableKind, DurableRecord};
use crate::store::error::StoreError;
use crate::store::kv::pager::Unreadable;
use crate::store::parts::Parts;
use crate::store::store::Store;
use crate::store::view_registry::Since;

/// The durable records of one moment. After a revert, every read fails with
/// [`StoreError::ReadViewEnded`].
#[derive(Clone, Debug)]
pub struct ReadView {
    parts: Arc<Parts>,
    since: Arc<Since>,
    head: u32,
    at_ms: u64,
}

impl Store {
    /// Opens a view of this moment. Everything that was acknowledged before the call is in it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without a genesis.
    pub fn read_view(&self) -> Result<ReadView, StoreError> {
        let parts = self.parts.clone();
        parts.core.ready()?;
        // Checked before the locks are taken: a genesis that is being loaded holds them for
        // minutes.
        if parts.chain.genesis()?.is_none() {
            return Err(StoreError::NotFound { what: "the genesis".into() });
        }
        // While both locks are held, no block, operation or proof is added.
        let chain = parts.chain.lock();
        let queue = parts.queue.lock();
        let since = parts.core.read_views.add();
        let head = parts.chain.head()?;
        let at_ms = parts.core.now_ms();
        drop((queue, chain));
        Ok(ReadView { parts, since, head, at_ms })
    }
}

impl ReadView {
    /// Returns the number of the last block.
    pub fn head(&self) -> u32 {
        self.head
    }

    /// Returns the moment, in milliseconds since 1970.
    pub fn at_ms(&self) -> u64 {
        self.at_ms
    }

    /// Fails with [`StoreError::ReadViewEnded`] if earlier reads may not be of one moment.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.since.has_ended() { Err(StoreError::ReadViewEnded) } else { Ok(()) }
    }

    /// Returns all records, in the order of an import. The first error ends the iterator.
    pub fn records(&self) -> impl Iterator<Item = Result<DurableRecord, StoreError>> + Send + 'static {
        let view = self.clone();
        let mut blocks = 0;
        let mut failed = false;
        let mut walk = durable_kinds::walk_all(self.parts.core.kv.clone());
        std::iter::from_fn(move || {
            if failed {
                return None;
            }
            let next = view.next_record(&mut walk, &mut blocks);
            failed = next.is_err();
            next.transpose()
        })
    }

    /// Returns the next record of a walk that belongs to the view. `blocks` is the
    /// last block so far.
    fn next_record(
        &self,
        walk: &mut impl Iterator<Item = Result<DurableRecord, Unreadable>>,
        blocks: &mut u32,
    ) -> Result<Option<DurableRecord>, StoreError> {
        loop {
            let record = self.checked(walk.next().transpose().map_err(StoreError::from))?;
            let Some(record) = record else {
                // A kv that lost a block must not make a backup without it.
                return if *blocks == self.head { Ok(None) } else { Err(missing(*blocks + 1)) };
            };
            match record.kind {
                // The walk begins with it.
                DurableKind::Genesis => *blocks = record.label.last,
                DurableKind::Block if record.label.first > self.head => continue,
                DurableKind::Block => {
                    *blocks += 1;
                    if record.label.first != *blocks {
                        return Err(missing(*blocks));
                    }
                }
                _ if self.since.is_later(record.kind.table(), record.key.clone()) => continue,
                _ => {}
            }
            return Ok(Some(record));
        }
    }

    /// Opens the blob of a record.
    pub fn open_blob(&self, blob: &BlobRef) -> Result<BlobReader, StoreError> {
        self.checked(self.parts.core.open_blob(blob))
    }

    /// Checks the view after a read. Data that was read before the view ended is valid, and an
    /// error after that is a consequence of the end.
    fn checked<T>(&self, read: Result<T, StoreError>) -> Result<T, StoreError> {
        self.check()?;
        read
    }
}

fn missing(block: u32) -> StoreError {
    StoreError::NotFound { what: format!("block {block}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AggregatedAction;
    use crate::store::testing::{clock, operation, publish_next, put_block, witnessed};

    const CREATE: AggregatedAction = AggregatedAction::CreateProofBlocks;

    type Ranges = Vec<(u32, u32)>;

    /// Ranges of the blocks, the single proofs, the aggregated proofs and the operations.
    fn seen(view: &ReadView) -> [Ranges; 4] {
        let records: Vec<DurableRecord> = view.records().map(Result::unwrap).collect();
        assert_eq!(records[0].kind, DurableKind::Genesis);
        use DurableKind::{AggregatedOperation, AggregatedProof, Block, SingleProof};
        [Block, SingleProof, AggregatedProof, AggregatedOperation].map(|kind| {
            let of_kind = records.iter().filter(|record| record.kind == kind);
            of_kind.map(|record| (record.label.first, record.label.last)).collect()
        })
    }

    fn numbers(range: std::ops::RangeInclusive<u32>) -> Ranges {
        range.map(|number| (number, number)).collect()
    }

    #[test]
    fn a_view_shows_its_moment_whatever_is_added() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(witnessed(dir.path(), &clock(), 4));
        for block in [1, 3] {
            store.queue().add_single_job(block).unwrap();
            publish_next(&store);
        }
        for block in [2, 4] {
            store.queue().add_single_job(block).unwrap();
        }
        operation(&store, CREATE, 3, 3);
        let view = store.read_view().unwrap();
        let before = [numbers(1..=4), vec![(1, 1), (3, 3)], vec![], vec![(3, 3)]];
        assert_eq!(seen(&view), before);

        // Each record is added before, between and after the existing ones.
        publish_next(&store);
        publish_next(&store);
        operation(&store, CREATE, 1, 2);
        operation(&store, CREATE, 4, 4);
        store.queue().add_aggregated_job(1, 2).unwrap();
        publish_next(&store);
        put_block(&store, 5).unwrap();
        assert_eq!(seen(&view), before);
        assert_eq!(view.head(), 4);
        let block = view.records().map(Result::unwrap).find(|record| record.label.first == 4).unwrap();
        let content = view.open_blob(&block.blob).unwrap().bytes().unwrap();
        assert_eq!(Some(content), store.chain().block_json(4).unwrap());
        view.check().unwrap();

        let later = store.read_view().unwrap();
        let operations = vec![(1, 2), (3, 3), (4, 4)];
        assert_eq!(seen(&later), [numbers(1..=5), numbers(1..=4), vec![(1, 2)], operations]);
        assert_eq!(later.head(), 5);
        assert_eq!(store.core().read_views.len(), 2);
        drop((view, later));
        put_block(&store, 6).unwrap();
        assert_eq!(store.core().read_views.len(), 0);
    }

    #[test]
    fn a_revert_ends_a_view_even_if_the_same_block_is_imported_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(witnessed(dir.path(), &clock(), 3));
        let view = store.read_view().unwrap();
        let block = view.records().nth(1).unwrap().unwrap();
        store.revert(3).unwrap();
        view.check().unwrap();
        // The page of records is read, and the view ends after that.
        let mut records = view.records();
        records.next().unwrap().unwrap();
        store.revert(2).unwrap();
        put_block(&store, 3).unwrap();
        for gone in [
            view.check(),
            view.open_blob(&block.blob).map(drop),
            view.records().next().unwrap().map(drop),
            records.next().unwrap().map(drop),
        ] {
            assert!(matches!(gone, Err(StoreError::ReadViewEnded)), "{gone:?}");
        }
        assert!(records.next().is_none());
        store.read_view().unwrap().check().unwrap();
    }

    #[test]
    fn a_reopened_kv_ends_a_view() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(witnessed(dir.path(), &clock(), 1));
        let view = store.read_view().unwrap();
        store.fail_write(1);
        put_block(&store, 2).unwrap_err();
        put_block(&store, 2).unwrap();
        assert!(matches!(view.check(), Err(StoreError::ReadViewEnded)));
    }

    #[test]
    fn without_a_genesis_a_view_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(crate::store::testing::open(dir.path()));
        assert!(matches!(store.read_view(), Err(StoreError::NotFound { .. })));
    }
}
