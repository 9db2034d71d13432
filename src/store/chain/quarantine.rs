//! Blocks for which no witness can be built.

use serde::{Deserialize, Serialize};

use crate::domain::Quarantine;
use crate::store::chain::chain_store::ChainStore;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::table::Table;
use crate::store::kv::{codec, keys};
use crate::tree::source::Entry;

/// The longest stored reason in bytes: records are small.
const MAX_REASON: usize = 1_000;

/// The stored form of a [`Quarantine`]; its layout is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QuarantineRow {
    pub operation: Option<u32>,
    pub kind: Option<String>,
    pub reason: String,
    pub at_ms: u64,
}

impl From<Quarantine> for QuarantineRow {
    fn from(Quarantine { reason, operation, kind, at_ms }: Quarantine) -> Self {
        Self { operation, kind, reason, at_ms }
    }
}

impl From<QuarantineRow> for Quarantine {
    fn from(QuarantineRow { operation, kind, reason, at_ms }: QuarantineRow) -> Self {
        Self { reason, operation, kind, at_ms }
    }
}

impl ChainStore {
    /// Returns the quarantine of a block.
    pub fn quarantine(&self, number: u32) -> Result<Option<Quarantine>, StoreError> {
        let row: Option<QuarantineRow> = self.core.kv.get(Table::Quarantine, &keys::number(number))?;
        Ok(row.map(Quarantine::from))
    }

    /// Returns up to `limit` quarantined blocks from a number on, by number.
    pub fn quarantined_from(&self, number: u32, limit: usize) -> Result<Vec<(u32, Quarantine)>, StoreError> {
        let entries = self.core.kv.range(Table::Quarantine, &keys::number(number), &[0xff; 5], limit)?;
        let parse = |(key, payload): Entry| {
            let number = keys::head_number(&key).ok_or_else(|| StoreError::corrupt("a key is cut short"))?;
            let row: QuarantineRow = codec::decode("a quarantine", &payload)?;
            Ok((number, row.into()))
        };
        entries.into_iter().map(parse).collect()
    }

    /// Quarantines a stored block; sets the time. Not synced: if the record is lost, the fault is
    /// found again.
    pub fn set_quarantine(&self, number: u32, quarantine: Quarantine) -> Result<(), StoreError> {
        self.core.ready()?;
        let _chain = self.lock();
        self.require_block(number)?;
        let mut batch = Batch::new();
        put_quarantine(&mut batch, number, quarantine, self.core.now_ms())?;
        self.core.apply(batch)
    }

    /// Ends the quarantine of a stored block, so that it is retried; durable on return. Returns
    /// true if it was quarantined.
    pub fn end_quarantine(&self, number: u32) -> Result<bool, StoreError> {
        self.core.ready()?;
        let chain = self.lock();
        self.require_block(number)?;
        let quarantined = self.core.kv.contains(Table::Quarantine, &keys::number(number))?;
        if quarantined {
            let mut batch = Batch::new();
            batch.remove(Table::Quarantine, &keys::number(number));
            self.core.apply(batch)?;
        }
        let generation = self.core.kv.generation();
        drop(chain);
        self.core.sync_generation(generation)?;
        Ok(quarantined)
    }

    fn require_block(&self, number: u32) -> Result<(), StoreError> {
        match self.block_row(number)? {
            Some(_) => Ok(()),
            None => Err(StoreError::NotFound { what: format!("block {number}") }),
        }
    }
}

/// Puts the quarantine of a block into the batch.
pub(crate) fn put_quarantine(
    batch: &mut Batch,
    number: u32,
    quarantine: Quarantine,
    at_ms: u64,
) -> Result<(), StoreError> {
    let mut row = QuarantineRow { at_ms, ..quarantine.into() };
    row.reason.truncate(row.reason.floor_char_boundary(MAX_REASON));
    batch.put(Table::Quarantine, &keys::number(number), &row)
}
