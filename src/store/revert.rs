//! Revert to an earlier block: everything about later blocks is removed, and accounts and account
//! tree return to their values after that block.
//!
//! A revert removes the aggregated operations that end after its target. Blocks that need a proof
//! again, because only such an operation made one unnecessary, may have no witness. On request, the
//! account tree then goes back further, to the block before the first of them, and the maintainers
//! build the missing witnesses on the way forward.
//!
//! A revert is larger than a transaction. First a marker is made durable; from then on every step
//! can be repeated: the next start resumes an interrupted revert before anything else.

use crate::domain::job::JobType;
use crate::store::chain::change_log::{ACCOUNTS, TREE};
use crate::store::chain::covered_blocks::CoveredBlocks;
use crate::store::durable_kinds::DurableKind;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::keys;
use crate::store::kv::keys::{index, meta};
use crate::store::kv::table::Table;
use crate::store::parts::Parts;
use crate::store::queue::job_record::JobRow;
use crate::store::queue::leases::Leases;
use crate::store::store::Store;

/// Number of records that are removed in one transaction: each has a few entries only.
const PAGE: usize = 100;

/// The numbers of items that a revert removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RevertReport {
    /// Number of blocks, with their account updates.
    pub blocks: u32,
    /// Number of removed blocks undone in the account tree, with their witnesses.
    pub witnesses: u32,
    /// Number of remaining blocks undone in the account tree, because a witness among them is
    /// missing and must be built.
    pub unwound: u32,
    /// Number of jobs of both types.
    pub jobs: u32,
    /// Number of single proofs.
    pub proofs: u32,
    /// Number of aggregated proofs.
    pub aggregated_proofs: u32,
    /// Number of aggregated operations.
    pub aggregated_operations: u32,
}

impl Store {
    /// Reverts to the state after block `to`; durable on return. Nothing else may use the store
    /// meanwhile.
    ///
    /// # Errors
    /// [`StoreError::History`] if the history does not reach back to the block. Nothing has changed
    /// then.
    pub fn revert(&self, to: u32) -> Result<RevertReport, StoreError> {
        self.parts.revert(to, false)
    }

    /// Reverts like [`Store::revert`], and takes the account tree back further, to where the first
    /// witness is built that a remaining block needs and does not have. For a server that builds the
    /// witnesses of all blocks.
    ///
    /// # Errors
    /// Those of [`Store::revert`]; [`StoreError::WitnessHistory`] if the history does not reach back
    /// to that witness. Nothing has changed then.
    pub fn revert_and_rewind(&self, to: u32) -> Result<RevertReport, StoreError> {
        self.parts.revert(to, true)
    }

    /// Checks that the history reaches back to a block.
    ///
    /// # Errors
    /// Those of [`Store::revert`], which would change nothing.
    pub(crate) fn check_revert(&self, to: u32) -> Result<(), StoreError> {
        self.parts.check_revert(to)
    }
}

impl Parts {
    fn revert(&self, to: u32, rewind: bool) -> Result<RevertReport, StoreError> {
        let core = &self.core;
        core.ready()?;
        let _chain = self.chain.lock();
        let _tree = self.tree.lock();
        let mut leases = self.queue.lock();
        self.check_revert(to)?;
        let tree_to = if rewind { self.tree_target(to)? } else { to };
        ACCOUNTS.apply_pending(&core.kv, &core.blobs)?;
        TREE.apply_pending(&core.kv, &core.blobs)?;
        let mut marker = Batch::new();
        marker.put(Table::Meta, meta::REVERT_TO, &to)?;
        if tree_to < to {
            marker.put(Table::Meta, meta::REVERT_TREE_TO, &tree_to)?;
        }
        core.apply(marker)?;
        core.sync()?;
        self.revert_marked(to, &mut leases)
    }

    fn check_revert(&self, to: u32) -> Result<(), StoreError> {
        let kv = &self.core.kv;
        if to > self.chain.head()? {
            return Err(StoreError::NotFound { what: format!("block {to}") });
        }
        let mut oldest = ACCOUNTS.oldest_target(kv)?;
        if to < self.tree.head()? {
            oldest = oldest.max(TREE.oldest_target(kv)?);
        }
        if to < oldest { Err(StoreError::History { oldest }) } else { Ok(()) }
    }

    /// Returns the block that the account tree returns to: `to`, or the block before the first one
    /// that needs a witness and has none.
    fn tree_target(&self, to: u32) -> Result<u32, StoreError> {
        let settled = self.queue.last_settled_block_up_to(to)?;
        let Some(block) = self.queue.first_without_witness(settled, to)? else { return Ok(to) };
        let oldest = TREE.oldest_target(&self.core.kv)?;
        if block <= oldest {
            let settled = self.queue.last_settled_block()?;
            return Err(StoreError::WitnessHistory { block, oldest, settled });
        }
        Ok(block.saturating_sub(1))
    }

