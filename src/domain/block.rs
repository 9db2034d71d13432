//! Sealed blocks (spec 02 §6, 05).

use super::{AccountId, AccountUpdates, BlockNumber, ExecutedOperations, H256, U256};
use crate::crypto::Fr;
use serde::{Deserialize, Serialize};

/// A sealed block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Number.
    pub block_number: BlockNumber,
    /// Root of the account tree after the block.
    #[serde(with = "crate::crypto::fr::serde_fr")]
    pub new_root_hash: Fr,
    /// Account that receives the fees.
    pub fee_account: AccountId,
    /// Successful operations in order, then failed transactions.
    pub block_transactions: Vec<ExecutedOperations>,
    /// Number of the next priority operation before and after the block.
    pub processed_priority_ops: (u64, u64),
    /// Chunks of the block, padding included.
    pub block_chunks_size: usize,
    /// Gas limit of the commit.
    pub commit_gas_limit: U256,
    /// Gas limit of the execution.
    pub verify_gas_limit: U256,
    /// Commitment (spec 05 §5.1).
    pub block_commitment: H256,
    /// Unix seconds.
    pub timestamp: u64,
}

/// A block together with the account updates it made: what is imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedBlock {
    /// The block.
    pub block: Block,
    /// Its updates: those of the operations in order, then the fees.
    pub accounts_updated: AccountUpdates,
}
