//! Progress of a genesis that is being loaded.
//!
//! From the first entry on, `meta` has two markers: one exists while a load is in progress, the
//! other has the loaded genesis and the account id below which everything is on disk. An
//! interrupted load leaves both; the next load of the same genesis resumes at that id and
//! overwrites the entries beyond it. A load of another genesis removes all of it first.

use serde::{Deserialize, Serialize};

use crate::store::core::Core;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::keys::meta;
use crate::store::kv::table::Table;

/// Progress of a load. Stored; the layout is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProgressRow {
    pub content_hash: [u8; 32],
    /// Number of account ids in a part.
    pub part_size: u32,
    /// All accounts below this id are on disk.
    pub done: u32,
}

/// Returns the progress of an interrupted load of this genesis, or begins a new one.
pub(crate) fn resume_or_begin(
    core: &Core,
    content_hash: [u8; 32],
    part_size: u32,
) -> Result<ProgressRow, StoreError> {
    let interrupted: Option<ProgressRow> = core.kv.get(Table::Meta, meta::GENESIS_PROGRESS)?;
    // A program that knows only the first marker wipes a load without removing the second.
    let loading = core.kv.contains(Table::Meta, meta::GENESIS_LOADING)?;
    let same = |row: &ProgressRow| row.content_hash == content_hash && row.part_size == part_size;
    if let Some(progress) = interrupted.filter(|row| loading && same(row)) {
        return Ok(progress);
    }
    wipe(core)?;
    let progress = ProgressRow { content_hash, part_size, done: 0 };
    let mut batch = Batch::new();
    batch.put(Table::Meta, meta::GENESIS_LOADING, &true)?;
    batch.put(Table::Meta, meta::GENESIS_PROGRESS, &progress)?;
    core.apply(batch)?;
    Ok(progress)
}

/// Removes a partially loaded genesis without a progress marker: a wipe was interrupted, or an
/// older program wrote it.
pub(crate) fn wipe_unmarked(core: &Core) -> Result<(), StoreError> {
    if core.kv.contains(Table::Meta, meta::GENESIS_PROGRESS)? { Ok(()) } else { wipe(core) }
}

/// Removes the leftovers of an interrupted load.
pub(crate) fn wipe(core: &Core) -> Result<(), StoreError> {
    if !core.kv.contains(Table::Meta, meta::GENESIS_LOADING)? {
        return Ok(());
    }
    tracing::info!("removing a partially loaded genesis");
    // Without its progress marker no load resumes it.
    let mut batch = Batch::new();
    batch.remove(Table::Meta, meta::GENESIS_PROGRESS);
    core.apply(batch)?;
    core.sync()?;
    core.kv.clear(Table::Accounts)?;
    core.kv.clear(Table::AccountTree)?;
    let mut batch = Batch::new();
    batch.remove(Table::Meta, meta::GENESIS_LOADING);
    core.apply(batch)
}
