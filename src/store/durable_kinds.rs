//! The kinds of durable records: everything in a data folder that cannot be derived from other
//! data. Each record has a second copy in the journal, and is in every backup.
//!
//! One table, [`DurableKind::description`], describes them, and one iterator walks their records.
//! It is strict if the caller stops at the first error, as a backup does, and lenient if the caller
//! continues, as a check does.

use std::ops::Deref;

use crate::domain::AggregatedAction;
use crate::domain::job::JobType;
use crate::store::chain::aggregated_operations::{AggregatedOperationRecord, end};
use crate::store::chain::blocks::BlockRow;
use crate::store::chain::genesis::NumberedGenesis;
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::journal_record::Item;
use crate::store::error::StoreError;
use crate::store::kv::codec;
use crate::store::kv::handle::Kv;
use crate::store::kv::keys;
use crate::store::kv::keys::meta;
use crate::store::kv::pager::{Pager, Unreadable};
use crate::store::kv::table::Table;
use crate::store::queue::proof_record::{self, ProofRow};

/// Records read at a time. They may have inline blobs, and every backup in progress holds one page.
const PAGE: usize = 100;

/// A kind of durable records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DurableKind {
    /// The state before block 1.
    Genesis,
    /// A block with its account updates.
    Block,
    /// An aggregated operation.
    AggregatedOperation,
    /// The proof of a block.
    SingleProof,
    /// The proof of a range of blocks.
    AggregatedProof,
}

/// A durable record of the kv.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurableRecord {
    /// The kind.
    pub kind: DurableKind,
    /// Kind of the blob, and blocks.
    pub label: BlobLabel,
    /// The content.
    pub blob: BlobRef,
    /// The prover of a proof, if known.
    pub prover: Option<String>,
    /// Time of its storage, in milliseconds since 1970; 0 for genesis.
    pub stored_at_ms: u64,
    /// The results of the import that belong to a block. They can be derived.
    pub(crate) extra: Option<BlobRef>,
    /// The key that a record with this content has to have.
    pub(crate) key: Vec<u8>,
}

/// A half-open range of keys.
type KeyRange = (Vec<u8>, Vec<u8>);

/// The description of a kind.
struct Description {
    blob: BlobKind,
    table: Table,
    /// Returns the keys that a record with this label may have.
    keys: fn(BlobLabel) -> Vec<Vec<u8>>,
    /// Returns the key ranges of the records about blocks from this one on.
    from: fn(u32) -> Vec<KeyRange>,
    decode: fn(&[u8]) -> Result<DurableRecord, StoreError>,
}

impl DurableKind {
    /// All kinds, in the order in which an import stores them.
    pub const ALL: [Self; 5] =
        [Self::Genesis, Self::Block, Self::AggregatedOperation, Self::SingleProof, Self::AggregatedProof];

    fn description(self) -> Description {
        match self {
            Self::Genesis => Description {
                blob: BlobKind::Genesis,
                table: Table::Meta,
                keys: |_| vec![meta::GENESIS.to_vec()],
                from: |_| vec![(meta::GENESIS.to_vec(), [meta::GENESIS, &[0]].concat())],
                decode: |payload| {
                    let NumberedGenesis { row, number } = NumberedGenesis::decode(payload)?;
                    let label = BlobLabel::block(BlobKind::Genesis, number);
                    Ok(DurableRecord::new(Self::Genesis, label, meta::GENESIS.to_vec(), row.blob, 0))
                },
            },
            Self::Block => Description {
                blob: BlobKind::Block,
                table: Table::Blocks,
                keys: |label| vec![keys::number(label.first).to_vec()],
                from: from_number,
                decode: |payload| {
                    let row: BlockRow = codec::open_payload("blocks", payload)?;
                    let label = BlobLabel::block(BlobKind::Block, row.number);
                    let key = keys::number(row.number).to_vec();
                    let record = DurableRecord::new(Self::Block, label, key, row.blob, row.imported_at_ms);
                    Ok(DurableRecord { extra: Some(row.extra), ..record })
                },
            },
            Self::AggregatedOperation => Description {
                blob: BlobKind::AggregatedOperation,
                table: Table::AggregatedOperations,
                keys: |label| {
                    let key = |action| keys::operation(action as u8, label.last).to_vec();
                    AggregatedAction::ALL.map(key).to_vec()
                },
                from: |block| {
                    let from = |action| keys::operation(action as u8, block).to_vec();
                    AggregatedAction::ALL.map(|action| (from(action), end(action).to_vec())).to_vec()
                },
                decode: |payload| {
                    let row: AggregatedOperationRecord =
                        codec::open_payload("aggregated_operations", payload)?;
                    let label = BlobLabel::range(BlobKind::AggregatedOperation, row.first, row.last);
                    let key = keys::operation(row.action as u8, row.last).to_vec();
                    Ok(DurableRecord::new(Self::AggregatedOperation, label, key, row.blob, row.stored_at_ms))
                },
            },
            Self::SingleProof => Description {
                blob: BlobKind::SingleProof,
                table: Table::Proofs,
                keys: |label| vec![proof_record::key(JobType::Single, label.first, label.last)],
                from: from_number,
                decode: |payload| proof(Self::SingleProof, JobType::Single, payload),
            },
            Self::AggregatedProof => Description {
                blob: BlobKind::AggregatedProof,
                table: Table::AggregatedProofs,
                keys: |label| vec![proof_record::key(JobType::Aggregated, label.first, label.last)],
                from: from_number,
                decode: |payload| proof(Self::AggregatedProof, JobType::Aggregated, payload),
            },
        }
    }

