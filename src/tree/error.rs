//! The errors of reading and updating a tree.

use thiserror::Error;

use super::source::SourceError;

/// Returned when a tree cannot be read or updated.
#[derive(Debug, Error)]
pub enum TreeError {
    /// The stored tree cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No tree is stored.
    #[error("there is no account tree yet; import the genesis first")]
    Empty,
    /// An account was added to a new tree out of order.
    #[error("account {account} is out of order: a tree is built by ascending account ids below 16777216")]
    Order {
        /// The account id.
        account: u32,
    },
}
