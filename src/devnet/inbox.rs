//! The records of the inbox: everything that the devnet must not lose and that no block contains.
//!
//! | key | value |
//! | --- | --- |
//! | `r` ‖ number | transaction or batch |
//! | `p` ‖ serial id | priority operation |
//! | `m` ‖ block ‖ index | what a miniblock of the pending block executed, and when |
//! | `k` ‖ address ‖ nonce | key authorised on layer 1 |
//! | `t` ‖ account id | type of an account after a switch of two-factor authentication |
//! | `time` | milliseconds by which the time is ahead of the clock |
//! | `base` | block that a reset returns to |
//!
//! Numbers are big-endian, values JSON. The miniblocks of a block are removed with their requests
//! after the block is stored; if a crash intervenes, the next start does that. The miniblocks of
//! the block after the last stored one are executed again at a start, which gives the same pending
//! block.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ledger::AccountType;
use crate::domain::{AccountId, Address, H256, Nonce, PriorityOp, PubKeyHash, SignedZkSyncTx};
use crate::store::{InboxRecord, Store, StoreError};

/// A transaction or a batch, stored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredRequest {
    /// The transactions; exactly one if it is not a batch.
    pub txs: Vec<SignedZkSyncTx>,
    /// Id and hash of the batch.
    pub batch: Option<(i64, H256)>,
}

/// A priority operation, stored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredPriorityOp {
    /// Number in the order of arrival of all requests.
    pub number: u64,
    pub op: PriorityOp,
    /// Time of the request, in Unix milliseconds.
    pub at_ms: u64,
}

/// The requests that a miniblock executed, with its times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Miniblock {
    /// Timestamp of the block, in Unix seconds.
    pub timestamp: u64,
    /// Time of the execution, in Unix milliseconds.
    pub at_ms: u64,
    /// Numbers of the requests, in the order of execution.
    pub requests: Vec<u64>,
    /// Serial ids of the priority operations among them.
    pub serial_ids: Vec<u64>,
}

/// Everything that the inbox holds.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub requests: Vec<(u64, StoredRequest)>,
    pub priority_ops: Vec<StoredPriorityOp>,
    /// With block and index, ascending.
    pub miniblocks: Vec<(u32, u32, Miniblock)>,
    pub authorised_keys: Vec<(Address, Nonce, PubKeyHash)>,
    pub account_types: Vec<(AccountId, AccountType)>,
    pub offset_ms: i64,
    pub base: Option<u32>,
}

impl Inbox {
    /// Reads the inbox.
    pub(super) fn read(store: &Store) -> Result<Self, StoreError> {
        let mut inbox = Self::default();
        for (key, value) in store.inbox()? {
            inbox.add(&key, &value)?;
        }
        Ok(inbox)
    }

    fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let unknown = || StoreError::Corrupt { what: "an unknown record of the inbox".into() };
        match key {
            TIME => self.offset_ms = parse(value)?,
            BASE => self.base = Some(parse(value)?),
            [b'r', number @ ..] => {
                self.requests.push((u64::from_be_bytes(array(number).ok_or_else(unknown)?), parse(value)?));
            }
            [b'p', ..] => self.priority_ops.push(parse(value)?),
            [b'm', rest @ ..] => {
                let (block, index) = rest.split_at_checked(4).ok_or_else(unknown)?;
                let number = |bytes| array(bytes).map(u32::from_be_bytes).ok_or_else(unknown);
                self.miniblocks.push((number(block)?, number(index)?, parse(value)?));
            }
            [b'k', rest @ ..] => {
                let (address, nonce) = rest.split_at_checked(20).ok_or_else(unknown)?;
                let address = Address(array(address).ok_or_else(unknown)?);
                let nonce = Nonce(u32::from_be_bytes(array(nonce).ok_or_else(unknown)?));
                self.authorised_keys.push((address, nonce, parse(value)?));
            }
            [b't', id @ ..] => {
                let id = AccountId(u32::from_be_bytes(array(id).ok_or_else(unknown)?));
                self.account_types.push((id, parse(value)?));
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }
}

const TIME: &[u8] = b"time";
const BASE: &[u8] = b"base";

/// Returns the key of a transaction or a batch.
pub(super) fn request_key(number: u64) -> Vec<u8> {
    key(b'r', &[&number.to_be_bytes()])
}

/// Returns the key of a priority operation.
pub(super) fn priority_op_key(serial_id: u64) -> Vec<u8> {
    key(b'p', &[&serial_id.to_be_bytes()])
}

/// Returns the key of a miniblock.
pub(super) fn miniblock_key(block: u32, index: u32) -> Vec<u8> {
    key(b'm', &[&block.to_be_bytes(), &index.to_be_bytes()])
}

/// Returns the key of an authorised key.
pub(super) fn authorised_key_key(account: &Address, nonce: Nonce) -> Vec<u8> {
    key(b'k', &[&account.0, &nonce.0.to_be_bytes()])
}

/// Returns the key of the type of an account.
pub(super) fn account_type_key(account: AccountId) -> Vec<u8> {
    key(b't', &[&account.0.to_be_bytes()])
}

/// Returns the key of the time.
pub(super) fn time_key() -> Vec<u8> {
    TIME.to_vec()
}

/// Returns the key of the block that a reset returns to.
pub(super) fn base_key() -> Vec<u8> {
    BASE.to_vec()
}

fn key(letter: u8, parts: &[&[u8]]) -> Vec<u8> {
    std::iter::once(&[letter][..]).chain(parts.iter().copied()).flatten().copied().collect()
}

/// Returns a record.
pub(super) fn record<T: Serialize>(key: Vec<u8>, value: &T) -> Result<InboxRecord, StoreError> {
    let json = serde_json::to_vec(value);
    Ok((key, json.map_err(|error| StoreError::Kv(format!("a record of the inbox has no JSON: {error}")))?))
}

fn parse<T: DeserializeOwned>(value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value).map_err(|error| StoreError::Corrupt {
        what: format!("a record of the inbox is not readable: {error}"),
    })
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}
