//! Transactions and priority operations as JSON-RPC shows them.

use serde::Serialize;

use crate::devnet::ledger::{Ledger, TxBody, TxRecord, TxStatus};
use crate::domain::H256;

/// The block that executed a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::devnet) struct BlockOfTx {
    block_number: u32,
    committed: bool,
    /// True once the block is final.
    verified: bool,
}

impl BlockOfTx {
    fn of(ledger: &Ledger, record: &TxRecord) -> Option<Self> {
        let block_number = record.block?;
        Some(Self { block_number, committed: true, verified: block_number <= ledger.last_final() })
    }
}

/// The result of `tx_info`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::devnet) struct TxInfo {
    executed: bool,
    success: Option<bool>,
    fail_reason: Option<String>,
    block: Option<BlockOfTx>,
}

impl TxInfo {
    /// Returns what is known about a transaction; priority operations count as unknown.
    pub(in crate::devnet) fn of(ledger: &Ledger, hash: &H256) -> Self {
        let Some(record) = ledger.tx(hash).filter(|record| matches!(record.body, TxBody::L2(_))) else {
            return Self::default();
        };
        let block = BlockOfTx::of(ledger, record);
        Self {
            executed: block.is_some(),
            success: block.as_ref().map(|_| ledger.status(record) != TxStatus::Rejected),
            fail_reason: record.fail_reason.clone(),
            block,
        }
    }

    /// Returns true if the transaction is executed; with `verified`, if its block is final, too.
    pub(in crate::devnet) fn reached(&self, verified: bool) -> bool {
        self.block.as_ref().is_some_and(|block| !verified || block.verified)
    }
}

/// The result of `ethop_info`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::devnet) struct EthOpInfo {
    executed: bool,
    block: Option<BlockOfTx>,
}

impl EthOpInfo {
    /// Returns what is known about a priority operation.
    pub(in crate::devnet) fn of(ledger: &Ledger, serial_id: u64) -> Self {
        let block = ledger.priority_op(serial_id).and_then(|record| BlockOfTx::of(ledger, record));
        Self { executed: block.is_some(), block }
    }

    /// Returns true if the operation is executed; with `verified`, if its block is final, too.
    pub(in crate::devnet) fn reached(&self, verified: bool) -> bool {
        self.block.as_ref().is_some_and(|block| !verified || block.verified)
    }
}
