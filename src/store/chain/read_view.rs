//! What was there at one moment, read while the store goes on.
//!
//! Blocks, operations and proofs are only ever added, but for a revert. So a snapshot is the head of its moment, and the keys that were
//! added since: these are noted before they can be seen, and passed over. A revert, or an index that is opened anew and may
//! have lost what was not synced, ends all read_views.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::domain::job::JobType;
use crate::store::Store;
use crate::store::chain::aggregated_operations::{AggregatedAction, AggregatedOperationRecord};
use crate::store::durable::blob_reader::BlobReader;
use crate::store::durable::blobs::BlobRef;
use crate::store::error::StoreError;
use crate::store::kv::batch::{Batch, Table};
use crate::store::kv::keys;
use crate::store::queue::proofs;
use crate::store::queue::proofs::ProofRecord;

/// What a snapshot holds beside blocks and genesis; a removal from any of these, or of a block, is a revert.
const ADDED_TO: [Table; 3] = [Table::Proofs, Table::AggregatedProofs, Table::AggregatedOperations];

/// What happened since the moment of a snapshot.
#[derive(Debug, Default)]
struct Since {
    added: Mutex<BTreeSet<(Table, Vec<u8>)>>,
    ended: AtomicBool,
}

/// The read_views that are being read.
#[derive(Debug, Default)]
pub(crate) struct ReadViews {
    open: Mutex<Vec<Weak<Since>>>,
}

impl ReadViews {
    fn add(&self, since: &Arc<Since>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push(Arc::downgrade(since));
    }

    fn each(&self, act: impl Fn(&Since)) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|since| {
            since.upgrade().is_some_and(|since| {
                act(&since);
                true
            })
        });
    }

    /// To be called with every batch before it is applied.
    pub fn note(&self, batch: &Batch) {
        self.each(|since| {
            for write in batch.writes() {
                if write.sealed.is_none() && (write.table == Table::Blocks || ADDED_TO.contains(&write.table))
                {
                    since.ended.store(true, Ordering::SeqCst);
                } else if ADDED_TO.contains(&write.table) {
                    let mut added = since.added.lock().unwrap_or_else(PoisonError::into_inner);
                    added.insert((write.table, write.key.clone()));
                }
            }
        });
    }

    /// Ends all.
    pub fn end(&self) {
        self.each(|since| since.ended.store(true, Ordering::SeqCst));
    }
}

/// The genesis, and the blocks, operations and proofs that were there at one moment. Everything it gives is as of then; once the
/// store is reverted, everything is [`StoreError::SnapshotEnded`].
#[derive(Debug)]
pub struct ReadView {
    store: Arc<Store>,
    since: Arc<Since>,
    head: u32,
    at_ms: u64,
}

impl Store {
    /// A snapshot of this moment. Everything that was acknowledged before the call is in it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without a genesis.
    pub fn snapshot(self: &Arc<Self>) -> Result<ReadView, StoreError> {
        self.ready()?;
        // Before the lock: while a genesis is being loaded, that is held for long.
        if self.genesis()?.is_none() {
            return Err(StoreError::NotFound { what: "genesis yet: import it first".into() });
        }
        let since = Arc::new(Since::default());
        // Under both locks no block, operation or proof is being added.
        let _chain = self.lock_chain();
        let _queue = self.lock_queue();
        self.read_views.add(&since);
        Ok(ReadView { head: self.head()?, at_ms: self.now_ms(), since, store: self.clone() })
    }
}

impl ReadView {
    /// The last block.
    pub fn head(&self) -> u32 {
        self.head
    }

    /// When it was taken, in milliseconds since 1970.
    pub fn at_ms(&self) -> u64 {
        self.at_ms
    }

