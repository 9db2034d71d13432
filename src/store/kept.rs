//! What is kept for ever and cannot be made again, as the journal holds it: genesis, blocks, aggregated operations, proofs.

use serde::de::DeserializeOwned;

use super::aggregated_operations::AggregatedOperationRecord;
use super::batch::{Batch, Table};
use super::blocks::BlockRow;
use super::body::{BodyKind, BodyLabel, BodyRef};
use super::db::Db;
use super::error::StoreError;
use super::genesis::GenesisRow;
use super::journal::{Journal, Reading};
use super::journal_scan::{Item, Place, Replay};
use super::keys::{self, meta};
use super::proofs::ProofRow;
use super::{AggregatedAction, Store, codec};

/// Records read at a time.
const PAGE: usize = 1_000;

/// Whether the index has an item.
pub(super) fn is_there(db: &Db, item: &Item) -> Result<bool, StoreError> {
    let BodyLabel { kind, first, last } = item.label;
    let same = |body: BodyRef| body.frame_hash() == item.hash;
    let proof = |table, key: &[u8]| Ok(db.get::<ProofRow>(table, key)?.is_some_and(|row| same(row.body)));
    match kind {
        BodyKind::Genesis => {
            Ok(db.get::<GenesisRow>(Table::Meta, meta::GENESIS)?.is_some_and(|row| same(row.body)))
        }
        BodyKind::Block => {
            let row: Option<BlockRow> = db.get(Table::Blocks, &keys::number(first))?;
            Ok(row.is_some_and(|row| same(row.body)))
        }
        BodyKind::SingleProof => proof(Table::Proofs, &keys::number(first)),
        BodyKind::AggregatedProof => proof(Table::AggregatedProofs, &keys::range(first, last)),
        BodyKind::AggregatedOperation => {
            for action in AggregatedAction::ALL {
                let key = keys::operation(action as u8, last);
                let row: Option<AggregatedOperationRecord> = db.get(Table::AggregatedOperations, &key)?;
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
pub(super) fn open_journal(dir: &std::path::Path, db: &Db) -> Result<Journal, StoreError> {
    if let Some((journal, mut acknowledged)) = Journal::open(dir)? {
        if let Some(to) = db.get(Table::Meta, meta::REVERT_TO)? {
            acknowledged.revert(to);
        }
        nothing_lost(db, &acknowledged)?;
        let recorded: Option<Place> = db.get(Table::Meta, meta::JOURNAL_END)?;
        if recorded.is_some_and(|end| end > journal.end()) {
            append_missing(dir, db, &journal)?;
        }
        return Ok(journal);
    }
    Journal::create(dir, |journal| {
        each_item(db, &mut |label, body| {
            journal.append(label, &body)?.done();
            Ok(())
        })
    })
}

/// A power failure left more of the index than of the journal: of what was under way, as nothing else can be missing.
fn append_missing(dir: &std::path::Path, db: &Db, journal: &Journal) -> Result<(), StoreError> {
    let known = Reading::of(dir)?.replay.items;
    each_item(db, &mut |label, body| {
        if !known.contains_key(&Item { label, hash: body.frame_hash() }) {
            tracing::info!(%label, "the journal is given what a power failure took from it");
            journal.append(label, &body)?.done();
        }
        Ok(())
    })?;
    let mut batch = Batch::new();
    batch.put(Table::Meta, meta::JOURNAL_END, &journal.end())?;
    db.apply(batch).map(|_| ())
}

fn nothing_lost(db: &Db, acknowledged: &Replay) -> Result<(), StoreError> {
    for item in acknowledged.items.keys() {
        if !is_there(db, item)? {
            let label = item.label;
            return Err(StoreError::corrupt(format!("the index lacks the {label}, which the journal has")));
        }
    }
    Ok(())
}

/// Every item of the index, in the order of an import.
fn each_item(
    db: &Db,
    each: &mut dyn FnMut(BodyLabel, BodyRef) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    if let Some(row) = db.get::<GenesisRow>(Table::Meta, meta::GENESIS)? {
        each(BodyLabel::block(BodyKind::Genesis, 0), row.body)?;
    }
    each_row(db, Table::Blocks, &mut |row: BlockRow| {
        each(BodyLabel::block(BodyKind::Block, row.number), row.body)
    })?;
    each_row(db, Table::AggregatedOperations, &mut |row: AggregatedOperationRecord| {
        each(BodyLabel::range(BodyKind::AggregatedOperation, row.first, row.last), row.body)
    })?;
    for (table, kind) in
        [(Table::Proofs, BodyKind::SingleProof), (Table::AggregatedProofs, BodyKind::AggregatedProof)]
    {
        each_row(db, table, &mut |row: ProofRow| {
            each(BodyLabel::range(kind, row.first, row.last), row.body)
        })?;
    }
    Ok(())
}

fn each_row<T: DeserializeOwned>(
    db: &Db,
    table: Table,
    each: &mut dyn FnMut(T) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut from = Vec::new();
    loop {
        let page = db.range_raw(table, &from, &[0xff; 16], PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        from = [last.as_slice(), &[0]].concat();
        for (_, row) in &page {
            each(codec::from_body_bytes(table.name(), row)?)?;
        }
    }
}

impl Store {
    /// Tells the journal what became of the entries that nobody was told of. From now on what is there must not get lost.
    pub(super) fn settle_journal(&self) -> Result<(), StoreError> {
        let Some(journal) = &self.journal else { return Ok(()) };
        if journal.settle(|item| is_there(&self.db, item))? { self.sync() } else { Ok(()) }
    }
}
