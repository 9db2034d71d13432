//! The hashes by which requests are found (docs/protocol/07-execution.md §10).

use crate::domain::{ExecutedOperations, H256, PriorityOp, TxHash};

/// Returns the hash of an executed or rejected request.
pub(super) fn of_executed(executed: &ExecutedOperations) -> H256 {
    match executed {
        // Admission refuses a transaction without a hash, so no block has one.
        ExecutedOperations::Tx(tx) => {
            TxHash::of(&tx.signed_tx.tx).map_or_else(|_| H256::default(), |hash| H256(hash.0))
        }
        ExecutedOperations::PriorityOp(op) => of_priority_op(&op.priority_op),
    }
}

/// Returns the hash of a priority operation.
pub(in crate::devnet) fn of_priority_op(op: &PriorityOp) -> H256 {
    H256(TxHash::of_priority_op(op).0)
}

/// Returns the hash of a batch from those of its transactions.
pub(in crate::devnet) fn of_batch(transactions: &[H256]) -> H256 {
    let hashes: Vec<TxHash> = transactions.iter().map(|hash| TxHash(hash.0)).collect();
    H256(TxHash::of_batch(&hashes).0)
}
