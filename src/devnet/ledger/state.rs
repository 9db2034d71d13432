//! The chain as clients see it: accounts, transactions, blocks and NFTs, with what is executed but
//! not sealed yet, and with what waits.
//!
//! It is kept in memory and rebuilt at a start from the stored blocks and the mempool.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::accounts::Accounts;
use super::records::{AccountType, BatchRecord, BlockRecord, TxRecord, TxStatus};
use super::waiting::Waiting;
use crate::domain::{
    AccountId, AccountMap, AccountUpdates, Address, H256, NFT_STORAGE_ACCOUNT_ID, NFT_TOKEN_ID, Nft, Nonce,
    PubKeyHash, TokenId,
};

/// The chain as clients see it, at one moment.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(super) committed: Accounts,
    pub(super) verified: Accounts,
    /// Number of updates of the pending block that are in `committed`.
    pub(super) pending_updates: usize,
    /// Updates of the blocks after the last final one.
    pub(super) unverified: VecDeque<AccountUpdates>,
    pub(super) blocks: Vec<BlockRecord>,
    pub(super) last_final: u32,
    pub(super) txs: HashMap<H256, TxRecord>,
    pub(super) by_eth_hash: HashMap<H256, H256>,
    pub(super) by_serial_id: BTreeMap<u64, H256>,
    pub(super) by_address: HashMap<Address, Vec<H256>>,
    pub(super) batches: HashMap<H256, BatchRecord>,
    pub(super) batch_ids: HashMap<i64, H256>,
    pub(super) pending: Vec<H256>,
    pub(super) nfts: HashMap<TokenId, Nft>,
    pub(super) nft_owners: HashMap<TokenId, AccountId>,
    pub(super) nft_of_tx: HashMap<H256, TokenId>,
    pub(super) account_types: HashMap<AccountId, AccountType>,
    pub(super) authorised_keys: HashMap<(Address, Nonce), PubKeyHash>,
    pub(super) successes: u64,
    pub(super) waiting: Waiting,
}

impl Ledger {
    /// Returns the chain before block 1.
    pub(in crate::devnet) fn new(genesis: AccountMap) -> Self {
        let committed = Accounts::new(genesis);
        let mut ledger = Self { verified: committed.clone(), ..Self::default() };
        for (id, account) in committed.iter() {
            ledger.nfts.extend(account.minted_nfts.iter().map(|(id, nft)| (*id, nft.clone())));
            if id != NFT_STORAGE_ACCOUNT_ID {
                let held = account.balances.keys().filter(|token| is_nft(**token));
                ledger.nft_owners.extend(held.map(|token| (*token, id)));
            }
        }
        ledger.committed = committed;
        ledger
    }

    /// Returns the accounts after everything that was executed, sealed or not. Fees of the pending
    /// block are not paid out yet.
    pub(crate) fn committed(&self) -> &Accounts {
        &self.committed
    }

    /// Returns the accounts after the last final block.
    pub(crate) fn verified(&self) -> &Accounts {
        &self.verified
    }

    /// Returns the number of the last sealed block; 0 before block 1.
    pub(crate) fn last_sealed(&self) -> u32 {
        self.blocks.last().map_or(0, |block| block.number)
    }

    /// Returns the number of the last final block.
    pub(crate) fn last_final(&self) -> u32 {
        self.last_final
    }

    /// Returns a sealed block.
    pub(crate) fn block(&self, number: u32) -> Option<&BlockRecord> {
        self.blocks.get((number as usize).checked_sub(1)?)
    }

    /// Returns a request by its hash, or a priority operation by the hash of its Ethereum
    /// transaction.
    pub(crate) fn tx(&self, hash: &H256) -> Option<&TxRecord> {
        self.txs.get(hash).or_else(|| self.txs.get(self.by_eth_hash.get(hash)?))
    }

