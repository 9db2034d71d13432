//! The open read views, and the entries that were added to the store since each was opened.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::store::kv::batch::Batch;
use crate::store::kv::table::Table;

/// The tables of a read view that can get entries in any order. A removal from one of them, or of a
/// block, is a revert, or that of an aggregated operation which the node removed.
const ADDED_TO: [Table; 3] = [Table::Proofs, Table::AggregatedProofs, Table::AggregatedOperations];

/// The entries that were added since a read view was opened, and whether the view has ended.
#[derive(Debug, Default)]
pub(crate) struct Since {
    added: Mutex<BTreeSet<(Table, Vec<u8>)>>,
    ended: AtomicBool,
}

impl Since {
    /// Returns true if the entry was added after the view was opened.
    pub(crate) fn is_later(&self, table: Table, key: Vec<u8>) -> bool {
        let added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        added.contains(&(table, key))
    }

    /// Returns true after a revert, or after the kv was reopened.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }
}

/// All open read views.
#[derive(Debug, Default)]
pub(crate) struct ViewRegistry {
    open: Mutex<Vec<Weak<Since>>>,
}

impl ViewRegistry {
    /// Registers a view that is being opened.
    pub(crate) fn add(&self) -> Arc<Since> {
        let since = Arc::new(Since::default());
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&since));
        since
    }

    /// Notes the additions and removals of a batch, before it is applied.
    pub(crate) fn note(&self, batch: &Batch) {
        self.each(|since| {
            for write in batch.writes() {
                let listed = ADDED_TO.contains(&write.table);
                if write.sealed.is_none() && (write.table == Table::Blocks || listed) {
                    since.end();
                } else if listed {
                    let mut added = since.added.lock().unwrap_or_else(PoisonError::into_inner);
                    added.insert((write.table, write.key.clone()));
                }
            }
        });
    }

    /// Ends all open views.
    pub(crate) fn end(&self) {
        self.each(Since::end);
    }

    /// Returns the number of registered views.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).len()
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
}
