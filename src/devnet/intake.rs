//! Requests become durable: a transaction is acknowledged when the inbox has it on disk.

use num_traits::{ToPrimitive, Zero};
use sha2::{Digest, Sha256};

use super::control_error::ControlError;
use super::inbox::{self, StoredPriorityOp, StoredRequest};
use super::ledger::{Ledger, Request, WaitingRequest, of_batch, of_priority_op};
use super::requests::{
    DepositRequest, EthSignatures, FastProcessing, FullExitRequest, PriorityOpReceipt, Toggle2Fa,
};
use super::shared::{Intake, Shared};
use super::submit_error::SubmitError;
use super::tokens::TokenLike;
use crate::domain::{
    Address, Deposit, FullExit, H256, MAX_ACCOUNT_ID, NFT_STORAGE_ACCOUNT_ID, NFT_TOKEN_ID, Nonce,
    PriorityOp, PubKeyHash, TokenId, TxEthSignature, ZkSyncPriorityOp, ZkSyncTx,
};
use crate::execution::VerifiedTx;
use crate::store::Store;

/// Number of blocks of layer 1 in which a priority operation must be executed.
const PRIORITY_EXPIRATION: u64 = 35_000;

impl Shared {
    /// Checks a transaction and makes it durable; returns its hash.
    pub(super) fn submit(
        &self,
        tx: ZkSyncTx,
        signatures: &EthSignatures,
        fast: FastProcessing,
    ) -> Result<H256, SubmitError> {
        let tx = self.admission().single(tx, signatures, fast)?;
        let hash = hash_of(&tx)?;
        self.accept(vec![tx], vec![hash], None)?;
        Ok(hash)
    }

    /// Checks a batch and makes it durable; returns the hashes of its transactions and its own.
    pub(super) fn submit_batch(
        &self,
        txs: Vec<(ZkSyncTx, EthSignatures)>,
        signatures: &[TxEthSignature],
    ) -> Result<(Vec<H256>, H256), SubmitError> {
        let txs = self.admission().batch(txs, signatures)?;
        let hashes = txs.iter().map(hash_of).collect::<Result<Vec<_>, _>>()?;
        let batch = of_batch(&hashes);
        self.accept(txs, hashes.clone(), Some(batch))?;
        Ok((hashes, batch))
    }

    /// Writes transactions into the inbox, and adds them to the ledger once they are durable. One
    /// that waits already is not added again.
    fn accept(
        &self,
        txs: Vec<VerifiedTx>,
        hashes: Vec<H256>,
        batch: Option<H256>,
    ) -> Result<(), SubmitError> {
        let node = self.node();
        let unavailable = |text: &dyn std::fmt::Display| SubmitError::Unavailable(text.to_string());
        let store = node.as_ref().ok_or_else(|| unavailable(&"it has stopped"))?.store();
        let stored = StoredRequest { txs: txs.iter().map(|tx| tx.signed().clone()).collect(), batch: None };
        let (reserved, generation) = self.reserve(store, stored, &hashes, batch)?;
        let synced = store.sync_generation(generation);
        let Some((number, id)) = reserved else {
            return synced.map_err(|error| unavailable(&error));
        };
        let mut intake = self.intake();
        for hash in &hashes {
            intake.in_flight.remove(hash);
        }
        synced.map_err(|error| unavailable(&error))?;
        let request = match (batch, txs) {
            (Some(hash), txs) => Request::Batch { id, hash, txs },
            (None, mut txs) => match txs.pop() {
                Some(tx) => Request::Tx(Box::new(tx)),
                None => return Err(SubmitError::EmptyBatch),
            },
        };
        self.change(|ledger| ledger.accept(WaitingRequest { number, request, hashes }));
        drop(intake);
        self.wake();
        Ok(())
    }