    /// Returns the stage of a request.
    pub(crate) fn status(&self, tx: &TxRecord) -> TxStatus {
        match (&tx.op, tx.block) {
            (_, None) => TxStatus::Queued,
            (None, Some(_)) => TxStatus::Rejected,
            (Some(_), Some(block)) if block <= self.last_final => TxStatus::Finalized,
            (Some(_), Some(_)) => TxStatus::Committed,
        }
    }

    /// Returns the hashes of the executed and rejected requests in which an address takes part, in
    /// the order of execution.
    pub(crate) fn txs_of(&self, address: &Address) -> &[H256] {
        self.by_address.get(address).map_or(&[], Vec::as_slice)
    }

    /// Returns a priority operation by its serial id.
    pub(crate) fn priority_op(&self, serial_id: u64) -> Option<&TxRecord> {
        self.txs.get(self.by_serial_id.get(&serial_id)?)
    }

    /// Returns the priority operations that wait for their execution, in order.
    pub(crate) fn waiting_priority_ops(&self) -> impl Iterator<Item = &TxRecord> {
        self.waiting_records().filter(|record| record.priority_op().is_some())
    }

    /// Returns the transactions that wait for their execution, in order.
    pub(crate) fn mempool(&self) -> impl Iterator<Item = &TxRecord> {
        self.waiting_records().filter(|record| record.l2().is_some())
    }

    fn waiting_records(&self) -> impl Iterator<Item = &TxRecord> {
        self.waiting.iter().flat_map(|request| &request.hashes).filter_map(|hash| self.txs.get(hash))
    }

    /// Returns the number of transactions that wait for their execution.
    pub(crate) fn mempool_size(&self) -> usize {
        self.waiting.transactions()
    }

    /// Returns the hashes of the requests that are executed or rejected in the block that is not
    /// sealed yet, in the order of execution.
    pub(crate) fn pending(&self) -> &[H256] {
        &self.pending
    }

    /// Returns the requests that wait for their execution, in the order of arrival.
    pub(in crate::devnet) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// Returns a batch by its hash.
    pub(crate) fn batch(&self, hash: &H256) -> Option<&BatchRecord> {
        self.batches.get(hash)
    }

    /// Returns a batch by its id.
    pub(crate) fn batch_by_id(&self, id: i64) -> Option<&BatchRecord> {
        self.batches.get(self.batch_ids.get(&id)?)
    }

    /// Returns the largest id of a batch; 0 without batches.
    pub(in crate::devnet) fn last_batch_id(&self) -> i64 {
        self.batch_ids.keys().copied().max().unwrap_or(0)
    }

    /// Returns an NFT, as of the committed state.
    pub(crate) fn nft(&self, id: TokenId) -> Option<&Nft> {
        self.nfts.get(&id)
    }

    /// Returns the account that holds an NFT; `None` if it was withdrawn.
    pub(crate) fn nft_owner(&self, id: TokenId) -> Option<AccountId> {
        self.nft_owners.get(&id).copied()
    }

    /// Returns the NFT that a transaction minted.
    pub(crate) fn nft_of_tx(&self, hash: &H256) -> Option<TokenId> {
        self.nft_of_tx.get(hash).copied()
    }

    /// Returns the type of an account; `None` if it was never set.
    pub(crate) fn account_type(&self, id: AccountId) -> Option<AccountType> {
        self.account_types.get(&id).copied()
    }

    /// Returns the key that was authorised on layer 1 for an account and a nonce.
    pub(crate) fn authorised_key(&self, account: &Address, nonce: Nonce) -> Option<PubKeyHash> {
        self.authorised_keys.get(&(*account, nonce)).copied()
    }

    /// Returns the number of successful transactions and priority operations.
    pub(crate) fn total_transactions(&self) -> u64 {
        self.successes
    }
}

/// Returns true for tokens that are NFTs; the one that counts them is not.
pub(super) fn is_nft(token: TokenId) -> bool {
    token.is_nft() && token != NFT_TOKEN_ID
}
