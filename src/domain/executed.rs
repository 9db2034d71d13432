//! Executed transactions and priority operations of a block (docs/protocol/02-types-json.md §5).

use crate::domain::op::ZkSyncOp;
use crate::domain::priority_op::PriorityOp;
use crate::domain::tx::SignedZkSyncTx;
use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

/// Number of digits of a second that every reading of a time has.
const MICROSECONDS: u16 = 6;

/// A transaction of a block, successful or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutedTx {
    /// The transaction.
    pub signed_tx: SignedZkSyncTx,
    /// True if it was executed, false if it failed.
    pub success: bool,
    /// Its effect; `None` if it failed.
    pub op: Option<ZkSyncOp>,
    /// Reason of the failure.
    pub fail_reason: Option<String>,
    /// Position among the successful operations of the block; `None` if it failed.
    pub block_index: Option<u32>,
    /// Time of execution.
    pub created_at: DateTime<Utc>,
    /// Id of the batch that contained it.
    pub batch_id: Option<i64>,
}

/// A priority operation of a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutedPriorityOp {
    /// The request.
    pub priority_op: PriorityOp,
    /// Its effect.
    pub op: ZkSyncOp,
    /// Position among the successful operations of the block.
    pub block_index: u32,
    /// Time of execution.
    pub created_at: DateTime<Utc>,
}

/// A transaction or a priority operation of a block; JSON is tagged by `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[allow(missing_docs)] // each variant is documented at its type
pub enum ExecutedOperations {
    Tx(Box<ExecutedTx>),
    PriorityOp(Box<ExecutedPriorityOp>),
}

impl ExecutedOperations {
    /// Returns what every reading of the operation has in common, with the time of execution as that
    /// of the arrival; `None` for a failed transaction.
    pub(crate) fn lasting(&self) -> Option<Self> {
        let mut lasting = self.op().map(|_| self.clone())?;
        match &mut lasting {
            Self::Tx(tx) => {
                tx.created_at = tx.created_at.trunc_subsecs(MICROSECONDS);
                tx.signed_tx.created_at = tx.created_at;
            }
            Self::PriorityOp(op) => op.created_at = op.created_at.trunc_subsecs(MICROSECONDS),
        }
        Some(lasting)
    }

    /// Returns the effect; `None` for a failed transaction.
    pub fn op(&self) -> Option<&ZkSyncOp> {
        match self {
            Self::Tx(tx) => tx.op.as_ref(),
            Self::PriorityOp(priority_op) => Some(&priority_op.op),
        }
    }
}
