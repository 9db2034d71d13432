//! The block after which a chain continues, and the parameters of its blocks.

use crate::domain::{AccountId, BlockNumber};

/// The sealed block that a chain continues from; the default is genesis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Number of the block.
    pub(crate) number: BlockNumber,
    /// Time of the block in Unix seconds.
    pub(crate) timestamp: u64,
    /// Serial id of the next priority operation.
    pub(crate) next_priority_op: u64,
}

/// The parameters of a sequencer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExecutorOptions {
    /// Sizes of blocks in chunks, ascending.
    pub(crate) block_sizes: Vec<usize>,
    /// Id of the account that receives the fees.
    pub(crate) fee_account: AccountId,
}
