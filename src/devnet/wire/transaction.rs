//! Transactions and priority operations as REST shows them.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::block::rfc3339;
use crate::devnet::ledger::{BatchRecord, Ledger, TxBody, TxRecord, TxStatus};
use crate::domain::{PriorityOp, TokenId, TxEthSignature, ZkSyncOp, ZkSyncPriorityOp, ZkSyncTx};

/// Returns the name of a stage.
fn status(status: TxStatus) -> &'static str {
    match status {
        TxStatus::Queued => "queued",
        TxStatus::Committed => "committed",
        TxStatus::Finalized => "finalized",
        TxStatus::Rejected => "rejected",
    }
}

/// A transaction or a priority operation.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Transaction)]
pub(in crate::devnet) struct TransactionView {
    /// Its hash.
    pub tx_hash: String,
    /// Position among the successful operations of its block; null if it waits or failed.
    block_index: Option<u32>,
    /// The block that executed or rejected it, possibly the one that is not sealed yet; null while
    /// it waits.
    block_number: Option<u32>,
    /// The transaction, or the request made on layer 1.
    #[schema(value_type = Object)]
    op: Value,
    /// `queued`, `committed`, `finalized` or `rejected`.
    status: &'static str,
    /// Reason of the failure.
    fail_reason: Option<String>,
    /// Time of its acceptance (RFC 3339).
    created_at: String,
    /// Id of its batch.
    batch_id: Option<i64>,
}

impl TransactionView {
    /// Returns a transaction or a priority operation.
    pub(in crate::devnet) fn of(ledger: &Ledger, record: &TxRecord) -> Self {
        Self {
            tx_hash: record.hash.to_string(),
            block_index: record.block_index,
            block_number: record.block,
            op: op(record),
            status: status(ledger.status(record)),
            fail_reason: record.fail_reason.clone(),
            created_at: rfc3339(record.created_at),
            batch_id: record.batch_id,
        }
    }
}

fn op(record: &TxRecord) -> Value {
    match &record.body {
        TxBody::L2(signed) => {
            // These types always have a JSON form.
            let mut op = serde_json::to_value(&signed.tx).unwrap_or_default();
            if matches!(signed.tx, ZkSyncTx::Withdraw(_) | ZkSyncTx::ForcedExit(_) | ZkSyncTx::WithdrawNFT(_))
            {
                // Nothing is paid out on layer 1, because a devnet has none.
                op["ethTxHash"] = Value::Null;
            }
            op
        }
        TxBody::Priority(op) => priority_op(op, record),
    }
}

fn priority_op(op: &PriorityOp, record: &TxRecord) -> Value {
    let (id, eth_hash, tx_hash) = (op.serial_id, op.eth_hash, record.hash);
    match &op.data {
        ZkSyncPriorityOp::Deposit(deposit) => {
            let account_id = match &record.op {
                Some(ZkSyncOp::Deposit(op)) => Some(op.account_id),
                _ => None,
            };
            json!({
                "type": "Deposit",
                "from": deposit.from,
                "tokenId": deposit.token,
                "amount": deposit.amount.to_string(),
                "to": deposit.to,
                "accountId": account_id,
                "ethHash": eth_hash,
                "id": id,
                "txHash": tx_hash,
            })
        }
        ZkSyncPriorityOp::FullExit(exit) => json!({
            "type": "FullExit",
            "accountId": exit.account_id,
            "tokenId": exit.token,
            "ethHash": eth_hash,
            "id": id,
            "txHash": tx_hash,
        }),
    }
}

/// Returns the tokens that a request names, without the NFT that it mints.
pub(in crate::devnet) fn tokens_of(record: &TxRecord) -> Vec<TokenId> {
    match &record.body {
        TxBody::L2(signed) => match &signed.tx {
            ZkSyncTx::Transfer(tx) => vec![tx.token],
            ZkSyncTx::Withdraw(tx) => vec![tx.token],
            ZkSyncTx::ForcedExit(tx) => vec![tx.token],
            ZkSyncTx::ChangePubKey(tx) => vec![tx.fee_token],
            ZkSyncTx::MintNFT(tx) => vec![tx.fee_token],
            ZkSyncTx::WithdrawNFT(tx) => vec![tx.token, tx.fee_token],
            ZkSyncTx::Swap(tx) => vec![tx.orders.0.token_sell, tx.orders.1.token_sell, tx.fee_token],
            ZkSyncTx::Close(_) => Vec::new(),
        },
        TxBody::Priority(op) => match &op.data {
            ZkSyncPriorityOp::Deposit(deposit) => vec![deposit.token],
            ZkSyncPriorityOp::FullExit(exit) => vec![exit.token],
        },
    }
}

