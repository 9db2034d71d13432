//! The accounts after the last imported block, which an import checks the next block against.
//!
//! Table `accounts`: `id` → nonce, public key hash, address; `id ‖ token` → balance (16 bytes,
//! big-endian), absent for 0.

use serde::{Deserialize, Serialize};

use crate::store::chain::chain_store::ChainStore;
use crate::store::error::StoreError;
use crate::store::kv::codec;
use crate::store::kv::keys;
use crate::store::kv::table::Table;
use crate::tree::AccountHeader;
use crate::tree::source::{Change, ChangeSet, Entry};

/// An account without its balances. Stored; the layout is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// The next nonce.
    pub nonce: u32,
    /// Hash of the signing key; zeros if none is set.
    pub pub_key_hash: [u8; 20],
    /// Address of the owner.
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

/// An account after a block: absolute values of what the block changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// Account id.
    pub id: u32,
    /// The account after the block; `None` if it was removed.
    pub state: Option<AccountState>,
    /// Token and balance in its smallest unit, for every changed balance; 0 removes it. A removed
    /// account lists all balances that it had.
    pub balances: Vec<(u32, u128)>,
}

impl ChainStore {
    /// Returns an account after the last imported block.
    pub fn account(&self, id: u32) -> Result<Option<AccountState>, StoreError> {
        let payload = self.core.kv.get_raw(Table::Accounts, &keys::number(id))?;
        payload.map(|payload| codec::decode("an account", &payload)).transpose()
    }

    /// Returns a balance after the last imported block, in the smallest unit of the token.
    pub fn balance(&self, id: u32, token: u32) -> Result<u128, StoreError> {
        let payload = self.core.kv.get_raw(Table::Accounts, &keys::balance(id, token))?;
        payload.map_or(Ok(0), |payload| parse_balance(&payload))
    }

    /// Returns up to `limit` non-zero balances of an account, by token, from `first_token` on.
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

    /// Counts accounts and balances, by reading all of them.
    pub fn count_accounts(&self) -> Result<u64, StoreError> {
        self.core.kv.count(Table::Accounts)
    }

    /// Returns the changed entries of the table, with the values that they replace.
    pub(crate) fn account_change_set(&self, changes: &[AccountChange]) -> Result<ChangeSet, StoreError> {
        let mut change_set = ChangeSet::default();
        for entries in changes.iter().map(account_entries) {
            for (key, new) in entries? {
                let old = self.core.kv.get_raw(Table::Accounts, &key)?;
                change_set.changes.push(Change { key, old, new });
            }
        }
        Ok(change_set)
    }
}

/// A key with its new value; `None` removes the entry.
type Write = (Vec<u8>, Option<Vec<u8>>);

/// Returns the entries of an account.
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
