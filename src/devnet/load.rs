//! Rebuilds ledger and pending block from the stored blocks and the inbox.

use std::collections::{BTreeMap, HashSet};

use super::filler::{Filler, keys_of};
use super::inbox::{self, Inbox, StoredPriorityOp, StoredRequest};
use super::ledger::{AccountType, Ledger, Request, WaitingRequest, of_priority_op};
use super::options::DevnetOptions;
use super::shared::Intake;
use super::time::date;
use crate::domain::{AccountId, AccountMap, AggregatedAction, Block, BlockNumber, H256, ImportedBlock};
use crate::execution::{
    Executor, ExecutorError, ExecutorOptions, Head, PriorityOpError, State, StateError, VerifiedTx,
};
use crate::store::{Store, StoreError};

/// Id of the account that receives the fees.
pub(super) const FEE_ACCOUNT: AccountId = AccountId(0);

/// The reason why a devnet cannot be rebuilt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The accounts are not a state.
    #[error(transparent)]
    State(#[from] StateError),
    /// The options do not fit the state.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// The pending block has more chunks than the largest block may have now.
    #[error(
        "block {block} was begun with larger --block-sizes and is not sealed yet; start with the earlier sizes until it is sealed"
    )]
    SmallerBlocks {
        /// The block.
        block: u32,
    },
    /// A priority operation cannot be executed again.
    #[error(transparent)]
    PriorityOp(#[from] PriorityOpError),
    /// A stored item is not readable.
    #[error("{what} is not readable: {source}")]
    Json {
        /// The item.
        what: String,
        /// The error of the parser.
        source: serde_json::Error,
    },
}

/// A rebuilt devnet.
pub(super) struct Loaded {
    pub ledger: Ledger,
    pub filler: Filler,
    pub intake: Intake,
    /// Milliseconds by which the time is ahead of the clock.
    pub offset_ms: i64,
    /// The block that a reset returns to; `None` if the folder is not that of a devnet.
    pub base: Option<u32>,
}

/// Rebuilds a devnet.
///
/// # Errors
/// [`LoadError`]; nothing has changed.
pub(super) fn load(store: &Store, options: &DevnetOptions) -> Result<Loaded, LoadError> {
    let genesis = store.chain().genesis_json()?.unwrap_or_else(|| b"{}".to_vec());
    let mut ledger = Ledger::new(parse::<AccountMap>("the genesis", &genesis)?);
    let mut head = Head::default();
    for number in 1..=store.chain().head()? {
        let block = stored_block(store, number)?;
        let stored = store.chain().block(number)?.map_or(0, |record| record.imported_at_ms);
        head = head_of(&block.block);
        ledger.seal(&block, date(stored));
    }
    finalize(store, &mut ledger)?;
    let accounts = ledger.committed().iter().map(|(id, account)| (id, account.clone())).collect();
    let executor_options =
        ExecutorOptions { block_sizes: options.block_sizes.clone(), fee_account: FEE_ACCOUNT };
    let executor = Executor::new(State::new(accounts)?, head, executor_options)?;
    let next_batch_id = 1 + ledger.last_batch_id();
    let intake = Intake { next_batch_id, next_serial_id: head.next_priority_op, ..Intake::default() };
    let mut loaded = Loaded { ledger, filler: Filler::new(executor), intake, offset_ms: 0, base: None };
    loaded.read_inbox(store)?;
    Ok(loaded)
}

/// Returns a stored block.
pub(super) fn stored_block(store: &Store, number: u32) -> Result<ImportedBlock, LoadError> {
    let missing = || StoreError::NotFound { what: format!("block {number}") };
    let json = store.chain().block_json(number)?.ok_or_else(missing)?;
    parse(&format!("block {number}"), &json)
}

fn parse<T: serde::de::DeserializeOwned>(what: &str, json: &[u8]) -> Result<T, LoadError> {
    serde_json::from_slice(json).map_err(|source| LoadError::Json { what: what.to_owned(), source })
}

fn head_of(block: &Block) -> Head {
    Head {
        number: BlockNumber(block.block_number.0),
        timestamp: block.timestamp,
        next_priority_op: block.processed_priority_ops.1,
    }
}

/// Makes the blocks of all stored `ExecuteBlocks` operations final.
fn finalize(store: &Store, ledger: &mut Ledger) -> Result<(), LoadError> {
    let execute = AggregatedAction::ExecuteBlocks;
    while let Some(operation) =
        store.chain().aggregated_operation_covering(execute, ledger.last_final() + 1)?
    {
        let before = ledger.last_final();
        ledger.finalize(operation.last, date(operation.stored_at_ms));
        if ledger.last_final() == before {
            break;
        }
    }
    Ok(())
}

