//! What a block did with each transaction and priority operation (spec 02 §5).

use super::{PriorityOp, SignedZkSyncTx, ZkSyncOp};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A transaction of a block, executed or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutedTx {
    /// The transaction.
    pub signed_tx: SignedZkSyncTx,
    /// Whether it was executed.
    pub success: bool,
    /// What it did; `None` if it failed.
    pub op: Option<ZkSyncOp>,
    /// Why it failed.
    pub fail_reason: Option<String>,
    /// Position among the successful operations of the block; `None` if it failed.
    pub block_index: Option<u32>,
    /// When it was executed.
    pub created_at: DateTime<Utc>,
    /// Batch it was sent in.
    pub batch_id: Option<i64>,
}

/// A priority operation of a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutedPriorityOp {
    /// The request.
    pub priority_op: PriorityOp,
    /// What it did.
    pub op: ZkSyncOp,
    /// Position among the successful operations of the block.
    pub block_index: u32,
    /// When it was executed.
    pub created_at: DateTime<Utc>,
}

/// Either; JSON is tagged by `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[allow(missing_docs)] // each variant is documented at its type
pub enum ExecutedOperations {
    Tx(Box<ExecutedTx>),
    PriorityOp(Box<ExecutedPriorityOp>),
}

impl ExecutedOperations {
    /// What was done; `None` for a failed transaction.
    pub fn op(&self) -> Option<&ZkSyncOp> {
        match self {
            Self::Tx(tx) => tx.op.as_ref(),
            Self::PriorityOp(priority_op) => Some(&priority_op.op),
        }
    }
}
