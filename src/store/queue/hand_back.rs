//! The proofs that the node's database still lacks: a queue beside the proofs, in the order of their
//! blocks. A proof enters it in the transaction that stores the proof.

use crate::domain::job::JobType;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::keys;
use crate::store::kv::table::Table;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::proof_record::{key, table};

/// Number of entries that are changed in one transaction.
const PAGE: usize = 1_000;

impl JobQueue {
    /// Returns the ranges of up to `limit` proofs of a type that wait, by their last block: all, or
    /// those after a range.
    pub fn to_hand_back(
        &self,
        job_type: JobType,
        after: Option<(u32, u32)>,
        limit: usize,
    ) -> Result<Vec<(u32, u32)>, StoreError> {
        let mut from = match after {
            Some((first, last)) => keys::hand_back::proof(job_type, first, last).to_vec(),
            None => keys::hand_back::from_block(job_type, 0).to_vec(),
        };
        // The smallest key above that one.
        from.push(0);
        let entries = self.core.kv.range(Table::HandBack, &from, &keys::hand_back::end(job_type), limit)?;
        let range = |(entry, _): (Vec<u8>, Vec<u8>)| {
            keys::hand_back::range(&entry)
                .ok_or_else(|| StoreError::corrupt("the key of a proof that waits is too short"))
        };
        entries.into_iter().map(range).collect()
    }

    /// Returns the number of proofs that wait, of both types and at most `limit` of each.
    pub fn count_to_hand_back(&self, limit: usize) -> Result<usize, StoreError> {
        let of = |job_type| Ok::<_, StoreError>(self.to_hand_back(job_type, None, limit)?.len());
        Ok(of(JobType::Single)? + of(JobType::Aggregated)?)
    }

    /// Removes proofs that the node's database has. Not synced: after a crash they are compared
    /// with its rows once more.
    pub fn handed_back(&self, job_type: JobType, ranges: &[(u32, u32)]) -> Result<(), StoreError> {
        self.core.ready()?;
        let _queue = self.lock();
        for page in ranges.chunks(PAGE) {
            let mut batch = Batch::new();
            for &(first, last) in page {
                batch.remove(Table::HandBack, &keys::hand_back::proof(job_type, first, last));
            }
            self.core.apply(batch)?;
        }
        Ok(())
    }

    /// Adds those of the proofs that are stored here; returns their number. Not synced: the rows of
    /// the node are compared again after each start.
    pub fn hand_back_again(&self, job_type: JobType, ranges: &[(u32, u32)]) -> Result<usize, StoreError> {
        self.core.ready()?;
        let _queue = self.lock();
        let mut added = 0;
        for page in ranges.chunks(PAGE) {
            let mut batch = Batch::new();
            for &(first, last) in page {
                if self.core.kv.contains(table(job_type), &key(job_type, first, last))? {
                    self.add_to_hand_back(&mut batch, job_type, first, last);
                    added += 1;
                }
            }
            self.core.apply(batch)?;
        }
        Ok(added)
    }

    /// Adds a proof to the queue with the writes of a batch.
    pub(crate) fn add_to_hand_back(&self, batch: &mut Batch, job_type: JobType, first: u32, last: u32) {
        batch.put_raw(Table::HandBack, &keys::hand_back::proof(job_type, first, last), &[]);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::AggregatedAction;
    use crate::store::testing::*;
    use crate::store::*;

    fn waiting(store: &Store) -> [Vec<(u32, u32)>; 2] {
        [JobType::Single, JobType::Aggregated]
            .map(|job_type| store.queue().to_hand_back(job_type, None, 100).unwrap())
    }

    #[test]
    fn published_proofs_wait_by_their_blocks_until_the_node_has_them() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
        drop(witnessed(dir.path(), &clock, 4));
        let open = || {
            Store::open(dir.path(), StoreOptions { hand_back: true, history: 400, ..options(&clock) })
                .unwrap()
        };
        let store = open();
        for block in 1..=4 {
            store.queue().add_single_job(block).unwrap();
        }
        for id in [3, 1, 4, 2] {
            store.queue().publish(JobType::Single, proof(id, id, id)).unwrap();
        }
        operation(&store, AggregatedAction::CreateProofBlocks, 1, 4);
        let AddOutcome::Added(job) = store.queue().add_aggregated_job(1, 4).unwrap() else { panic!() };
        store.queue().publish(JobType::Aggregated, proof(job, 1, 4)).unwrap();
        assert_eq!(waiting(&store), [vec![(1, 1), (2, 2), (3, 3), (4, 4)], vec![(1, 4)]]);
        assert_eq!(store.queue().to_hand_back(JobType::Single, Some((1, 1)), 2).unwrap(), [(2, 2), (3, 3)]);
        assert_eq!(store.queue().count_to_hand_back(100).unwrap(), 5);
        assert_eq!(store.queue().count_to_hand_back(2).unwrap(), 3);

        // Everything that was acknowledged is present after a start, and no import adds an entry.
        store.queue().handed_back(JobType::Single, &[(1, 1), (3, 3), (9, 9)]).unwrap();
        drop(store);
        let store = open();
        assert_eq!(waiting(&store), [vec![(2, 2), (4, 4)], vec![(1, 4)]]);

        // Rows that vanished from the node are written again, if this store has their proofs.
        assert_eq!(store.queue().hand_back_again(JobType::Single, &[(3, 3), (4, 4), (5, 5)]).unwrap(), 2);
        assert_eq!(waiting(&store), [vec![(2, 2), (3, 3), (4, 4)], vec![(1, 4)]]);
        assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
        store.revert(2).unwrap();
        assert_eq!(waiting(&store), [vec![(2, 2)], vec![]]);
        assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn without_a_node_nothing_waits() {
        let dir = tempfile::tempdir().unwrap();
        let store = witnessed(dir.path(), &clock(), 1);
        store.queue().add_single_job(1).unwrap();
        publish_next(&store);
        assert_eq!(waiting(&store), [vec![], vec![]]);
    }

    #[test]
    fn an_entry_without_a_proof_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let store = witnessed(dir.path(), &clock(), 1);
        let entry = keys::hand_back::proof(JobType::Single, 7, 7);
        store.tamper("hand_back", &entry, Some(&sealed(&[])));
        let findings = store.check_everything().unwrap();
        assert!(findings.len() == 1 && findings[0].contains("blocks 7 to 7"), "{findings:?}");
    }
}
