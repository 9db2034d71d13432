//! Takes over proofs that other servers have written into the node's tables, and imports the node's
//! aggregated operations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tracing::{debug, info, warn};

use super::error::LinkError;
use super::operations::{OperationRow, OperationsHere};
use super::reader::{Reader, Snapshot};
use crate::domain::AggregatedAction;
use crate::domain::job::JobType;
use crate::store::{Imported, StoreError};
use crate::workers::{ImportError, Node, TakenOver};

/// Number of blocks without a proof that are searched for one of another server.
const MAX_SEARCHED: usize = 5_000;
/// Number of proofs that are taken over in one round.
const MAX_TAKEN: u64 = 200;

/// The numbers of items that a link has imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub blocks: u64,
    pub aggregated_operations: u64,
    pub proofs: u64,
}

/// The part of a session that reads proofs and aggregated operations.
pub(super) struct Adoption<'a> {
    node: &'a Arc<Node>,
    /// Ids of operations that do not fit the blocks here.
    refused: Vec<i64>,
    /// The last blocks in the arguments of operations that a revert has cut, by id.
    cut: BTreeMap<i64, u32>,
    /// Whether an `ExecuteBlocks` was removed since [`take_execution_removed`](Self::take_execution_removed).
    execution_removed: bool,
    /// Ranges whose proofs in the node's tables are invalid.
    invalid: BTreeSet<(u32, u32)>,
    /// The last blocks up to which proofs of other servers were searched: those of blocks, and those
    /// of ranges. `None`: not in this session.
    searched: [Option<u32>; 2],
    /// Number of proofs that were taken over in this round.
    taken: u64,
}

impl<'a> Adoption<'a> {
    pub(super) fn new(node: &'a Arc<Node>) -> Self {
        Self {
            node,
            refused: Vec::new(),
            cut: BTreeMap::new(),
            execution_removed: false,
            invalid: BTreeSet::new(),
            searched: [None; 2],
            taken: 0,
        }
    }

    /// Forgets what was refused: after a revert, other blocks have these numbers.
    pub(super) fn clear(&mut self) {
        self.refused.clear();
        self.invalid.clear();
    }

    /// Returns true once after the node has removed an execution: blocks that counted as verified may
    /// need witnesses.
    pub(super) fn take_execution_removed(&mut self) -> bool {
        std::mem::take(&mut self.execution_removed)
    }

    /// Takes over proofs of other servers, then follows aggregated operations, a bounded number of
    /// each. Returns false if there are more.
    pub(super) async fn round(
        &mut self,
        reader: &mut Reader,
        executed: u32,
        progress: &mut Progress,
    ) -> Result<bool, LinkError> {
        let snapshot = reader.snapshot().await?;
        let store = self.node.store().clone();
        let base = store.chain().base()?;
        let head = store.chain().head()?;
        // Blocks up to here need no proof any more.
        let settled = store.chain().last_verified_block()?.max(executed);
        let searched = |last: Option<u32>| last.map_or(base, |last| last.min(settled));
        let [blocks, ranges] = self.searched.map(searched);
        self.taken = 0;
        let reached = self.take_blocks(&snapshot, blocks, head).await?;
        let settled = settled.min(head);
        self.searched[0] = Some(reached.min(settled));
        let mut is_complete = reached >= settled;
        if is_complete {
            is_complete = self.take_ranges(&snapshot, base, ranges, head).await?;
        }
        if is_complete {
            self.searched[1] = Some(settled);
        }
        if self.taken > 0 {
            store.sync()?;
            progress.proofs += self.taken;
            info!(proofs = self.taken, "proofs of other servers taken over");
        }
        // Proofs first, so that an operation makes no job for a proof that exists.
        if is_complete {
            self.forget_removed(&snapshot, base, executed).await?;
            is_complete = self.import_operations(&snapshot, head, progress).await?;
        }
        snapshot.transaction.commit().await?;
        Ok(is_complete)
    }

