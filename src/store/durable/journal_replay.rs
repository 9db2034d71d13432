//! The items that a sequence of journal records leaves stored.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::durable::blob_header::RecordType;
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::journal_record::{Item, Record};

/// The stored items after some records, in the order of writing.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    /// The last record of each stored item.
    pub items: BTreeMap<Item, Record>,
    /// Items that were reverted, withdrawn or replaced, and not written again.
    pub gone: BTreeSet<Item>,
}

impl Replay {
    /// Applies the next record.
    pub(crate) fn add(&mut self, record: Record) {
        match record.header.record_type {
            RecordType::Withdrawn => self.forget(vec![record.item()]),
            RecordType::Revert => self.revert(record.header.label.first),
            RecordType::Inline | RecordType::File => {
                // Of two records of genesis, or of one block number, the later one replaces the
                // earlier one, which was never acknowledged.
                let label = record.header.label;
                let replaced = match label.kind {
                    BlobKind::Genesis => {
                        Some((BlobLabel::block(label.kind, 0), BlobLabel::block(label.kind, u32::MAX)))
                    }
                    BlobKind::Block => Some((label, label)),
                    _ => None,
                };
                if let Some((first, last)) = replaced {
                    let all = Item { label: first, hash: [0; 32] }..=Item { label: last, hash: [0xff; 32] };
                    self.forget(self.items.range(all).map(|(item, _)| *item).collect());
                }
                self.gone.remove(&record.item());
                self.items.insert(record.item(), record);
            }
        }
    }

    /// Removes all items about blocks after block `to`.
    pub(crate) fn revert(&mut self, to: u32) {
        self.forget(self.items.keys().filter(|item| item.label.last > to).copied().collect());
    }

    fn forget(&mut self, items: Vec<Item>) {
        for item in items {
            self.items.remove(&item);
            self.gone.insert(item);
        }
    }
}