    /// Resumes an interrupted revert.
    pub(crate) fn resume_revert(&self, leases: &mut Leases) -> Result<(), StoreError> {
        if let Some(to) = self.core.kv.get(Table::Meta, meta::REVERT_TO)? {
            tracing::warn!(to, "resuming an interrupted revert");
            self.revert_marked(to, leases)?;
        }
        Ok(())
    }

    fn revert_marked(&self, to: u32, leases: &mut Leases) -> Result<RevertReport, StoreError> {
        if let Some(journal) = &self.core.journal {
            journal.append_revert(to)?;
        }
        let tree_to: u32 = self.core.kv.get(Table::Meta, meta::REVERT_TREE_TO)?.unwrap_or(to);
        let mut report = RevertReport {
            jobs: self.remove_jobs_after(to, JobType::Single, leases)?
                + self.remove_jobs_after(to, JobType::Aggregated, leases)?,
            ..RevertReport::default()
        };
        self.remove_waiting_proofs(to)?;
        report.proofs = self.remove_records(DurableKind::SingleProof, to)?;
        report.aggregated_proofs = self.remove_records(DurableKind::AggregatedProof, to)?;
        report.aggregated_operations = self.remove_records(DurableKind::AggregatedOperation, to)?;
        *self.chain.covered() = CoveredBlocks::default();
        for number in (tree_to.saturating_add(1)..=self.tree.head()?).rev() {
            TREE.undo(&self.core.kv, &self.core.blobs, number)?;
            let mut batch = Batch::new();
            TREE.remove_head(&self.core.kv, &mut batch, number)?;
            if number <= to {
                report.unwound += 1;
            } else {
                if let Some(witness) = self.tree.witness_row(number)? {
                    batch.release(witness.blob);
                    batch.remove(Table::Witnesses, &keys::number(number));
                }
                report.witnesses += 1;
            }
            self.core.apply(batch)?;
        }
        for number in (to.saturating_add(1)..=self.chain.head()?).rev() {
            ACCOUNTS.undo(&self.core.kv, &self.core.blobs, number)?;
            let mut batch = Batch::new();
            ACCOUNTS.remove_head(&self.core.kv, &mut batch, number)?;
            if let Some(block) = self.chain.block_row(number)? {
                batch.release(block.blob);
                batch.release(block.extra);
                batch.remove(Table::Blocks, &keys::number(number));
            }
            batch.remove(Table::Quarantine, &keys::number(number));
            self.core.apply(batch)?;
            report.blocks += 1;
        }
        // Sync the journal before the marker is removed: without either, the next start would
        // report the removed records as lost.
        self.core.sync()?;
        let mut batch = Batch::new();
        batch.remove(Table::Meta, meta::REVERT_TO);
        batch.remove(Table::Meta, meta::REVERT_TREE_TO);
        self.core.apply(batch)?;
        self.core.sync()?;
        Ok(report)
    }

    fn remove_jobs_after(&self, to: u32, job_type: JobType, leases: &mut Leases) -> Result<u32, StoreError> {
        let (from, end) = (index::ranges_after(job_type, to), index::after_ranges(job_type));
        let mut entries = self.core.kv.walk_range(Table::JobIndex, &from, &end).pages_of(PAGE);
        let mut removed = 0u32;
        loop {
            let page = entries.next_page()?;
            if page.is_empty() {
                return Ok(removed);
            }
            let ids = page.iter().filter_map(|(key, _)| keys::tail_number(key));
            let rows: Vec<JobRow> = ids.map(|id| self.queue.indexed_row(id)).collect::<Result<_, _>>()?;
            removed = removed.saturating_add(u32::try_from(rows.len()).unwrap_or(u32::MAX));
            self.queue.remove_jobs(leases, rows)?;
        }
    }

    /// Removes the proofs beyond block `to` from those that wait for the node's database.
    fn remove_waiting_proofs(&self, to: u32) -> Result<(), StoreError> {
        for job_type in [JobType::Single, JobType::Aggregated] {
            let from = keys::hand_back::from_block(job_type, to.saturating_add(1));
            let end = keys::hand_back::end(job_type);
            let mut entries = self.core.kv.walk_range(Table::HandBack, &from, &end).pages_of(PAGE);
            loop {
                let page = entries.next_page()?;
                if page.is_empty() {
                    break;
                }
                let mut batch = Batch::new();
                page.iter().for_each(|(key, _)| batch.remove(Table::HandBack, key));
                self.core.apply(batch)?;
            }
        }
        Ok(())
    }

    /// Removes the records of a kind that reach beyond block `to`, with their blobs.
    fn remove_records(&self, kind: DurableKind, to: u32) -> Result<u32, StoreError> {
        let mut records = kind.walk_from(&*self.core.kv, to.saturating_add(1));
        let mut removed = 0u32;
        loop {
            let mut batch = Batch::new();
            for record in records.by_ref().take(PAGE) {
                let (key, record) = record?;
                batch.release(record.blob);
                batch.remove(kind.table(), &key);
                removed = removed.saturating_add(1);
            }
            if batch.writes().is_empty() {
                return Ok(removed);
            }
            self.core.apply(batch)?;
        }
    }
}
