//! Priority operations that are not executed.

use crate::domain::{AccountId, TokenId};

/// Returned for a priority operation that a contract would not have accepted, or for which the
/// reference stops. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PriorityOpError {
    /// Serial ids must be consecutive.
    #[error("the next priority operation is {expected}, not {got}")]
    OutOfOrder {
        /// Serial id of the next priority operation.
        expected: u64,
        /// Serial id of the given one.
        got: u64,
    },
    /// The token id is not supported.
    #[error("token {0} is not supported in this priority operation")]
    Token(TokenId),
    /// The account id is not that of a user.
    #[error("account id {0} is above the largest account id 16777214")]
    Account(AccountId),
    /// The balance would exceed 128 bits.
    #[error("the deposit would raise a balance above 2^128 - 1")]
    Overflow,
    /// All account ids are in use.
    #[error("there is no free account id")]
    NoAccountId,
    /// A request from before contracts version 6.
    #[error("a full exit of the old contracts cannot be executed")]
    Legacy,
    /// No block is large enough.
    #[error("the operation needs {needed} chunks, the largest block has {largest}")]
    TooLarge {
        /// Number of chunks of the operation.
        needed: usize,
        /// Number of chunks of the largest block.
        largest: usize,
    },
}
