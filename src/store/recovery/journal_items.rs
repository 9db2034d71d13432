//! What is kept for ever and cannot be made again, as the journal holds it: genesis, blocks, aggregated operations, proofs.

use serde::de::DeserializeOwned;

use crate::domain::AggregatedAction;
use crate::store::chain::aggregated_operations::AggregatedOperationRecord;
use crate::store::chain::blocks::BlockRow;
use crate::store::chain::genesis::GenesisRow;
use crate::store::core::Core;
use crate::store::durable::blobs::{BlobKind, BlobLabel, BlobRef};
use crate::store::durable::journal::{Journal, Reading};
use crate::store::durable::journal_scan::{Item, Place, Replay};
use crate::store::error::StoreError;
use crate::store::kv::batch::{Batch, Table};
use crate::store::kv::codec;
use crate::store::kv::keys;
use crate::store::kv::keys::meta;
use crate::store::kv::records::Kv;
use crate::store::queue::proofs::ProofRow;

/// Records read at a time.
const PAGE: usize = 1_000;

/// Whether the index has an item.
pub(crate) fn is_there(kv: &Kv, item: &Item) -> Result<bool, StoreError> {
    let BlobLabel { kind, first, last } = item.label;
    let same = |body: BlobRef| body.frame_hash() == item.hash;
    let proof = |table, key: &[u8]| Ok(kv.get::<ProofRow>(table, key)?.is_some_and(|row| same(row.body)));
    match kind {
        BlobKind::Genesis => {
            Ok(kv.get::<GenesisRow>(Table::Meta, meta::GENESIS)?.is_some_and(|row| same(row.body)))
        }
        BlobKind::Block => {
            let row: Option<BlockRow> = kv.get(Table::Blocks, &keys::number(first))?;
            Ok(row.is_some_and(|row| same(row.body)))
        }
        BlobKind::SingleProof => proof(Table::Proofs, &keys::number(first)),
        BlobKind::AggregatedProof => proof(Table::AggregatedProofs, &keys::range(first, last)),
        BlobKind::AggregatedOperation => {
            for action in AggregatedAction::ALL {
                let key = keys::operation(action as u8, last);
                let row: Option<AggregatedOperationRecord> = kv.get(Table::AggregatedOperations, &key)?;
                if row.is_some_and(|row| row.first == first && same(row.body)) {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Ok(false),
    }
}

/// The journal of a folder: the one it has, compared with the index, or a new one with all that the index holds. To be called before
/// anything is removed: what the index lost may be in body files.
pub(crate) fn open_journal(dir: &std::path::Path, kv: &Kv) -> Result<Journal, StoreError> {
    if let Some((journal, mut acknowledged)) = Journal::open(dir)? {
        if let Some(to) = kv.get(Table::Meta, meta::REVERT_TO)? {
            acknowledged.revert(to);
        }
        nothing_lost(kv, &acknowledged)?;
        let recorded: Option<Place> = kv.get(Table::Meta, meta::JOURNAL_END)?;
        if recorded.is_some_and(|end| end > journal.end()) {
            append_missing(dir, kv, &journal)?;
        }
        return Ok(journal);
    }
    Journal::create(dir, |journal| {
        each_item(kv, &mut |label, body| {
            journal.append(label, &body)?.done();
            Ok(())
        })
    })
}

/// A power failure left more of the index than of the journal: of what was under way, as nothing else can be missing.
fn append_missing(dir: &std::path::Path, kv: &Kv, journal: &Journal) -> Result<(), StoreError> {
    let known = Reading::of(dir)?.replay.items;
    each_item(kv, &mut |label, body| {
        if !known.contains_key(&Item { label, hash: body.frame_hash() }) {
            tracing::info!(%label, "the journal is given what a power failure took from it");
            journal.append(label, &body)?.done();
        }
        Ok(())
    })?;
    let mut batch = Batch::new();
    batch.put(Table::Meta, meta::JOURNAL_END, &journal.end())?;
    kv.apply(batch).map(|_| ())
}

fn nothing_lost(kv: &Kv, acknowledged: &Replay) -> Result<(), StoreError> {
    for item in acknowledged.items.keys() {
        if !is_there(kv, item)? {
            let label = item.label;
            return Err(StoreError::corrupt(format!("the index lacks the {label}, which the journal has")));
        }
    }
    Ok(())
}

/// Every item of the index, in the order of an import.
fn each_item(
    kv: &Kv,
    each: &mut dyn FnMut(BlobLabel, BlobRef) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    if let Some(row) = kv.get::<GenesisRow>(Table::Meta, meta::GENESIS)? {
        each(BlobLabel::block(BlobKind::Genesis, 0), row.body)?;
    }
    each_row(kv, Table::Blocks, &mut |row: BlockRow| {
        each(BlobLabel::block(BlobKind::Block, row.number), row.body)
    })?;
    each_row(kv, Table::AggregatedOperations, &mut |row: AggregatedOperationRecord| {
        each(BlobLabel::range(BlobKind::AggregatedOperation, row.first, row.last), row.body)
    })?;
    for (table, kind) in
        [(Table::Proofs, BlobKind::SingleProof), (Table::AggregatedProofs, BlobKind::AggregatedProof)]
    {
        each_row(kv, table, &mut |row: ProofRow| {
            each(BlobLabel::range(kind, row.first, row.last), row.body)
        })?;
    }
    Ok(())
}

fn each_row<T: DeserializeOwned>(
    kv: &Kv,
    table: Table,
    each: &mut dyn FnMut(T) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut from = Vec::new();
    loop {
        let page = kv.range_raw(table, &from, &[0xff; 16], PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        from = [last.as_slice(), &[0]].concat();
        for (_, row) in &page {
            each(codec::from_body_bytes(table.name(), row)?)?;
        }
    }
}

/// Tells the journal what became of the entries that were not acknowledged: from now on those that the kv has must not be lost.
pub(crate) fn settle(core: &Core) -> Result<(), StoreError> {
    let Some(journal) = &core.journal else { return Ok(()) };
    if journal.settle(|item| is_there(&core.kv, item))? { core.sync() } else { Ok(()) }
}