    /// [`StoreError::SnapshotEnded`] if what was given may not be of one moment.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.since.ended.load(Ordering::SeqCst) { Err(StoreError::SnapshotEnded) } else { Ok(()) }
    }

    /// Asked after each read: what was read before the end is good, and an error after it is nothing but a consequence.
    fn checked<T>(&self, read: Result<T, StoreError>) -> Result<T, StoreError> {
        self.check()?;
        read
    }

    /// The genesis map.
    pub fn genesis(&self) -> Result<BlobReader, StoreError> {
        let missing = || StoreError::NotFound { what: "genesis".into() };
        self.checked(self.store.open_genesis().and_then(|body| body.ok_or_else(missing)))
    }

    /// A block up to the head, as [`Store::open_block`].
    pub fn block(&self, number: u32) -> Result<BlobReader, StoreError> {
        let missing = || StoreError::NotFound { what: format!("block {number}") };
        if number > self.head {
            return Err(missing());
        }
        self.checked(self.store.open_block(number).and_then(|body| body.ok_or_else(missing)))
    }

    /// Up to `limit` operations of an action that end after a block, by their blocks; none only at the end.
    pub fn aggregated_operations(
        &self,
        action: AggregatedAction,
        mut after_block: u32,
        limit: usize,
    ) -> Result<Vec<AggregatedOperationRecord>, StoreError> {
        loop {
            let read = self.store.aggregated_operations(action, after_block, limit);
            let mut page = self.checked(read)?;
            let Some(last) = page.last() else { return Ok(page) };
            after_block = last.last;
            let key = |operation: &AggregatedOperationRecord| {
                keys::operation(action as u8, operation.last).to_vec()
            };
            page.retain(|operation| !self.is_later(Table::AggregatedOperations, key(operation)));
            if !page.is_empty() {
                return Ok(page);
            }
        }
    }

    /// Up to `limit` proofs of a type after another one, as [`Store::proofs`]; none only at the end.
    pub fn proofs(
        &self,
        job_type: JobType,
        mut after: Option<(u32, u32)>,
        limit: usize,
    ) -> Result<Vec<ProofRecord>, StoreError> {
        loop {
            let mut page = self.checked(self.store.proofs(job_type, after, limit))?;
            let Some(last) = page.last() else { return Ok(page) };
            after = Some((last.first, last.last));
            page.retain(|proof| {
                !self.is_later(proofs::table(job_type), proofs::key(job_type, proof.first, proof.last))
            });
            if !page.is_empty() {
                return Ok(page);
            }
        }
    }

    /// The body of an operation or a proof.
    pub fn open_blob(&self, body: &BlobRef) -> Result<BlobReader, StoreError> {
        self.checked(self.store.open_blob(body))
    }

    fn is_later(&self, table: Table, key: Vec<u8>) -> bool {
        let added = self.since.added.lock().unwrap_or_else(PoisonError::into_inner);
        added.contains(&(table, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::JobType::{Aggregated, Single};
    use crate::store::testing::{clock, operation, publish_next, put_block, witnessed};

    const CREATE: AggregatedAction = AggregatedAction::CreateProofBlocks;

    fn proofs(snapshot: &ReadView, job_type: JobType) -> Vec<(u32, u32)> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = snapshot.proofs(job_type, after, 1).unwrap();
            let Some(last) = page.last() else { return found };
            after = Some((last.first, last.last));
            found.extend(page.iter().map(|proof| (proof.first, proof.last)));
        }
    }

    fn operations(snapshot: &ReadView) -> Vec<(u32, u32)> {
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let page = snapshot.aggregated_operations(CREATE, after, 1).unwrap();
            let Some(last) = page.last() else { return found };
            after = last.last;
            found.extend(page.iter().map(|operation| (operation.first, operation.last)));
        }
    }

    #[test]
    fn a_snapshot_shows_its_moment_whatever_is_added() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(witnessed(dir.path(), &clock(), 4));
        for block in [1, 3, 2, 4] {
            store.add_single_job(block).unwrap();
        }
        // Blocks 1 and 3.
        publish_next(&store);
        publish_next(&store);
        operation(&store, CREATE, 3, 3);
        let snapshot = store.snapshot().unwrap();
        let before = (vec![(1, 1), (3, 3)], vec![], vec![(3, 3)]);
        let seen = |snapshot: &ReadView| {
            (proofs(snapshot, Single), proofs(snapshot, Aggregated), operations(snapshot))
        };
        assert_eq!(seen(&snapshot), before);

        // Each lands before, between and behind what was there.
        publish_next(&store);
        publish_next(&store);
        operation(&store, CREATE, 1, 2);
        operation(&store, CREATE, 4, 4);
        store.add_aggregated_job(1, 2).unwrap();
        publish_next(&store);
        put_block(&store, 5).unwrap();
        assert_eq!(seen(&snapshot), before);
        assert_eq!(snapshot.head(), 4);
        assert!(matches!(snapshot.block(5), Err(StoreError::NotFound { .. })));
        let body = snapshot.block(4).unwrap().bytes().unwrap();
        assert_eq!(Some(body), store.block_body(4).unwrap());
        snapshot.check().unwrap();

        let later = store.snapshot().unwrap();
        let singles = vec![(1, 1), (2, 2), (3, 3), (4, 4)];
        assert_eq!(seen(&later), (singles, vec![(1, 2)], vec![(1, 2), (3, 3), (4, 4)]));
        assert_eq!(later.head(), 5);
        assert_eq!(store.read_views.open.lock().unwrap().len(), 2);
        drop((snapshot, later));
        put_block(&store, 6).unwrap();
        assert!(store.read_views.open.lock().unwrap().is_empty());
    }

    #[test]
    fn a_revert_ends_a_snapshot_even_if_the_same_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(witnessed(dir.path(), &clock(), 3));
        let snapshot = store.snapshot().unwrap();
        store.revert(3).unwrap();
        snapshot.check().unwrap();
        store.revert(2).unwrap();
        put_block(&store, 3).unwrap();
        for gone in [
            snapshot.check(),
            snapshot.block(1).map(drop),
            snapshot.block(3).map(drop),
            snapshot.genesis().map(drop),
            snapshot.proofs(Single, None, 1).map(drop),
            snapshot.aggregated_operations(CREATE, 0, 1).map(drop),
        ] {
            assert!(matches!(gone, Err(StoreError::SnapshotEnded)), "{gone:?}");
        }
        store.snapshot().unwrap().check().unwrap();
    }

    #[test]
    fn an_index_that_is_opened_anew_ends_a_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(witnessed(dir.path(), &clock(), 1));
        let snapshot = store.snapshot().unwrap();
        store.fail_write(1);
        put_block(&store, 2).unwrap_err();
        put_block(&store, 2).unwrap();
        assert!(matches!(snapshot.check(), Err(StoreError::SnapshotEnded)));
    }

    #[test]
    fn without_a_genesis_there_is_nothing_to_show() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(crate::store::testing::open(dir.path()));
        assert!(matches!(store.snapshot(), Err(StoreError::NotFound { .. })));
    }
}
