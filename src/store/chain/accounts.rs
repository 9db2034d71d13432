//! Plain account state after the last imported block: what the import checks a block against.
//!
//! Table `accounts`: `id` → nonce, public key hash, address; `id ‖ token` → balance (16 bytes, big-endian), absent for 0.

use serde::{Deserialize, Serialize};

use crate::store::chain::chain_store::ChainStore;
use crate::store::error::StoreError;
use crate::store::kv::codec;
use crate::store::kv::keys;
use crate::store::kv::table::Table;
use crate::tree::AccountHeader;
use crate::tree::source::{Change, ChangeSet, Entry};

/// An account without its balances. Stored: frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// The next nonce.
    pub nonce: u32,
    /// Hash of the signing key; zeros for none.
    pub pub_key_hash: [u8; 20],
    /// The owner's address.
    pub address: [u8; 20],
}

impl From<&AccountState> for AccountHeader {
    fn from(state: &AccountState) -> Self {
        Self { nonce: state.nonce, pub_key_hash: state.pub_key_hash, address: state.address }
    }
}

impl From<AccountHeader> for AccountState {
    fn from(header: AccountHeader) -> Self {
        Self { nonce: header.nonce, pub_key_hash: header.pub_key_hash, address: header.address }
    }
}

/// An account as a block leaves it: absolute values of what the block changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// Account id.
    pub id: u32,
    /// The account afterwards; `None` when it does not exist (any more).
    pub state: Option<AccountState>,
    /// Token and balance in its smallest unit, for every balance that changed; 0 removes. A removed account lists
    /// those it had.
    pub balances: Vec<(u32, u128)>,
}

impl ChainStore {
    /// The account after the last imported block.
    pub fn account(&self, id: u32) -> Result<Option<AccountState>, StoreError> {
        let payload = self.core.kv.get_raw(Table::Accounts, &keys::number(id))?;
        payload.map(|payload| codec::decode("an account", &payload)).transpose()
    }

    /// A balance after the last imported block, in the token's smallest unit; 0 when there is none.
    pub fn balance(&self, id: u32, token: u32) -> Result<u128, StoreError> {
        let payload = self.core.kv.get_raw(Table::Accounts, &keys::balance(id, token))?;
        payload.map_or(Ok(0), |payload| parse_balance(&payload))
    }

    /// Up to `limit` non-zero balances of an account, by token, from `first_token` on.
    pub fn balances(&self, id: u32, first_token: u32, limit: usize) -> Result<Vec<(u32, u128)>, StoreError> {
        let (from, mut to) = (keys::balance(id, first_token), keys::balance(id, u32::MAX).to_vec());
        to.push(0);
        let entries = self.core.kv.range(Table::Accounts, &from, &to, limit)?;
        let parse = |(key, value): Entry| match keys::tail_number(&key) {
            Some(token) => Ok((token, parse_balance(&value)?)),
            None => Err(StoreError::corrupt("a key of `accounts` is cut short")),
        };
        entries.into_iter().map(parse).collect()
    }

    /// How many accounts and balances there are, counted one by one.
    pub fn count_accounts(&self) -> Result<u64, StoreError> {
        self.core.kv.count(Table::Accounts)
    }

    /// The change as entries of the table, with the values they replace.
    pub(crate) fn account_change_set(&self, changes: &[AccountChange]) -> Result<ChangeSet, StoreError> {
        let mut change_set = ChangeSet::default();
        for entry in changes.iter().map(account_entries) {
            for (key, new) in entry? {
                let old = self.core.kv.get_raw(Table::Accounts, &key)?;
                change_set.changes.push(Change { key, old, new });
            }
        }
        Ok(change_set)
    }
}

/// A key with its new value; `None` removes.
type Write = (Vec<u8>, Option<Vec<u8>>);

/// The entries of an account; `None` removes.
pub(crate) fn account_entries(change: &AccountChange) -> Result<Vec<Write>, StoreError> {
    let state = change.state.as_ref().map(|state| codec::encode("an account", state)).transpose()?;
    let balance = |&(token, amount): &(u32, u128)| {
        let value = (amount != 0).then(|| amount.to_be_bytes().to_vec());
        (keys::balance(change.id, token).to_vec(), value)
    };
    let head = (keys::number(change.id).to_vec(), state);
    Ok(std::iter::once(head).chain(change.balances.iter().map(balance)).collect())
}

fn parse_balance(payload: &[u8]) -> Result<u128, StoreError> {
    let bytes = payload.try_into().map_err(|_| StoreError::corrupt("a balance has a wrong length"))?;
    Ok(u128::from_be_bytes(bytes))
}
