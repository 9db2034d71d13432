//! The account state that the plan of a block reads.

use crate::store::Store;
use crate::tree::{AccountHeader, AccountTree};
use crate::witness::{State, StateError};

/// The state after the last imported block.
pub(crate) struct StoredState<'a>(pub &'a Store);

impl State for StoredState<'_> {
    fn account(&self, account: u32) -> Result<Option<AccountHeader>, StateError> {
        let state = self.0.chain().account(account).map_err(unreadable)?;
        Ok(state.as_ref().map(AccountHeader::from).filter(|header| *header != AccountHeader::default()))
    }

    fn balance(&self, account: u32, token: u32) -> Result<u128, StateError> {
        self.0.chain().balance(account, token).map_err(unreadable)
    }

    fn balances(&self, account: u32, tokens: u32) -> Result<Vec<(u32, u128)>, StateError> {
        let mut balances = self.0.chain().balances(account, 0, tokens as usize).map_err(unreadable)?;
        balances.retain(|(token, _)| *token < tokens);
        Ok(balances)
    }
}

/// The state in a version of the account tree.
pub struct TreeState<'a>(pub &'a AccountTree<'a>);

impl State for TreeState<'_> {
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
