//! Blocks that still need a proof, and those that cannot get one.

use crate::domain::AggregatedAction;
use crate::store::error::StoreError;
use crate::store::kv::keys;
use crate::store::kv::table::Table;
use crate::store::queue::job_queue::JobQueue;

impl JobQueue {
    /// Returns the last block up to which no proof is needed: all are executed, their proofs were
    /// published, or they are before the first block of the folder.
    pub fn last_settled_block(&self) -> Result<u32, StoreError> {
        self.last_settled_block_up_to(u32::MAX)
    }

    /// Returns the last settled block if operations that end after block `last` are removed.
    pub(crate) fn last_settled_block_up_to(&self, last: u32) -> Result<u32, StoreError> {
        let end = |action| self.chain.last_block_of_up_to(action, last);
        let executed = end(AggregatedAction::ExecuteBlocks)?;
        let published = end(AggregatedAction::PublishProofBlocksOnchain)?;
        Ok(executed.max(published).max(self.chain.base()?))
    }

    /// Returns true if a block can have a job: its witness or its proof is stored.
    pub fn is_ready_for_job(&self, block: u32) -> Result<bool, StoreError> {
        Ok(self.core.kv.contains(Table::Witnesses, &keys::number(block))? || self.has_single_proof(block)?)
    }

    /// Returns the first block after `settled`, up to `last`, that can never have a job: the account
    /// tree is past it, and neither its witness nor its proof is stored.
    pub fn first_without_witness(&self, settled: u32, last: u32) -> Result<Option<u32>, StoreError> {
        for block in settled.saturating_add(1)..=last.min(self.tree.head()?) {
            if !self.is_ready_for_job(block)? {
                return Ok(Some(block));
            }
        }
        Ok(None)
    }
}