    /// Writes transactions under the next number; returns it with the id of the batch, or `None` if
    /// they wait already; and the generation of the kv at which they were written.
    fn reserve(
        &self,
        store: &Store,
        mut stored: StoredRequest,
        hashes: &[H256],
        batch: Option<H256>,
    ) -> Result<(Option<(u64, i64)>, u64), SubmitError> {
        let mut intake = self.intake();
        let (waiting, size) = self.read(|ledger| {
            let waits =
                |hash: &&H256| ledger.waiting().contains(hash) || intake.in_flight.contains_key(*hash);
            (hashes.iter().filter(waits).count(), ledger.mempool_size() + intake.in_flight.len())
        });
        if waiting == hashes.len() {
            let written = hashes.iter().filter_map(|hash| intake.in_flight.get(hash).copied()).min();
            return Ok((None, written.unwrap_or_else(|| store.generation())));
        }
        if waiting > 0 {
            return Err(SubmitError::AlreadyWaiting);
        }
        if size + hashes.len() > self.options.mempool_limit {
            return Err(SubmitError::MempoolFull(size));
        }
        let (number, id) = (intake.next_number, intake.next_batch_id);
        stored.batch = batch.map(|hash| (id, hash));
        let written = inbox::record(inbox::request_key(number), &stored)
            .and_then(|record| store.put_in_inbox(std::slice::from_ref(&record)));
        let generation = written.map_err(|error| SubmitError::Unavailable(error.to_string()))?;
        intake.next_number += 1;
        intake.next_batch_id += i64::from(batch.is_some());
        intake.in_flight.extend(hashes.iter().map(|hash| (*hash, generation)));
        Ok((Some((number, id)), generation))
    }

    /// Switches two-factor authentication of an account.
    pub(super) fn toggle_2fa(&self, request: &Toggle2Fa) -> Result<(), SubmitError> {
        let account_type = self.admission().two_factor(request)?;
        let account = request.account_id;
        let change = |ledger: &mut Ledger| ledger.set_account_type(account, account_type);
        self.record(inbox::account_type_key(account), &account_type, change)
            .map_err(|error| SubmitError::Unavailable(error.to_string()))
    }

    /// Authorises a new key on layer 1.
    pub(super) fn authorise(
        &self,
        account: Address,
        nonce: Nonce,
        key: PubKeyHash,
    ) -> Result<(), ControlError> {
        let change = |ledger: &mut Ledger| ledger.authorise_key(account, nonce, key);
        self.record(inbox::authorised_key_key(&account, nonce), &key, change)
    }

    /// Sets the milliseconds by which the time is ahead of the clock.
    pub(super) fn set_time_offset(&self, offset_ms: i64) -> Result<(), ControlError> {
        self.record(inbox::time_key(), &offset_ms, |_| self.time.set_offset_ms(offset_ms))?;
        self.wake();
        Ok(())
    }

    /// Writes a record of the inbox and changes the ledger once it is durable.
    fn record<T: serde::Serialize>(
        &self,
        key: Vec<u8>,
        value: &T,
        change: impl FnOnce(&mut Ledger),
    ) -> Result<(), ControlError> {
        let node = self.node();
        let stopped = || ControlError::Unavailable("the devnet has stopped".to_owned());
        let store = node.as_ref().ok_or_else(stopped)?.store();
        let written = inbox::record(key, value).and_then(|record| store.put_in_inbox_durably(&record));
        written.map_err(|error| ControlError::Unavailable(error.to_string()))?;
        self.change(change);
        Ok(())
    }

    /// Requests a deposit.
    pub(super) fn deposit(&self, request: &DepositRequest) -> Result<PriorityOpReceipt, ControlError> {
        let invalid = |text: String| Err(ControlError::Invalid(text));
        let Some(token) = self.tokens.find(&request.token) else {
            return Err(ControlError::NotFound(format!("there is no token {}", request.token)));
        };
        let to = request.to;
        if to == Address::default() {
            return invalid("a deposit to the zero address is not possible".to_owned());
        }
        if to == Address([0xff; 20]) {
            return invalid(
                "a deposit to the account that stores the content of NFTs is not possible".to_owned(),
            );
        }
        if request.amount.is_zero() {
            return invalid("a deposit of nothing is not possible".to_owned());
        }
        let bits = if token.id == TokenId(0) { 128 } else { 104 };
        if request.amount.bits() > bits {
            return invalid(format!("a deposit of {} has at most {bits} bits", token.symbol));
        }
        let from = request.from.unwrap_or(to);
        let deposit = Deposit { from, token: token.id, amount: request.amount.clone(), to };
        self.request_on_layer_one(ZkSyncPriorityOp::Deposit(deposit))
    }