    /// Takes over proofs of the blocks after `floor` up to `head`; returns the last block up to which
    /// all were taken over.
    async fn take_blocks(
        &mut self,
        snapshot: &Snapshot<'_>,
        floor: u32,
        head: u32,
    ) -> Result<u32, LinkError> {
        let store = self.node.store();
        let mut unproven = Vec::new();
        let mut reached = head;
        for block in floor.saturating_add(1)..=head {
            if !self.invalid.contains(&(block, block)) && !store.queue().has_single_proof(block)? {
                unproven.push(block);
                if unproven.len() == MAX_SEARCHED {
                    reached = block;
                    break;
                }
            }
        }
        if unproven.is_empty() {
            return Ok(reached);
        }
        for block in snapshot.proofs.proven(&snapshot.transaction, &unproven).await? {
            if self.taken == MAX_TAKEN {
                return Ok(block.saturating_sub(1));
            }
            if let Some(json) = snapshot.proofs.proof(&snapshot.transaction, block).await? {
                self.take(JobType::Single, (block, block), &json)?;
            }
        }
        Ok(reached)
    }

    /// Takes over aggregated proofs of ranges that begin after `base` and end after `floor`, up to
    /// `head`; returns false if there are more.
    async fn take_ranges(
        &mut self,
        snapshot: &Snapshot<'_>,
        base: u32,
        floor: u32,
        head: u32,
    ) -> Result<bool, LinkError> {
        for range in snapshot.proofs.aggregated(&snapshot.transaction, base, floor, head).await? {
            let (first, last) = range;
            if self.invalid.contains(&range) || self.node.store().queue().has_aggregated_proof(first, last)? {
                continue;
            }
            if self.taken == MAX_TAKEN {
                return Ok(false);
            }
            if let Some(json) = snapshot.proofs.aggregated_proof(&snapshot.transaction, range).await? {
                self.take(JobType::Aggregated, range, &json)?;
            }
        }
        Ok(true)
    }

    /// Imports the next aggregated operations about the blocks up to `head`; returns true if there
    /// were none.
    async fn import_operations(
        &mut self,
        snapshot: &Snapshot<'_>,
        head: u32,
        progress: &mut Progress,
    ) -> Result<bool, LinkError> {
        let here = self.operations_here(head)?;
        let rows = snapshot.operations.next(&snapshot.transaction, &here).await?;
        let mut waiting = [false; AggregatedAction::ALL.len()];
        let mut is_complete = true;
        for row in &rows {
            let waits = &mut waiting[row.action as usize];
            *waits |= self.cut.get(&row.id).is_some_and(|last| *last > head);
            if *waits {
                continue;
            }
            let read = snapshot.operations.read(&snapshot.transaction, row, here.base).await?;
            let (first, last) = read.as_ref().map_or((0, 0), |operation| {
                let (first, last) = operation.block_range();
                (first.0, last.0)
            });
            if last > head {
                // A revert has cut it. Its blocks often come again as they were, and the node still
                // waits for their proof, so that no later operation may take their place.
                self.cut.insert(row.id, last);
                *waits = true;
                continue;
            }
            is_complete = false;
            let is_cut = row.action == AggregatedAction::CreateProofBlocks && last > row.to_block;
            let fits = first == row.first_here(here.base) && (last == row.to_block || is_cut);
            let Some(operation) = read.filter(|_| fits) else {
                debug!(?row, "an operation is about other blocks than its row and is not followed");
                self.refused.push(row.id);
                continue;
            };
            match self.node.import_parsed_operation(&operation) {
                Ok(Imported::Stored) => progress.aggregated_operations += 1,
                Ok(_) => self.refused.push(row.id),
                // It is about other blocks than those here: it is older than a revert of the node.
                Err(
                    error @ (ImportError::OtherBlock(_)
                    | ImportError::NotARun
                    | ImportError::Store(StoreError::Conflict { .. })),
                ) => {
                    debug!(?row, %error, "an operation does not fit the blocks here and is not followed");
                    self.refused.push(row.id);
                }
                Err(cause) => {
                    return Err(LinkError::Import { block: row.to_block, cause: Box::new(cause) });
                }
            }
        }
        Ok(is_complete)
    }

