//! The journal at a start: compared with the kv, or created for a folder that has none.

use std::path::Path;

use crate::store::core::Core;
use crate::store::durable::journal::Journal;
use crate::store::durable::journal_found::FoundJournal;
use crate::store::durable::journal_reading::Reading;
use crate::store::durable::journal_record::Place;
use crate::store::durable_kinds;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::handle::Kv;
use crate::store::kv::keys::meta;
use crate::store::kv::table::Table;
use crate::store::parameters::check_parameters;

/// Opens the journal of a folder, as it was read. If the folder has no journal, creates one with
/// everything that the kv has.
pub(crate) fn open_journal(dir: &Path, found: Option<FoundJournal>, kv: &Kv) -> Result<Journal, StoreError> {
    if let Some(found) = found {
        let journal = Journal::open(found)?;
        let stored_end: Option<Place> = kv.get(Table::Meta, meta::JOURNAL_END)?;
        if stored_end.is_some_and(|end| end > journal.end()) {
            append_missing(dir, kv, &journal)?;
        }
        return Ok(journal);
    }
    Journal::create(dir, |journal| {
        for record in durable_kinds::walk_all(kv) {
            let record = record?;
            journal.append(record.label, &record.blob)?.applied();
        }
        Ok(())
    })
}

/// Appends the items that the journal lacks. After a power failure, these are at most the ones that
/// were being written.
fn append_missing(dir: &Path, kv: &Kv, journal: &Journal) -> Result<(), StoreError> {
    let known = Reading::of(dir)?.replay.items;
    for record in durable_kinds::walk_all(kv) {
        let record = record?;
        if !known.contains_key(&record.item()) {
            tracing::info!(item = %record.label, "appending to the journal what a power failure removed from it");
            journal.append(record.label, &record.blob)?.applied();
        }
    }
    let mut batch = Batch::new();
    batch.put(Table::Meta, meta::JOURNAL_END, &journal.end())?;
    kv.apply(batch).map(drop)
}

/// Refuses a kv that lacks an item which the newest part of the journal has as acknowledged. This
/// has to happen before anything is removed: blob files may have the only copy of items that the kv
/// lost.
pub(crate) fn check_nothing_lost(kv: &Kv, found: &mut FoundJournal) -> Result<(), StoreError> {
    if let Some(to) = kv.get(Table::Meta, meta::REVERT_TO)? {
        found.acknowledged.revert(to);
    }
    for item in found.acknowledged.items.keys() {
        if !durable_kinds::contains(kv, item)? {
            let label = item.label;
            return Err(StoreError::corrupt(format!("the kv lacks the {label}, which the journal has")));
        }
    }
    Ok(())
}

/// Checks a reopened kv like a start does, before it takes the place of the one that failed.
pub(crate) fn check_reopened(core: &Core, kv: &Kv) -> Result<(), StoreError> {
    check_parameters(&core.dir, core.path(), kv)?;
    let Some(journal) = &core.journal else { return Ok(()) };
    let found = FoundJournal::read(journal.dir())?;
    let mut found = found.ok_or_else(|| StoreError::corrupt("its journal is missing"))?;
    check_nothing_lost(kv, &mut found)
}

/// Withdraws the unacknowledged records of the journal whose items are not in the kv, and
/// acknowledges the others.
pub(crate) fn settle(core: &Core) -> Result<(), StoreError> {
    let Some(journal) = &core.journal else { return Ok(()) };
    if journal.settle(|item| durable_kinds::contains(&core.kv, item))? { core.sync() } else { Ok(()) }
}
