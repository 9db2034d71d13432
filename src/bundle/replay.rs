//! The state before a block, while a bundle is exported and while it is replayed.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::store::{AccountState, StoreError};
use crate::tree::{AccountHeader, PartialTree, SourceError};
use crate::witness::{State, StateError};
use crate::workers::{AccountsBefore, TreeState};

/// Number of account ids. Larger ids have no leaf.
const ACCOUNTS: u32 = 1 << 24;

/// A view of a tree that records which leaves are read.
pub(super) struct Recorder<'a> {
    tree: TreeState<'a>,
    accounts: RefCell<BTreeSet<u32>>,
    balances: RefCell<BTreeSet<(u32, u32)>>,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(tree: TreeState<'a>) -> Self {
        Self { tree, accounts: RefCell::default(), balances: RefCell::default() }
    }

    /// Records an account, and its balance in a token, as read.
    pub(crate) fn note(&self, account: u32, token: Option<u32>) {
        if account >= ACCOUNTS {
            return;
        }
        self.accounts.borrow_mut().insert(account);
        self.balances.borrow_mut().extend(token.map(|token| (account, token)));
    }

    pub(crate) fn into_reads(self) -> (BTreeSet<u32>, BTreeSet<(u32, u32)>) {
        (self.accounts.into_inner(), self.balances.into_inner())
    }
}

impl State for Recorder<'_> {
    fn account(&self, account: u32) -> Result<Option<AccountHeader>, StateError> {
        self.note(account, None);
        self.tree.account(account)
    }

    fn balance(&self, account: u32, token: u32) -> Result<u128, StateError> {
        self.note(account, Some(token));
        self.tree.balance(account, token)
    }

    fn balances(&self, account: u32, tokens: u32) -> Result<Vec<(u32, u128)>, StateError> {
        let balances = self.tree.balances(account, tokens)?;
        // At least one path: without any, a replay could not tell that the account has no other
        // balance.
        self.note(account, Some(0));
        for (token, _) in &balances {
            self.note(account, Some(*token));
        }
        Ok(balances)
    }
}

/// The state before a block, from the leaves and nodes of a bundle.
pub(super) struct ReplayedState<'a>(pub &'a PartialTree);

impl State for ReplayedState<'_> {
    fn account(&self, account: u32) -> Result<Option<AccountHeader>, StateError> {
        self.0.account(account).map_err(unreadable)
    }

    fn balance(&self, account: u32, token: u32) -> Result<u128, StateError> {
        self.0.balance(account, token).map_err(unreadable)
    }

    fn balances(&self, account: u32, tokens: u32) -> Result<Vec<(u32, u128)>, StateError> {
        self.0.balances(account, tokens).map_err(unreadable)
    }
}

impl AccountsBefore for ReplayedState<'_> {
    /// Returns an account even if its leaf is the default one, which a tree cannot distinguish from
    /// a missing account. An update of a missing account then disagrees with the operations.
    fn account(&self, account: u32) -> Result<Option<AccountState>, StoreError> {
        let header = self.0.account(account).map_err(absent)?.unwrap_or_default();
        Ok(Some(AccountState::from(header)))
    }

    fn balance(&self, account: u32, token: u32) -> Result<u128, StoreError> {
        self.0.balance(account, token).map_err(absent)
    }
}

fn unreadable(error: SourceError) -> StateError {
    StateError(error.0)
}

fn absent(error: SourceError) -> StoreError {
    StoreError::Corrupt { what: error.0 }
}
