//! The account updates of a block, checked against the accounts before it and against its
//! operations.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use thiserror::Error;

use crate::domain::{AccountId, AccountUpdate, AccountUpdates, AmountError, to_u128};
use crate::store::{AccountChange, AccountState, Store, StoreError};
use crate::tree::AccountHeader;
use crate::witness::Plan;

/// The reason why the account updates of a block are wrong.
#[derive(Debug, Error)]
pub enum UpdateError {
    /// The old value of an update differs from the state.
    #[error(
        "account update {index} does not fit: {what} of account {account} is {found}, the update says {claimed}"
    )]
    DoesNotFit {
        /// Index of the update in the block.
        index: usize,
        /// Account id.
        account: u32,
        /// The compared property of the account.
        what: &'static str,
        /// The value in the state.
        found: String,
        /// The value in the update.
        claimed: String,
    },
    /// An amount exceeds 128 bits.
    #[error("account update {index}: {source}")]
    Amount {
        /// Index of the update in the block.
        index: usize,
        /// The fault.
        source: AmountError,
    },
    /// The updates lead to another state than the operations.
    #[error(
        "the account updates disagree with the operations: {what} of account {account} ends as {updated}, by the operations as {operated}"
    )]
    Disagree {
        /// Account id.
        account: u32,
        /// The compared property of the account.
        what: String,
        /// The value that the updates lead to.
        updated: String,
        /// The value that the operations lead to.
        operated: String,
    },
    /// The state cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The accounts before a block.
pub(crate) trait AccountsBefore {
    /// Returns an account without its balances.
    fn account(&self, account: u32) -> Result<Option<AccountState>, StoreError>;
    /// Returns the balance of an account in a token; 0 if it has none.
    fn balance(&self, account: u32, token: u32) -> Result<u128, StoreError>;
}

/// The accounts after the last imported block.
impl AccountsBefore for Store {
    fn account(&self, account: u32) -> Result<Option<AccountState>, StoreError> {
        self.chain().account(account)
    }

    fn balance(&self, account: u32, token: u32) -> Result<u128, StoreError> {
        self.chain().balance(account, token)
    }
}

/// The accounts that a block changes, with the values after its account updates.
pub(crate) struct UpdatedAccounts<'a> {
    before: &'a dyn AccountsBefore,
    accounts: BTreeMap<u32, Option<AccountState>>,
    balances: BTreeMap<(u32, u32), u128>,
}

impl<'a> UpdatedAccounts<'a> {
    /// Applies updates to the accounts before the block, and checks the old values of each
    /// (`docs/protocol/02-types-json.md` §7).
    pub(crate) fn apply(
        before: &'a dyn AccountsBefore,
        updates: &AccountUpdates,
    ) -> Result<Self, UpdateError> {
        let mut state = Self { before, accounts: BTreeMap::new(), balances: BTreeMap::new() };
        for (index, (account, update)) in updates.iter().enumerate() {
            state.apply_one(index, *account, update)?;
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

    fn apply_one(&mut self, index: usize, id: AccountId, update: &AccountUpdate) -> Result<(), UpdateError> {
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
                // An account that equals the default counts as absent
                // (`docs/protocol/03-operations.md` §4).
                let vacant = before
                    .as_ref()
                    .is_none_or(|state| AccountHeader::from(state) == AccountHeader::default());
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
                state.nonce = new_nonce.0;
                state.pub_key_hash = new_pub_key_hash.0;
                self.accounts.insert(account, Some(state));
            }
            AccountUpdate::MintNFT { .. } | AccountUpdate::RemoveNFT { .. } => {
                existing()?;
            }
        }
        Ok(())
    }

    /// Compares the accounts with the result of the operations.
    ///
    /// # Errors
    /// [`UpdateError::Disagree`] for the first difference.
    pub(crate) fn compare(&mut self, plan: &Plan) -> Result<(), UpdateError> {
        let mut headers = BTreeMap::new();
        let mut balances = BTreeMap::new();
        for update in &plan.updates {
            headers.insert(update.account, update.header);
            balances.insert((update.account, update.token), update.balance);
        }
        // Values that only the updates touch must end as they began.
        for &account in self.accounts.keys() {
            if let Entry::Vacant(slot) = headers.entry(account) {
                slot.insert(
                    self.before.account(account)?.as_ref().map(AccountHeader::from).unwrap_or_default(),
                );
            }
        }
        for &(account, token) in self.balances.keys() {
            if let Entry::Vacant(slot) = balances.entry((account, token)) {
                slot.insert(self.before.balance(account, token)?);
            }
        }
        for (account, operated) in headers {
            let updated = self.account(account)?.as_ref().map(AccountHeader::from).unwrap_or_default();
            if updated != operated {
                let updated = format!("{updated:?}");
                let operated = format!("{operated:?}");
                return Err(UpdateError::Disagree { account, what: "state".into(), updated, operated });
            }
        }
        for ((account, token), operated) in balances {
            let updated = self.balance(account, token)?;
            if updated != operated {
                let updated = updated.to_string();
                let operated = operated.to_string();
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

    /// Returns the changes of the accounts by the block.
    pub(crate) fn into_changes(self) -> Vec<AccountChange> {
        let mut balances: BTreeMap<u32, Vec<(u32, u128)>> = BTreeMap::new();
        for ((account, token), balance) in self.balances {
            balances.entry(account).or_default().push((token, balance));
        }
        let change =
            |(id, state)| AccountChange { id, state, balances: balances.remove(&id).unwrap_or_default() };
        self.accounts.into_iter().map(change).collect()
    }
}