    /// Requests a full exit.
    pub(super) fn full_exit(&self, request: &FullExitRequest) -> Result<PriorityOpReceipt, ControlError> {
        let account_id = request.account_id;
        if account_id == NFT_STORAGE_ACCOUNT_ID {
            return Err(ControlError::Invalid(
                "the account that stores the content of NFTs has no full exit".to_owned(),
            ));
        }
        if account_id > MAX_ACCOUNT_ID {
            return Err(ControlError::Invalid(format!(
                "account {account_id} is above the largest id {MAX_ACCOUNT_ID}"
            )));
        }
        let token = match (self.tokens.find(&request.token), &request.token) {
            (Some(token), _) => token.id,
            (None, TokenLike::Id(id)) if id.is_nft() && *id < NFT_TOKEN_ID => *id,
            _ => return Err(ControlError::NotFound(format!("there is no token {}", request.token))),
        };
        let owner = self.read(|ledger| ledger.committed().by_id(account_id).map(|known| known.address));
        let Some(eth_address) = request.eth_address.or(owner) else {
            return Err(ControlError::NotFound(format!(
                "there is no account {account_id}; give an ethAddress to request its exit nevertheless"
            )));
        };
        let exit = FullExit { account_id, eth_address, token, is_legacy: false };
        self.request_on_layer_one(ZkSyncPriorityOp::FullExit(exit))
    }

    /// Gives a priority operation its place and makes it durable.
    fn request_on_layer_one(&self, data: ZkSyncPriorityOp) -> Result<PriorityOpReceipt, ControlError> {
        let node = self.node();
        let stopped = || ControlError::Unavailable("the devnet has stopped".to_owned());
        let store = node.as_ref().ok_or_else(stopped)?.store();
        // Held until the operation is durable: serial ids have no gaps.
        let mut intake = self.intake();
        if let ZkSyncPriorityOp::Deposit(deposit) = &data {
            self.check_supply(deposit)?;
        }
        let now_ms = self.time.now_ms();
        let serial_id = intake.next_serial_id;
        let eth_block = serial_id + 1;
        let op = PriorityOp {
            serial_id,
            deadline_block: eth_block + PRIORITY_EXPIRATION,
            eth_hash: invented_eth_hash(serial_id, now_ms),
            eth_block,
            eth_block_index: Some(0),
            data,
        };
        let number = intake.next_number;
        let stored = StoredPriorityOp { number, op: op.clone(), at_ms: now_ms };
        let written = inbox::record(inbox::priority_op_key(serial_id), &stored)
            .and_then(|record| store.put_in_inbox_durably(&record));
        written.map_err(|error| ControlError::Unavailable(error.to_string()))?;
        let Intake { next_number, next_serial_id, .. } = &mut *intake;
        *next_number += 1;
        *next_serial_id += 1;
        let receipt =
            PriorityOpReceipt { serial_id, eth_hash: op.eth_hash, tx_hash: of_priority_op(&op), eth_block };
        let request = Request::Priority(Box::new(op), super::time::date(now_ms));
        self.change(|ledger| {
            ledger.accept(WaitingRequest { number, request, hashes: vec![receipt.tx_hash] })
        });
        drop(intake);
        self.wake();
        Ok(receipt)
    }

    /// Checks that no balance can exceed 128 bits: all balances of the token and all deposits that
    /// wait are not more together.
    fn check_supply(&self, deposit: &Deposit) -> Result<(), ControlError> {
        let total = self.read(|ledger| {
            let held = ledger.committed().iter().map(|(_, account)| account.balance(deposit.token));
            let waiting = ledger.waiting_priority_ops().filter_map(|record| {
                match record.priority_op().map(|op| &op.data) {
                    Some(ZkSyncPriorityOp::Deposit(other)) if other.token == deposit.token => {
                        other.amount.to_u128()
                    }
                    _ => None,
                }
            });
            held.chain(waiting).chain(deposit.amount.to_u128()).try_fold(0u128, u128::checked_add)
        });
        let text = "the deposit would raise the supply of the token above 2^128 - 1";
        total.map(drop).ok_or_else(|| ControlError::Invalid(text.to_owned()))
    }
}

fn hash_of(tx: &VerifiedTx) -> Result<H256, SubmitError> {
    let without = || SubmitError::Incorrect("an amount or the fee has no signed form".to_owned());
    tx.hash().map(|hash| H256(hash.0)).ok_or_else(without)
}

/// Returns the hash of an Ethereum transaction that a real network would have.
fn invented_eth_hash(serial_id: u64, now_ms: u64) -> H256 {
    let hash = Sha256::new().chain_update(b"priority operation").chain_update(serial_id.to_be_bytes());
    H256(hash.chain_update(now_ms.to_be_bytes()).finalize().into())
}
