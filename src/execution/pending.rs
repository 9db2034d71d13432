//! The pending block.

use super::options::Head;
use crate::domain::{
    AccountUpdates, BlockNumber, ExecutedOperations, ExecutedPriorityOp, ExecutedTx, GasCounter, PriorityOp,
    SignedZkSyncTx, TokenId, ZkSyncOp,
};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// The operations and failures since the last sealed block.
#[derive(Clone, Debug)]
pub(crate) struct PendingBlock {
    /// The sealed block before it.
    head: Head,
    timestamp: u64,
    pub(super) chunks_left: usize,
    pub(super) gas: GasCounter,
    next_priority_op: u64,
    operations: Vec<ExecutedOperations>,
    failed: Vec<ExecutedOperations>,
    /// Updates of the operations; during an execution also those of an operation that may fail.
    pub(super) updates: AccountUpdates,
    fees: Vec<(TokenId, u128)>,
    fee_sums: BTreeMap<TokenId, u128>,
    pub(super) is_fast: bool,
}

impl PendingBlock {
    pub(super) fn new(head: Head, chunks: usize) -> Self {
        Self {
            head,
            timestamp: head.timestamp,
            chunks_left: chunks,
            gas: GasCounter::default(),
            next_priority_op: head.next_priority_op,
            operations: Vec::new(),
            failed: Vec::new(),
            updates: AccountUpdates::new(),
            fees: Vec::new(),
            fee_sums: BTreeMap::new(),
            is_fast: false,
        }
    }

    /// Returns the number of the block.
    pub(crate) fn number(&self) -> BlockNumber {
        BlockNumber(self.head.number.0.saturating_add(1))
    }

    /// Returns the time of the block in Unix seconds. It is final once the block has an operation.
    pub(crate) fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// Returns the number of unused chunks, of the largest block size.
    pub(crate) fn chunks_left(&self) -> usize {
        self.chunks_left
    }

    /// Returns the serial id of the next priority operation.
    pub(crate) fn next_priority_op(&self) -> u64 {
        self.next_priority_op
    }

    /// Returns the successful operations in order.
    pub(crate) fn operations(&self) -> &[ExecutedOperations] {
        &self.operations
    }

    /// Returns the failed transactions in order.
    pub(crate) fn failed(&self) -> &[ExecutedOperations] {
        &self.failed
    }

    /// Returns the account updates of the operations in order, without those of the fees.
    pub(crate) fn updates(&self) -> &AccountUpdates {
        &self.updates
    }

    /// Returns true if a fast withdrawal was looked at (docs/protocol/07-execution.md §8.3).
    pub(crate) fn is_fast(&self) -> bool {
        self.is_fast
    }

    /// Returns the fees in order of execution, zeros included.
    pub(super) fn fees(&self) -> &[(TokenId, u128)] {
        &self.fees
    }

    /// Returns the sum of the fees in a token.
    pub(super) fn fee_sum(&self, token: TokenId) -> u128 {
        self.fee_sums.get(&token).copied().unwrap_or(0)
    }

    /// Adds a fee; returns false, without an effect, if the sum exceeds 128 bits.
    pub(super) fn add_fee(&mut self, token: TokenId, fee: u128) -> bool {
        let sum = self.fee_sums.entry(token).or_default();
        let Some(new) = sum.checked_add(fee) else { return false };
        *sum = new;
        self.fees.push((token, fee));
        true
    }

    /// Removes the last fees, until `length` are left.
    pub(super) fn truncate_fees(&mut self, length: usize) {
        for (token, fee) in self.fees.drain(length.min(self.fees.len())..) {
            let sum = self.fee_sums.entry(token).or_default();
            *sum = sum.saturating_sub(fee);
        }
    }

    pub(super) fn set_time(&mut self, now: u64) {
        if self.operations.is_empty() {
            self.timestamp = now.max(self.head.timestamp);
        }
    }

    pub(super) fn add_tx(
        &mut self,
        signed_tx: &SignedZkSyncTx,
        op: ZkSyncOp,
        batch_id: Option<i64>,
        created_at: DateTime<Utc>,
    ) {
        self.use_room(&op);
        self.operations.push(ExecutedOperations::Tx(Box::new(ExecutedTx {
            signed_tx: signed_tx.clone(),
            success: true,
            op: Some(op),
            fail_reason: None,
            block_index: Some(self.next_index()),
            created_at,
            batch_id,
        })));
    }

    pub(super) fn add_failed(
        &mut self,
        signed_tx: &SignedZkSyncTx,
        reason: &str,
        batch_id: Option<i64>,
        created_at: DateTime<Utc>,
    ) {
        self.failed.push(ExecutedOperations::Tx(Box::new(ExecutedTx {
            signed_tx: signed_tx.clone(),
            success: false,
            op: None,
            fail_reason: Some(reason.to_owned()),
            block_index: None,
            created_at,
            batch_id,
        })));
    }

    pub(super) fn add_priority_op(
        &mut self,
        priority_op: &PriorityOp,
        op: ZkSyncOp,
        created_at: DateTime<Utc>,
    ) {
        self.use_room(&op);
        self.next_priority_op = priority_op.serial_id.saturating_add(1);
        self.operations.push(ExecutedOperations::PriorityOp(Box::new(ExecutedPriorityOp {
            priority_op: priority_op.clone(),
            op,
            block_index: self.next_index(),
            created_at,
        })));
    }

    /// Returns the parts of the sealed block: its transactions, the numbers of the next priority
    /// operation before and after it, and all account updates.
    pub(super) fn into_parts(self) -> (Vec<ExecutedOperations>, (u64, u64), AccountUpdates) {
        let mut transactions = self.operations;
        transactions.extend(self.failed);
        (transactions, (self.head.next_priority_op, self.next_priority_op), self.updates)
    }

    fn use_room(&mut self, op: &ZkSyncOp) {
        self.chunks_left = self.chunks_left.saturating_sub(op.chunks());
        self.gas = self.gas.with(op);
    }

    fn next_index(&self) -> u32 {
        // A block has at most 2^16 chunks.
        self.operations.len() as u32
    }
}