impl Loaded {
    fn read_inbox(&mut self, store: &Store) -> Result<(), LoadError> {
        let mut inbox = Inbox::read(store)?;
        self.offset_ms = inbox.offset_ms;
        self.base = inbox.base;
        for (account, nonce, key) in &inbox.authorised_keys {
            self.ledger.authorise_key(*account, *nonce, *key);
        }
        // Before the pending block, whose changes of keys come later.
        for (account, account_type) in &inbox.account_types {
            if self.ledger.account_type(*account) != Some(AccountType::Create2) {
                self.ledger.set_account_type(*account, *account_type);
            }
        }
        let pending = self.filler.block();
        self.remove_sealed(store, &mut inbox)?;
        let mut replayed: Vec<_> = std::mem::take(&mut inbox.miniblocks);
        replayed.retain(|(block, ..)| *block == pending);
        self.accept(inbox);
        for (block, index, miniblock) in replayed {
            self.filler.set_time(miniblock.timestamp);
            for number in &miniblock.requests {
                let Some(request) = self.ledger.waiting().get(*number).cloned() else { continue };
                let executed = self.filler.execute(&request, date(miniblock.at_ms))?;
                let executed = executed.ok_or(LoadError::SmallerBlocks { block })?;
                self.ledger.execute(executed.number, &executed.outcomes, &executed.updates);
            }
            self.filler.add(inbox::miniblock_key(block, index), &miniblock);
        }
        Ok(())
    }

    /// Removes what the stored blocks have executed.
    fn remove_sealed(&self, store: &Store, inbox: &mut Inbox) -> Result<(), LoadError> {
        let pending = self.filler.block();
        let sealed = inbox.miniblocks.iter().filter(|(block, ..)| *block < pending);
        let mut keys = Vec::new();
        let mut numbers: HashSet<u64> = HashSet::new();
        let mut last = Vec::new();
        for (block, index, miniblock) in sealed {
            last.push(inbox::miniblock_key(*block, *index));
            keys.extend(keys_of(miniblock));
            numbers.extend(&miniblock.requests);
        }
        // Without its miniblock, a request that a crash brings back would be executed again.
        keys.append(&mut last);
        inbox.requests.retain(|(number, _)| !numbers.contains(number));
        inbox.priority_ops.retain(|op| !numbers.contains(&op.number));
        store.remove_from_inbox(&keys)?;
        Ok(())
    }

    /// Adds what waits to the ledger, in the order of arrival.
    fn accept(&mut self, inbox: Inbox) {
        let mut requests: BTreeMap<u64, WaitingRequest> = BTreeMap::new();
        for (number, stored) in inbox.requests {
            let id = stored.batch.map_or(0, |(id, _)| id);
            self.intake.next_batch_id = self.intake.next_batch_id.max(id.saturating_add(1));
            requests.insert(number, of_transactions(number, stored));
        }
        for StoredPriorityOp { number, op, at_ms } in inbox.priority_ops {
            self.intake.next_serial_id = self.intake.next_serial_id.max(op.serial_id + 1);
            let hashes = vec![of_priority_op(&op)];
            let request = Request::Priority(Box::new(op), date(at_ms));
            requests.insert(number, WaitingRequest { number, request, hashes });
        }
        self.intake.next_number = requests.last_key_value().map_or(0, |(number, _)| number + 1);
        requests.into_values().for_each(|request| self.ledger.accept(request));
    }
}

/// Returns stored transactions as they wait; their signatures are checked again.
fn of_transactions(number: u64, stored: StoredRequest) -> WaitingRequest {
    let mut txs = VerifiedTx::all(stored.txs);
    // Admission refuses a transaction without a hash.
    let hash = |tx: &VerifiedTx| tx.hash().map_or_else(H256::default, |hash| H256(hash.0));
    let hashes = txs.iter().map(hash).collect();
    let request = match (stored.batch, txs.pop()) {
        (None, Some(tx)) => Request::Tx(Box::new(tx)),
        (batch, last) => {
            txs.extend(last);
            let (id, hash) = batch.unwrap_or_default();
            Request::Batch { id, hash, txs }
        }
    };
    WaitingRequest { number, request, hashes }
}
