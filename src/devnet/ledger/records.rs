//! The records of transactions, batches and blocks.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{H256, PriorityOp, PubKeyHash, SignedZkSyncTx, ZkSyncOp};

/// The authorisation that an account needs besides its signing key (docs/protocol/07-execution.md
/// §10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AccountType {
    /// By an Ethereum signature.
    Owned,
    /// The address is derived from the key; no Ethereum signature exists.
    #[serde(rename = "CREATE2")]
    Create2,
    /// Two-factor authentication is off: for the given key, or for any.
    #[serde(rename = "No2FA")]
    No2Fa(Option<PubKeyHash>),
}

/// Stage of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TxStatus {
    /// It waits for its execution.
    Queued,
    /// It was executed.
    Committed,
    /// It was executed, and its block is final.
    Finalized,
    /// It failed.
    Rejected,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) enum TxBody {
    /// A transaction.
    L2(Box<SignedZkSyncTx>),
    /// A priority operation.
    Priority(Box<PriorityOp>),
}

/// A request with its outcome.
#[derive(Debug, Clone)]
pub(crate) struct TxRecord {
    /// Hash of the transaction or of the priority operation.
    pub hash: H256,
    /// The request.
    pub body: TxBody,
    /// Its effect; `None` before the execution and after a failure.
    pub op: Option<ZkSyncOp>,
    /// The block that executed or rejected it, possibly the pending one; `None` while it waits.
    pub block: Option<u32>,
    /// Position among the successful operations of the block.
    pub block_index: Option<u32>,
    /// Reason of the failure.
    pub fail_reason: Option<String>,
    /// Time of its acceptance; of its execution for an executed priority operation.
    pub created_at: DateTime<Utc>,
    /// Id of its batch.
    pub batch_id: Option<i64>,
}

impl TxRecord {
    /// Returns the transaction; `None` for a priority operation.
    pub(crate) fn l2(&self) -> Option<&SignedZkSyncTx> {
        match &self.body {
            TxBody::L2(tx) => Some(tx),
            TxBody::Priority(_) => None,
        }
    }

    /// Returns the priority operation; `None` for a transaction.
    pub(crate) fn priority_op(&self) -> Option<&PriorityOp> {
        match &self.body {
            TxBody::L2(_) => None,
            TxBody::Priority(op) => Some(op),
        }
    }
}

/// A sealed block.
#[derive(Debug, Clone)]
pub(crate) struct BlockRecord {
    /// Its number.
    pub number: u32,
    /// Root after it, big-endian.
    pub root: [u8; 32],
    /// Commitment.
    pub commitment: H256,
    /// Size in chunks.
    pub chunks: usize,
    /// Hashes of its transactions and priority operations, in the order of the block: successful
    /// ones, then failed ones.
    pub transactions: Vec<H256>,
    /// Time of its sealing.
    pub committed_at: DateTime<Utc>,
    /// Time at which it became final.
    pub finalized_at: Option<DateTime<Utc>>,
    /// Invented hash of the Ethereum transaction that committed it.
    pub commit_tx_hash: H256,
    /// Invented hash of the Ethereum transaction that executed it; `None` before.
    pub verify_tx_hash: Option<H256>,
}

/// A batch.
#[derive(Debug, Clone)]
pub(crate) struct BatchRecord {
    /// Hash of the batch.
    pub hash: H256,
    /// Hashes of its transactions, in order.
    pub transactions: Vec<H256>,
    /// Time of its acceptance.
    pub created_at: DateTime<Utc>,
}
