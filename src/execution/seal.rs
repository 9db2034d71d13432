//! Seals the pending block (docs/protocol/07-execution.md §9).

use super::executor::Executor;
use super::failure::Failure;
use super::options::Head;
use super::pending::PendingBlock;
use super::recorder::Recorder;
use crate::domain::{Block, BlockError, H256, ImportedBlock, U256};
use crate::tree::TreeError;

/// Returned when a pending block cannot be sealed, which no sequence of executions leads to. The
/// executor must not be used any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    /// A fee cannot be paid.
    #[error("the fees cannot be paid: {0}")]
    Fees(#[from] Failure),
    /// The tree refuses an update.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The block has no public data.
    #[error(transparent)]
    Block(#[from] BlockError),
}

impl Executor {
    /// Pays the fees, computes root and commitment, and starts the next block. Returns the block
    /// with its account updates, as the import takes it.
    ///
    /// A sequencer seals no block without a successful operation; here it is allowed.
    ///
    /// # Errors
    /// [`SealError`], which no sequence of executions leads to.
    pub(crate) fn seal(&mut self) -> Result<ImportedBlock, SealError> {
        let used = self.largest_block - self.pending.chunks_left();
        let size = self.options.block_sizes.iter().find(|size| **size >= used);
        self.seal_with_size(size.copied().unwrap_or(self.largest_block))
    }

    /// Seals the pending block like [`Self::seal`], with the given size in chunks.
    ///
    /// # Errors
    /// [`SealError::Block`] if the operations need more chunks.
    pub(crate) fn seal_with_size(&mut self, size: usize) -> Result<ImportedBlock, SealError> {
        let number = self.pending.number();
        let timestamp = self.pending.timestamp();
        let next_priority_op = self.pending.next_priority_op();
        let head = Head { number, timestamp, next_priority_op };
        let next = PendingBlock::new(head, self.largest_block);
        let mut sealed = std::mem::replace(&mut self.pending, next);

        let fees = sealed.fees().to_vec();
        let mut recorder = Recorder::new(&mut self.state, &mut sealed.updates);
        for (token, fee) in fees.into_iter().filter(|(_, fee)| *fee != 0) {
            recorder.add(self.options.fee_account, token, fee)?;
        }
        let (block_transactions, processed_priority_ops, accounts_updated) = sealed.into_parts();
        let previous_root = self.state.root();
        let mut block = Block {
            block_number: number,
            new_root_hash: self.state.seal(&accounts_updated)?,
            fee_account: self.options.fee_account,
            block_transactions,
            processed_priority_ops,
            block_chunks_size: size,
            commit_gas_limit: U256::default(),
            verify_gas_limit: U256::default(),
            block_commitment: H256::default(),
            timestamp,
        };
        let limits = block.compute_gas_limits();
        block.commit_gas_limit = limits.commit;
        block.verify_gas_limit = limits.verify;
        block.block_commitment = block.compute_commitment(&previous_root)?;
        Ok(ImportedBlock { block, accounts_updated })
    }
}