/// The receipt of a transaction or of a priority operation.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(in crate::devnet) enum Receipt {
    /// Of a transaction.
    L2 {
        /// Its hash.
        tx_hash: String,
        /// The block that executed or rejected it; null while it waits.
        rollup_block: Option<u32>,
        /// `queued`, `committed`, `finalized` or `rejected`.
        status: &'static str,
        /// Reason of the failure.
        fail_reason: Option<String>,
    },
    /// Of a priority operation.
    L1 {
        /// `queued`, `committed` or `finalized`.
        status: &'static str,
        /// Invented number of the Ethereum block of the request.
        eth_block: u64,
        /// The block that executed it; null while it waits.
        rollup_block: Option<u32>,
        /// Its serial id.
        id: u64,
    },
}

impl Receipt {
    /// Returns the receipt of a request.
    pub(in crate::devnet) fn of(ledger: &Ledger, record: &TxRecord) -> Self {
        let status = status(ledger.status(record));
        let rollup_block = record.block;
        match &record.body {
            TxBody::L2(_) => Self::L2 {
                tx_hash: record.hash.to_string(),
                rollup_block,
                status,
                fail_reason: record.fail_reason.clone(),
            },
            TxBody::Priority(op) => {
                Self::L1 { status, eth_block: op.eth_block, rollup_block, id: op.serial_id }
            }
        }
    }
}

/// A transaction with its Ethereum signature.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::devnet) struct TxData {
    tx: TransactionView,
    /// The Ethereum signature that was required of it.
    eth_signature: Option<String>,
}

impl TxData {
    /// Returns a request with its Ethereum signature.
    pub(in crate::devnet) fn of(ledger: &Ledger, record: &TxRecord) -> Self {
        let eth_signature = match &record.body {
            TxBody::L2(signed) => signed.eth_sign_data.as_ref().map(|data| match &data.signature {
                TxEthSignature::EthereumSignature(signature) => signature.to_string(),
                TxEthSignature::Eip1271Signature(signature) => signature.to_string(),
            }),
            TxBody::Priority(_) => None,
        };
        Self { tx: TransactionView::of(ledger, record), eth_signature }
    }
}

/// A batch.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Batch)]
pub(in crate::devnet) struct BatchView {
    /// Its hash.
    batch_hash: String,
    /// Hashes of its transactions, in order.
    transaction_hashes: Vec<String>,
    /// Time of its acceptance (RFC 3339).
    created_at: String,
    batch_status: BatchStatus,
}

/// The stage of a batch.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::devnet) struct BatchStatus {
    /// Time of the last change of the stage (RFC 3339).
    updated_at: String,
    /// `queued`, `committed`, `finalized` or `rejected`.
    last_state: &'static str,
}

impl BatchView {
    /// Returns a batch.
    pub(in crate::devnet) fn of(ledger: &Ledger, batch: &BatchRecord) -> Self {
        let first = batch.transactions.first().and_then(|hash| ledger.tx(hash));
        let block = first.and_then(|record| record.block).and_then(|number| ledger.block(number));
        let sealed = block.map(|block| block.finalized_at.unwrap_or(block.committed_at));
        Self {
            batch_hash: batch.hash.to_string(),
            transaction_hashes: batch.transactions.iter().map(ToString::to_string).collect(),
            created_at: rfc3339(batch.created_at),
            batch_status: BatchStatus {
                updated_at: rfc3339(sealed.unwrap_or(batch.created_at)),
                last_state: status(first.map_or(TxStatus::Queued, |record| ledger.status(record))),
            },
        }
    }
}
