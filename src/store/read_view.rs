//! What was there at one moment, read while the store goes on.
//!
//! Blocks, operations and proofs are only ever added, but for a revert. So a snapshot is the head of its moment, and the keys that were
//! added since: these are noted before they can be seen, and passed over. A revert, or an index that is opened anew and may
//! have lost what was not synced, ends all read_views.

use std::sync::Arc;

use crate::domain::AggregatedAction;
use crate::domain::job::JobType;
use crate::store::chain::aggregated_operations::AggregatedOperationRecord;
use crate::store::durable::blob_reader::BlobReader;
use crate::store::durable::blobs::BlobRef;
use crate::store::error::StoreError;
use crate::store::kv::batch::Table;
use crate::store::kv::keys;
use crate::store::parts::Parts;
use crate::store::queue::proofs;
use crate::store::queue::proofs::ProofRecord;
use crate::store::store::Store;
use crate::store::view_registry::Since;

/// The genesis, and the blocks, operations and proofs that were there at one moment. Everything it gives is as of then; once the
/// store is reverted, everything is [`StoreError::SnapshotEnded`].
#[derive(Debug)]
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
        // Before the locks: a genesis that is being loaded holds them for minutes.
        if parts.chain.genesis()?.is_none() {
            return Err(StoreError::NotFound { what: "genesis yet: import it first".into() });
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
        if self.since.has_ended() { Err(StoreError::SnapshotEnded) } else { Ok(()) }
    }

    /// Asked after each read: what was read before the end is good, and an error after it is nothing but a consequence.
    fn checked<T>(&self, read: Result<T, StoreError>) -> Result<T, StoreError> {
        self.check()?;
        read
    }

    /// The genesis map.
    pub fn genesis(&self) -> Result<BlobReader, StoreError> {
        let missing = || StoreError::NotFound { what: "genesis".into() };
        self.checked(self.parts.chain.open_genesis().and_then(|body| body.ok_or_else(missing)))
    }

    /// A block up to the head, as [`crate::store::ChainStore::open_block`].
    pub fn block(&self, number: u32) -> Result<BlobReader, StoreError> {
        let missing = || StoreError::NotFound { what: format!("block {number}") };
        if number > self.head {
            return Err(missing());
        }
        self.checked(self.parts.chain.open_block(number).and_then(|body| body.ok_or_else(missing)))
    }

    /// Up to `limit` operations of an action that end after a block, by their blocks; none only at the end.
    pub fn aggregated_operations(
        &self,
        action: AggregatedAction,
        mut after_block: u32,
        limit: usize,
    ) -> Result<Vec<AggregatedOperationRecord>, StoreError> {
        loop {
            let read = self.parts.chain.aggregated_operations(action, after_block, limit);
            let mut page = self.checked(read)?;
            let Some(last) = page.last() else { return Ok(page) };
            after_block = last.last;
            let key = |operation: &AggregatedOperationRecord| {
                keys::operation(action as u8, operation.last).to_vec()
            };
            page.retain(|operation| !self.since.is_later(Table::AggregatedOperations, key(operation)));
            if !page.is_empty() {
                return Ok(page);
            }
        }
    }

    /// Up to `limit` proofs of a type after another one, as [`crate::store::JobQueue::proofs`]; none only at the end.
    pub fn proofs(
        &self,
        job_type: JobType,
        mut after: Option<(u32, u32)>,
        limit: usize,
    ) -> Result<Vec<ProofRecord>, StoreError> {
        loop {
            let mut page = self.checked(self.parts.queue.proofs(job_type, after, limit))?;
            let Some(last) = page.last() else { return Ok(page) };
            after = Some((last.first, last.last));
            page.retain(|proof| {
                !self.since.is_later(proofs::table(job_type), proofs::key(job_type, proof.first, proof.last))
            });
            if !page.is_empty() {
                return Ok(page);
            }
        }
    }

    /// The body of an operation or a proof.
    pub fn open_blob(&self, body: &BlobRef) -> Result<BlobReader, StoreError> {
        self.checked(self.parts.core.open_blob(body))
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
            store.queue().add_single_job(block).unwrap();
        }
        // Blocks 1 and 3.
        publish_next(&store);
        publish_next(&store);
        operation(&store, CREATE, 3, 3);
        let snapshot = store.read_view().unwrap();
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
        store.queue().add_aggregated_job(1, 2).unwrap();
        publish_next(&store);
        put_block(&store, 5).unwrap();
        assert_eq!(seen(&snapshot), before);
        assert_eq!(snapshot.head(), 4);
        assert!(matches!(snapshot.block(5), Err(StoreError::NotFound { .. })));
        let body = snapshot.block(4).unwrap().bytes().unwrap();
        assert_eq!(Some(body), store.chain().block_body(4).unwrap());
        snapshot.check().unwrap();

        let later = store.read_view().unwrap();
        let singles = vec![(1, 1), (2, 2), (3, 3), (4, 4)];
        assert_eq!(seen(&later), (singles, vec![(1, 2)], vec![(1, 2), (3, 3), (4, 4)]));
        assert_eq!(later.head(), 5);
        assert_eq!(store.core().read_views.len(), 2);
        drop((snapshot, later));
        put_block(&store, 6).unwrap();
        assert_eq!(store.core().read_views.len(), 0);
    }

    #[test]
    fn a_revert_ends_a_snapshot_even_if_the_same_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(witnessed(dir.path(), &clock(), 3));
        let snapshot = store.read_view().unwrap();
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
        store.read_view().unwrap().check().unwrap();
    }

    #[test]
    fn an_index_that_is_opened_anew_ends_a_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(witnessed(dir.path(), &clock(), 1));
        let snapshot = store.read_view().unwrap();
        store.fail_write(1);
        put_block(&store, 2).unwrap_err();
        put_block(&store, 2).unwrap();
        assert!(matches!(snapshot.check(), Err(StoreError::SnapshotEnded)));
    }

    #[test]
    fn without_a_genesis_there_is_nothing_to_show() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(crate::store::testing::open(dir.path()));
        assert!(matches!(store.read_view(), Err(StoreError::NotFound { .. })));
    }
}