    /// Removes the operations that the node has removed, and those of the same action after them:
    /// an operator of the node wants the proofs again (`docs/protocol/09-node-database.md` §3).
    /// Those that the node has, or creates later, are imported again.
    async fn forget_removed(
        &mut self,
        snapshot: &Snapshot<'_>,
        base: u32,
        executed: u32,
    ) -> Result<(), LinkError> {
        let rows = snapshot.operations.after(&snapshot.transaction, executed).await?;
        let present: BTreeMap<_, _> =
            rows.iter().map(|row| ((row.action, row.first_here(base), row.to_block), row)).collect();
        for action in AggregatedAction::ALL {
            let mut here = self.node.store().chain().aggregated_operations(action, executed, MAX_SEARCHED)?;
            here.retain(|operation| operation.first > executed);
            for (at, operation) in here.iter().enumerate() {
                let (first, last) = (operation.first, operation.last);
                if present.contains_key(&(action, first, last)) {
                    continue;
                }
                let shorter = present.range((action, first, 0)..(action, first, last));
                let candidates: Vec<OperationRow> = shorter.map(|(_, row)| **row).collect();
                if action != AggregatedAction::CreateProofBlocks
                    || !self.is_one_cut(snapshot, &candidates, base, last).await?
                {
                    warn!(%action, first, last, "the node has removed an operation, and so does this server");
                    self.node.forget_operations(&here[at..])?;
                    self.execution_removed |= action == AggregatedAction::ExecuteBlocks;
                    self.refused.clear();
                    break;
                }
            }
        }
        // Also after a removal that a kill interrupted.
        if self.node.store().queue().remove_jobs_without_operation(executed)? > 0 {
            self.node.wakeup().notify();
        }
        Ok(())
    }

    /// Returns true if the arguments of one of the rows end with block `last`, so that a revert has
    /// cut it.
    async fn is_one_cut(
        &mut self,
        snapshot: &Snapshot<'_>,
        rows: &[OperationRow],
        base: u32,
        last: u32,
    ) -> Result<bool, LinkError> {
        for row in rows {
            let end = match self.cut.get(&row.id) {
                Some(end) => *end,
                None => {
                    let read = snapshot.operations.read(&snapshot.transaction, row, base).await?;
                    let end = read.map_or(0, |operation| operation.block_range().1.0);
                    self.cut.insert(row.id, end);
                    end
                }
            };
            if end == last {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn operations_here(&self, head: u32) -> Result<OperationsHere, StoreError> {
        let chain = self.node.store().chain();
        let mut last = [0; 4];
        for (last, action) in last.iter_mut().zip(AggregatedAction::ALL) {
            *last = chain.last_block_of(action)?;
        }
        Ok(OperationsHere { head, base: chain.base()?, last, refused: self.refused.clone() })
    }

    /// Takes over a proof.
    fn take(&mut self, job_type: JobType, range: (u32, u32), json: &str) -> Result<(), LinkError> {
        match take_over(self.node, job_type, range, json)? {
            TakenOver::Stored => self.taken += 1,
            TakenOver::Present => {}
            TakenOver::Invalid(_) => {
                self.invalid.insert(range);
            }
        }
        Ok(())
    }
}

/// Takes over a proof; an invalid one is reported and left where it is.
pub(super) fn take_over(
    node: &Node,
    job_type: JobType,
    range: (u32, u32),
    json: &str,
) -> Result<TakenOver, StoreError> {
    let taken = node.take_over_proof(job_type, range, json.as_bytes())?;
    if let TakenOver::Invalid(reason) = &taken {
        let (first, last) = range;
        warn!(first, last, reason, "a proof in the node's tables is not one of these blocks");
    }
    Ok(taken)
}
