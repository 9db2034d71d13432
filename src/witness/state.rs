//! Plain account state before a block, as a plan reads it.

use thiserror::Error;

use crate::tree::AccountHeader;

/// The plain state could not be read.
#[derive(Clone, Debug, Error)]
#[error("{0}")]
pub struct StateError(pub String);

/// Plain account state before a block. An account that equals the default counts as absent.
pub trait State {
    /// Returns the header of an account.
    ///
    /// # Errors
    /// If the state cannot be read.
    fn account(&self, account: u32) -> Result<Option<AccountHeader>, StateError>;

    /// Returns the balance in a token, 0 for an absent one.
    ///
    /// # Errors
    /// If the state cannot be read.
    fn balance(&self, account: u32, token: u32) -> Result<u128, StateError>;

    /// Returns the non-zero balances in tokens `0..tokens`, ascending by token.
    ///
    /// # Errors
    /// If the state cannot be read.
    fn balances(&self, account: u32, tokens: u32) -> Result<Vec<(u32, u128)>, StateError>;
}