    /// Returns the kind of the records that own a kind of blobs; `None` if these can be derived.
    pub fn of_blob(blob: BlobKind) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.blob() == blob)
    }

    /// Returns the kind of the blobs.
    pub fn blob(self) -> BlobKind {
        self.description().blob
    }

    /// Returns the table of the records.
    pub(crate) fn table(self) -> Table {
        self.description().table
    }

    /// Walks the records of this kind. Each item is the key of an entry, and its content.
    pub(crate) fn walk<K: Deref<Target = Kv> + Clone>(
        self,
        kv: K,
    ) -> impl Iterator<Item = Result<(Vec<u8>, DurableRecord), Unreadable>> {
        self.walk_from(kv, 0)
    }

    /// Walks the records of this kind that reach to a block or beyond.
    pub(crate) fn walk_from<K: Deref<Target = Kv> + Clone>(
        self,
        kv: K,
        block: u32,
    ) -> impl Iterator<Item = Result<(Vec<u8>, DurableRecord), Unreadable>> {
        let Description { table, from, decode, .. } = self.description();
        let entries = from(block)
            .into_iter()
            .flat_map(move |(from, to)| Pager::new(kv.clone(), table, &from, &to).pages_of(PAGE));
        entries.map(move |entry| {
            let (key, payload) = entry?;
            match decode(&payload) {
                Ok(record) => Ok((key, record)),
                Err(error) => Err(Unreadable { table, key, error }),
            }
        })
    }
}

impl DurableRecord {
    fn new(kind: DurableKind, label: BlobLabel, key: Vec<u8>, blob: BlobRef, stored_at_ms: u64) -> Self {
        Self { kind, label, blob, prover: None, stored_at_ms, extra: None, key }
    }

    /// Returns the item that the journal has about the record.
    pub(crate) fn item(&self) -> Item {
        Item { label: self.label, hash: self.blob.frame_hash() }
    }
}

/// Walks all durable records, in the order of an import.
pub(crate) fn walk_all<K: Deref<Target = Kv> + Clone>(
    kv: K,
) -> impl Iterator<Item = Result<DurableRecord, Unreadable>> {
    let records = DurableKind::ALL.into_iter().flat_map(move |kind| kind.walk(kv.clone()));
    records.map(|record| record.map(|(_, record)| record))
}

/// Returns true if the kv has an item of the journal.
pub(crate) fn contains(kv: &Kv, item: &Item) -> Result<bool, StoreError> {
    let Some(kind) = DurableKind::of_blob(item.label.kind) else { return Ok(false) };
    let Description { table, keys, decode, .. } = kind.description();
    for key in keys(item.label) {
        if let Some(payload) = kv.get_raw(table, &key)?
            && decode(&payload)?.item() == *item
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn proof(kind: DurableKind, job_type: JobType, payload: &[u8]) -> Result<DurableRecord, StoreError> {
    let row: ProofRow = codec::open_payload(proof_record::table(job_type).name(), payload)?;
    let label = BlobLabel::range(kind.blob(), row.first, row.last);
    let key = proof_record::key(job_type, row.first, row.last);
    let record = DurableRecord::new(kind, label, key, row.blob, row.stored_at_ms);
    Ok(DurableRecord { prover: row.prover, ..record })
}

/// Returns the range of the keys that begin with a number from this one on.
fn from_number(number: u32) -> Vec<KeyRange> {
    vec![(keys::number(number).to_vec(), vec![0xff; 9])]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{clock, operation, publish_next, witnessed};

    #[test]
    fn every_durable_record_is_walked_in_the_order_of_an_import() {
        let dir = tempfile::tempdir().unwrap();
        let store = witnessed(dir.path(), &clock(), 3);
        for block in 1..=3 {
            store.queue().add_single_job(block).unwrap();
            publish_next(&store);
        }
        operation(&store, AggregatedAction::ExecuteBlocks, 1, 1);
        operation(&store, AggregatedAction::CreateProofBlocks, 2, 3);
        store.queue().add_aggregated_job(2, 3).unwrap();
        publish_next(&store);
        let kv = &*store.core().kv;
        let records: Vec<DurableRecord> = walk_all(kv).map(Result::unwrap).collect();
        let labels: Vec<String> = records.iter().map(|record| record.label.to_string()).collect();
        assert_eq!(
            labels,
            [
                "genesis",
                "block 1",
                "block 2",
                "block 3",
                "aggregated operation of 2 to 3",
                "aggregated operation of 1 to 1",
                "proof of block 1",
                "proof of block 2",
                "proof of block 3",
                "aggregated proof of 2 to 3"
            ]
        );
        for record in &records {
            assert!(contains(kv, &record.item()).unwrap(), "{}", record.label);
            let other = Item { hash: [0; 32], ..record.item() };
            assert!(!contains(kv, &other).unwrap(), "{}", record.label);
            assert_eq!(DurableKind::of_blob(record.label.kind), Some(record.kind));
        }
        let from_two = DurableKind::ALL.map(|kind| kind.walk_from(kv, 2).map(Result::unwrap).count());
        assert_eq!(from_two, [1, 2, 1, 2, 1]);
        for kind in DurableKind::ALL {
            assert!(kind.walk(kv).map(Result::unwrap).all(|(key, record)| key == record.key));
        }
    }
}
