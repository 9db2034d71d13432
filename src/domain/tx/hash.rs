//! Hashes of transactions, batches and priority operations (docs/protocol/07-execution.md §10).

use super::transaction::ZkSyncTx;
use crate::domain::hex_types::TxHash;
use crate::domain::priority_op::PriorityOp;
use crate::domain::wire::WireError;
use sha2::{Digest, Sha256};

impl TxHash {
    /// Returns the hash of a transaction: that of its full current form.
    ///
    /// # Errors
    /// If an amount or the fee exceeds the size of its field.
    pub(crate) fn of(tx: &ZkSyncTx) -> Result<Self, WireError> {
        Ok(sha256(&[&tx.full_bytes()?]))
    }

    /// Returns the hash of a batch from the hashes of its transactions.
    pub(crate) fn of_batch(hashes: &[Self]) -> Self {
        sha256(&hashes.iter().map(|hash| &hash.0[..]).collect::<Vec<_>>())
    }

    /// Returns the hash of a priority operation.
    pub(crate) fn of_priority_op(op: &PriorityOp) -> Self {
        let index = op.eth_block_index.unwrap_or(0);
        let [block, index, serial] = [op.eth_block, index, op.serial_id].map(u64::to_be_bytes);
        sha256(&[&op.eth_hash.0, &block, &index, &serial])
    }
}

fn sha256(parts: &[&[u8]]) -> TxHash {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    TxHash(hasher.finalize().into())
}
