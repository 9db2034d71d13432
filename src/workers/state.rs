//! Plain account state: before a block from the store, after it from the block's account updates.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::domain::{AccountId, AccountUpdate, AccountUpdates, AmountError, to_u128};
use crate::store::{AccountChange, AccountState, Store, StoreError};
use crate::tree::{AccountHeader, AccountTree};
use crate::witness::{Plan, State, StateError};

/// The state after the last imported block.
pub struct Imported<'a>(pub &'a Store);

impl State for Imported<'_> {
    fn account(&self, account: u32) -> Result<Option<AccountHeader>, StateError> {
        let state = self.0.account(account).map_err(unreadable)?;
        Ok(state.as_ref().map(header).filter(|header| *header != AccountHeader::default()))
    }

    fn balance(&self, account: u32, token: u32) -> Result<u128, StateError> {
        self.0.balance(account, token).map_err(unreadable)
    }

    fn balances(&self, account: u32, tokens: u32) -> Result<Vec<(u32, u128)>, StateError> {
        let mut balances = self.0.chain().balances(account, 0, tokens as usize).map_err(unreadable)?;
        balances.retain(|(token, _)| *token < tokens);
        Ok(balances)
    }
}

/// The state of a tree version.
pub struct InTree<'a>(pub &'a AccountTree<'a>);

impl State for InTree<'_> {
    fn account(&self, account: u32) -> Result<Option<AccountHeader>, StateError> {
        let leaf = self.0.account(account).map_err(unreadable)?;
        Ok(leaf.map(|leaf| leaf.header))
    }

    fn balance(&self, account: u32, token: u32) -> Result<u128, StateError> {
        self.0.balance(account, token).map_err(unreadable)
    }

    fn balances(&self, account: u32, tokens: u32) -> Result<Vec<(u32, u128)>, StateError> {
        self.0.balances(account, tokens).map_err(unreadable)
    }
}

fn unreadable(error: impl std::fmt::Display) -> StateError {
    StateError(error.to_string())
}

fn header(state: &AccountState) -> AccountHeader {
    AccountHeader { nonce: state.nonce, pub_key_hash: state.pub_key_hash, address: state.address }
}

/// Account updates that do not fit the state, or do not say what the operations do.
#[derive(Debug, Error)]
pub enum UpdateError {
    /// One update does not start from what is there.
    #[error(
        "account update {index} does not fit: {what} of account {account} is {found}, the update says {claimed}"
    )]
    DoesNotFit {
        /// Position among the block's updates.
        index: usize,
        /// The account.
        account: u32,
        /// Which of its values.
        what: &'static str,
        /// The value in the state.
        found: String,
        /// The value in the update.
        claimed: String,
    },
    /// An amount exceeds 128 bits.
    #[error("account update {index}: {source}")]
    Amount {
        /// Position among the block's updates.
        index: usize,
        /// Why.
        source: AmountError,
    },
    /// The updates lead to another state than the block's operations.
    #[error(
        "the account updates disagree with the operations: {what} of account {account} ends as {updated}, by the operations as {operated}"
    )]
    Disagree {
        /// The account.
        account: u32,
        /// Which of its values.
        what: String,
        /// The value by the updates.
        updated: String,
        /// The value by the operations.
        operated: String,
    },
    /// The state could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Plain accounts before a block.
pub trait Accounts {
    /// An account without its balances.
    ///
    /// # Errors
    /// When it cannot be read.
    fn account(&self, account: u32) -> Result<Option<AccountState>, StoreError>;
    /// Its balance in a token, 0 when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    fn balance(&self, account: u32, token: u32) -> Result<u128, StoreError>;
}

/// The accounts after the last imported block.
impl Accounts for Store {
    fn account(&self, account: u32) -> Result<Option<AccountState>, StoreError> {
        self.chain().account(account)
    }

    fn balance(&self, account: u32, token: u32) -> Result<u128, StoreError> {
        self.chain().balance(account, token)
    }
}

/// The accounts a block touches, as its account updates leave them.
pub struct Updated<'a> {
    before: &'a dyn Accounts,
    accounts: BTreeMap<u32, Option<AccountState>>,
    balances: BTreeMap<(u32, u32), u128>,
}

impl<'a> Updated<'a> {
    /// Applies updates to the accounts before the block, each checked against what it claims to find (spec 02 §7).
    ///
    /// # Errors
    /// [`UpdateError::DoesNotFit`] for the first update that does not fit.
    pub fn apply(before: &'a dyn Accounts, updates: &AccountUpdates) -> Result<Self, UpdateError> {
        let mut state = Self { before, accounts: BTreeMap::new(), balances: BTreeMap::new() };
        for (index, (account, update)) in updates.iter().enumerate() {
            state.one(index, *account, update)?;
        }
        Ok(state)
    }

    fn account(&mut self, account: u32) -> Result<Option<AccountState>, StoreError> {
        if let Some(state) = self.accounts.get(&account) {
            return Ok(state.clone());
        }
        let state = self.before.account(account)?;
        self.accounts.insert(account, state.clone());
        Ok(state)
    }

