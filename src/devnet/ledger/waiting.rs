//! The requests that wait for their execution, in the order of arrival: the mempool, and priority
//! operations.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use crate::domain::{AccountId, H256, PriorityOp, ZkSyncTx};
use crate::execution::VerifiedTx;

/// A single transaction, a batch or a priority operation.
#[derive(Debug, Clone)]
pub(in crate::devnet) enum Request {
    /// A transaction.
    Tx(Box<VerifiedTx>),
    /// Transactions that succeed or fail together.
    Batch {
        /// Positive, and different from that of all other batches.
        id: i64,
        /// Hash of the batch.
        hash: H256,
        /// Its transactions.
        txs: Vec<VerifiedTx>,
    },
    /// A priority operation, with the time of its request.
    Priority(Box<PriorityOp>, DateTime<Utc>),
}

impl Request {
    /// Returns the transactions.
    pub(in crate::devnet) fn txs(&self) -> &[VerifiedTx] {
        match self {
            Self::Tx(tx) => std::slice::from_ref(tx),
            Self::Batch { txs, .. } => txs,
            Self::Priority(..) => &[],
        }
    }
}

/// A request that waits.
#[derive(Debug, Clone)]
pub(in crate::devnet) struct WaitingRequest {
    /// Its number in the order of arrival.
    pub number: u64,
    /// The request.
    pub request: Request,
    /// Hashes of its transactions or of the priority operation.
    pub hashes: Vec<H256>,
}

impl WaitingRequest {
    /// Returns the largest first second of the validity periods: no earlier block may execute it.
    pub(in crate::devnet) fn valid_from(&self) -> u64 {
        self.request.txs().iter().map(|tx| tx.tx().time_range().valid_from).max().unwrap_or(0)
    }

    /// Returns account and nonce of a request with one sender: of the last transaction of a batch.
    pub(in crate::devnet) fn sender(&self) -> Option<(AccountId, u32)> {
        let mut senders = self.request.txs().iter().map(|tx| sender(tx.tx()));
        let first = senders.next()?;
        senders.try_fold(first, |last, next| (next.0 == last.0).then_some(next))
    }
}

/// Returns account and nonce of the sender.
fn sender(tx: &ZkSyncTx) -> (AccountId, u32) {
    let (account, nonce) = match tx {
        ZkSyncTx::Transfer(tx) => (tx.account_id, tx.nonce),
        ZkSyncTx::Withdraw(tx) => (tx.account_id, tx.nonce),
        ZkSyncTx::WithdrawNFT(tx) => (tx.account_id, tx.nonce),
        ZkSyncTx::Close(tx) => (AccountId::default(), tx.nonce),
        ZkSyncTx::ChangePubKey(tx) => (tx.account_id, tx.nonce),
        ZkSyncTx::ForcedExit(tx) => (tx.initiator_account_id, tx.nonce),
        ZkSyncTx::MintNFT(tx) => (tx.creator_id, tx.nonce),
        ZkSyncTx::Swap(tx) => (tx.submitter_id, tx.nonce),
    };
    (account, nonce.0)
}

/// All requests that wait.
#[derive(Debug, Default)]
pub(in crate::devnet) struct Waiting {
    requests: BTreeMap<u64, WaitingRequest>,
    by_hash: HashMap<H256, u64>,
    transactions: usize,
}

impl Waiting {
    /// Adds a request.
    pub(in crate::devnet) fn insert(&mut self, request: WaitingRequest) {
        self.transactions += request.request.txs().len();
        self.by_hash.extend(request.hashes.iter().map(|hash| (*hash, request.number)));
        self.requests.insert(request.number, request);
    }

    /// Removes a request.
    pub(in crate::devnet) fn remove(&mut self, number: u64) {
        if let Some(request) = self.requests.remove(&number) {
            self.transactions -= request.request.txs().len();
            for hash in &request.hashes {
                self.by_hash.remove(hash);
            }
        }
    }

    /// Returns the number of the last request.
    pub(in crate::devnet) fn last_number(&self) -> Option<u64> {
        self.requests.last_key_value().map(|(number, _)| *number)
    }

    /// Returns the requests in the order of arrival.
    pub(in crate::devnet) fn iter(&self) -> impl Iterator<Item = &WaitingRequest> {
        self.requests.values()
    }

    /// Returns the request with a number.
    pub(in crate::devnet) fn get(&self, number: u64) -> Option<&WaitingRequest> {
        self.requests.get(&number)
    }

    /// Returns true if a transaction waits.
    pub(in crate::devnet) fn contains(&self, hash: &H256) -> bool {
        self.by_hash.contains_key(hash)
    }

    /// Returns the number of transactions, each of a batch counted.
    pub(in crate::devnet) fn transactions(&self) -> usize {
        self.transactions
    }
}
