//! Going back to an earlier block: everything about later blocks goes, accounts and tree return to what they were.
//!
//! It is more than a transaction holds. A marker is made durable first, then every step can be repeated; a revert that was
//! killed goes on at the next start, before anything else is done.

use crate::domain::AggregatedAction;
use crate::domain::job::JobType;
use crate::store::chain::aggregated_operations::{AggregatedOperationRecord, end as operations_end};
use crate::store::chain::change_log::{ACCOUNTS, TREE};
use crate::store::durable::blobs::BlobRef;
use crate::store::error::StoreError;
use crate::store::kv::batch::{Batch, Table};
use crate::store::kv::codec;
use crate::store::kv::keys;
use crate::store::kv::keys::{index, meta};
use crate::store::parts::Parts;
use crate::store::queue::jobs::JobRow;
use crate::store::queue::leases::Leases;
use crate::store::queue::proofs::ProofRow;
use crate::store::store::Store;

/// Records removed in one transaction: each gives up a few entries only.
const PAGE: usize = 100;

/// What a revert removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RevertReport {
    /// Blocks, with their account updates.
    pub blocks: u32,
    /// Blocks taken out of the account tree, with their witnesses.
    pub witnesses: u32,
    /// Jobs of both types.
    pub jobs: u32,
    /// Single proofs.
    pub proofs: u32,
    /// Aggregated proofs.
    pub aggregated_proofs: u32,
    /// Aggregated operations.
    pub aggregated_operations: u32,
}

impl Store {
    /// Goes back to the state after block `to`; durable on return. Nothing else may use the store meanwhile.
    /// [`StoreError::History`] when the history does not reach back that far: nothing has changed then.
    pub fn revert(&self, to: u32) -> Result<RevertReport, StoreError> {
        self.parts.revert(to)
    }
}

impl Parts {
    fn revert(&self, to: u32) -> Result<RevertReport, StoreError> {
        let core = &self.core;
        core.ready()?;
        let _chain = self.chain.lock();
        let _tree = self.tree.lock();
        let mut leases = self.queue.lock();
        let head = self.chain.head()?;
        if to > head {
            return Err(StoreError::NotFound { what: format!("block {to} to go back to") });
        }
        let mut oldest = ACCOUNTS.oldest_target(&core.kv)?;
        if to < self.tree.head()? {
            oldest = oldest.max(TREE.oldest_target(&core.kv)?);
        }
        if to < oldest {
            return Err(StoreError::History { oldest });
        }
        ACCOUNTS.apply_pending(&core.kv, &core.blobs)?;
        TREE.apply_pending(&core.kv, &core.blobs)?;
        let mut marker = Batch::new();
        marker.put(Table::Meta, meta::REVERT_TO, &to)?;
        core.apply(marker)?;
        core.sync()?;
        self.revert_marked(to, &mut leases)
    }

    /// Goes on with a revert that was interrupted.
    pub(crate) fn resume_revert(&self, leases: &mut Leases) -> Result<(), StoreError> {
        if let Some(to) = self.core.kv.get(Table::Meta, meta::REVERT_TO)? {
            tracing::warn!(to, "going on with an interrupted revert");
            self.revert_marked(to, leases)?;
        }
        Ok(())
    }

    fn revert_marked(&self, to: u32, leases: &mut Leases) -> Result<RevertReport, StoreError> {
        if let Some(journal) = &self.core.journal {
            journal.append_revert(to)?;
        }
        let mut report = RevertReport {
            jobs: self.remove_jobs_after(to, JobType::Single, leases)?
                + self.remove_jobs_after(to, JobType::Aggregated, leases)?,
            ..RevertReport::default()
        };
        let last_after = keys::number(to.saturating_add(1));
        let proof = |row: &[u8]| codec::from_body_bytes("a proof", row).map(|row: ProofRow| row.body);
        report.proofs = self.remove_range(Table::Proofs, &last_after, &[0xff; 9], proof)?;
        report.aggregated_proofs =
            self.remove_range(Table::AggregatedProofs, &last_after, &[0xff; 9], proof)?;
        for action in AggregatedAction::ALL {
            let from = keys::operation(action as u8, to.saturating_add(1));
            let body = |row: &[u8]| {
                let row: AggregatedOperationRecord = codec::from_body_bytes("an aggregated operation", row)?;
                Ok(row.body)
            };
            report.aggregated_operations +=
                self.remove_range(Table::AggregatedOperations, &from, &operations_end(action), body)?;
        }
        for number in (to.saturating_add(1)..=self.tree.head()?).rev() {
            TREE.undo(&self.core.kv, &self.core.blobs, number)?;
            let mut batch = Batch::new();
            TREE.forget_head(&self.core.kv, &mut batch, number)?;
            if let Some(witness) = self.tree.witness_row(number)? {
                batch.release(witness.body);
                batch.remove(Table::Witnesses, &keys::number(number));
            }
            self.core.apply(batch)?;
            report.witnesses += 1;
        }
        for number in (to.saturating_add(1)..=self.chain.head()?).rev() {
            ACCOUNTS.undo(&self.core.kv, &self.core.blobs, number)?;
            let mut batch = Batch::new();
            ACCOUNTS.forget_head(&self.core.kv, &mut batch, number)?;
            if let Some(block) = self.chain.block_row(number)? {
                batch.release(block.body);
                batch.release(block.extra);
                batch.remove(Table::Blocks, &keys::number(number));
            }
            batch.remove(Table::Quarantine, &keys::number(number));
            self.core.apply(batch)?;
            report.blocks += 1;
        }
        // The journal knows of it before the marker goes: nothing else would tell it what is gone.
        self.core.sync()?;
        let mut batch = Batch::new();
        batch.remove(Table::Meta, meta::REVERT_TO);
        self.core.apply(batch)?;
        self.core.sync()?;
        Ok(report)
    }

    fn remove_jobs_after(&self, to: u32, job_type: JobType, leases: &mut Leases) -> Result<u32, StoreError> {
        let (from, end) = (index::ranges_after(job_type, to), index::after_ranges(job_type));
        let mut removed = 0u32;
        loop {
            let entries = self.core.kv.range_raw(Table::JobIndex, &from, &end, PAGE)?;
            if entries.is_empty() {
                return Ok(removed);
            }
            let mut rows: Vec<JobRow> = Vec::new();
            for id in entries.iter().filter_map(|(key, _)| keys::tail_number(key)) {
                let missing = || StoreError::corrupt(format!("job {id} is indexed and missing"));
                rows.push(self.queue.job_row(id)?.ok_or_else(missing)?);
            }
            removed = removed.saturating_add(u32::try_from(rows.len()).unwrap_or(u32::MAX));
            self.queue.remove_jobs(leases, rows)?;
        }
    }

    /// Removes the records of `from..to` with the bodies they own.
    fn remove_range(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        body: impl Fn(&[u8]) -> Result<BlobRef, StoreError>,
    ) -> Result<u32, StoreError> {
        let mut removed = 0u32;
        loop {
            let entries = self.core.kv.range_raw(table, from, to, PAGE)?;
            if entries.is_empty() {
                return Ok(removed);
            }
            let mut batch = Batch::new();
            for (key, row) in &entries {
                batch.release(body(row)?);
                batch.remove(table, key);
            }
            self.core.apply(batch)?;
            removed = removed.saturating_add(u32::try_from(entries.len()).unwrap_or(u32::MAX));
        }
    }
}