    fn balance(&mut self, account: u32, token: u32) -> Result<u128, StoreError> {
        if let Some(balance) = self.balances.get(&(account, token)) {
            return Ok(*balance);
        }
        let balance = self.before.balance(account, token)?;
        self.balances.insert((account, token), balance);
        Ok(balance)
    }

    fn one(&mut self, index: usize, id: AccountId, update: &AccountUpdate) -> Result<(), UpdateError> {
        let account = id.0;
        let before = self.account(account)?;
        let fit = |what: &'static str, found: &dyn std::fmt::Debug, claimed: &dyn std::fmt::Debug| {
            let (found, claimed) = (format!("{found:?}"), format!("{claimed:?}"));
            if found == claimed {
                return Ok(());
            }
            Err(UpdateError::DoesNotFit { index, account, what, found, claimed })
        };
        let existing = || {
            before.clone().ok_or_else(|| UpdateError::DoesNotFit {
                index,
                account,
                what: "existence",
                found: "absent".into(),
                claimed: "present".into(),
            })
        };
        match update {
            AccountUpdate::Create { address, nonce } => {
                // An account that equals the default counts as absent (spec 03 §4).
                let vacant = before.as_ref().is_none_or(|state| header(state) == AccountHeader::default());
                fit("existence", &!vacant, &false)?;
                let state = AccountState { nonce: nonce.0, pub_key_hash: [0; 20], address: address.0 };
                self.accounts.insert(account, Some(state));
            }
            AccountUpdate::Delete { address, nonce } => {
                let state = existing()?;
                fit("address", &hex::encode(state.address), &hex::encode(address.0))?;
                fit("nonce", &state.nonce, &nonce.0)?;
                self.accounts.insert(account, None);
            }
            AccountUpdate::UpdateBalance { old_nonce, new_nonce, balance_update: (token, old, new) } => {
                let mut state = existing()?;
                let amount = |value| to_u128(value).map_err(|source| UpdateError::Amount { index, source });
                fit("nonce", &state.nonce, &old_nonce.0)?;
                fit("balance", &self.balance(account, token.0)?, &amount(old)?)?;
                state.nonce = new_nonce.0;
                self.accounts.insert(account, Some(state));
                self.balances.insert((account, token.0), amount(new)?);
            }
            AccountUpdate::ChangePubKeyHash { old_pub_key_hash, new_pub_key_hash, old_nonce, new_nonce } => {
                let mut state = existing()?;
                fit("nonce", &state.nonce, &old_nonce.0)?;
                fit("public key hash", &hex::encode(state.pub_key_hash), &hex::encode(old_pub_key_hash.0))?;
                (state.nonce, state.pub_key_hash) = (new_nonce.0, new_pub_key_hash.0);
                self.accounts.insert(account, Some(state));
            }
            AccountUpdate::MintNFT { .. } | AccountUpdate::RemoveNFT { .. } => {
                existing()?;
            }
        }
        Ok(())
    }

    /// Compares with where the operations lead.
    ///
    /// # Errors
    /// [`UpdateError::Disagree`] for the first difference.
    pub fn compare(&mut self, plan: &Plan) -> Result<(), UpdateError> {
        let mut headers = BTreeMap::new();
        let mut balances = BTreeMap::new();
        for update in &plan.updates {
            headers.insert(update.account, update.header);
            balances.insert((update.account, update.token), update.balance);
        }
        // What only the updates touch must end as it began.
        for &account in self.accounts.keys() {
            if let std::collections::btree_map::Entry::Vacant(slot) = headers.entry(account) {
                slot.insert(self.before.account(account)?.as_ref().map(header).unwrap_or_default());
            }
        }
        for &(account, token) in self.balances.keys() {
            if let std::collections::btree_map::Entry::Vacant(slot) = balances.entry((account, token)) {
                slot.insert(self.before.balance(account, token)?);
            }
        }
        for (account, operated) in headers {
            let updated = self.account(account)?.as_ref().map(header).unwrap_or_default();
            if updated != operated {
                let (updated, operated) = (format!("{updated:?}"), format!("{operated:?}"));
                return Err(UpdateError::Disagree { account, what: "state".into(), updated, operated });
            }
        }
        for ((account, token), operated) in balances {
            let updated = self.balance(account, token)?;
            if updated != operated {
                let (updated, operated) = (updated.to_string(), operated.to_string());
                return Err(UpdateError::Disagree {
                    account,
                    what: format!("balance of token {token}"),
                    updated,
                    operated,
                });
            }
        }
        Ok(())
    }

    /// The accounts as the block leaves them.
    pub fn into_changes(self) -> Vec<AccountChange> {
        let mut balances: BTreeMap<u32, Vec<(u32, u128)>> = BTreeMap::new();
        for ((account, token), balance) in self.balances {
            balances.entry(account).or_default().push((token, balance));
        }
        let change =
            |(id, state)| AccountChange { id, state, balances: balances.remove(&id).unwrap_or_default() };
        self.accounts.into_iter().map(change).collect()
    }
}
