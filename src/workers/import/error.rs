//! Errors of imports.

use thiserror::Error;

use crate::domain::{AggregatedAction, AmountError};
use crate::input;
use crate::store::StoreError;
use crate::tree::TreeError;
use crate::witness::WitnessError;
use crate::workers::account_updates::UpdateError;

/// The reason why an import failed. Nothing was stored.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The body is not valid JSON of the expected shape.
    #[error("not a valid {what}: {source}{}", input::rounded_number(&source.to_string()))]
    Json {
        /// The expected item and its shape.
        what: &'static str,
        /// The error of the parser, with line and column.
        source: serde_json::Error,
    },
    /// The body is a Git LFS pointer.
    #[error(
        "it is a Git LFS pointer, not the file itself; run `git lfs pull` in the repository it comes from"
    )]
    GitLfsPointer,
    /// A block or an operation arrived before the genesis.
    #[error("the genesis is missing: import genesis.json first")]
    NoGenesis,
    /// The operations of the block do not fit the state.
    #[error(transparent)]
    Block(#[from] WitnessError),
    /// The account updates of the block do not fit.
    #[error("block {block}: {source}")]
    Updates {
        /// Number of the block.
        block: u32,
        /// The fault.
        #[source]
        source: UpdateError,
    },
    /// A balance of the genesis exceeds 128 bits.
    #[error("genesis account {account}: {source}")]
    GenesisAmount {
        /// The account.
        account: u32,
        /// The fault.
        source: AmountError,
    },
    /// An account id of the genesis exceeds the largest one.
    #[error("genesis account {0} is above the largest account id 16777215")]
    GenesisAccount(u32),
    /// The blocks of an aggregated operation do not have consecutive numbers.
    #[error("the blocks of the aggregated operation are not a run of consecutive numbers from 1 on")]
    NotARun,
    /// An aggregated operation contains a block that differs from the stored one or is not stored.
    #[error("block {0} of the aggregated operation is not the stored block: import that block first")]
    OtherBlock(u32),
    /// The accounts of a state lead to another root than that of its block. Nothing is kept of them.
    #[error(
        "the accounts lead to the root 0x{}, block {number} has 0x{}",
        hex::encode(found),
        hex::encode(expected)
    )]
    OtherRoot {
        /// The block after which this should be the state.
        number: u32,
        /// The root of the block.
        expected: [u8; 32],
        /// The root of the accounts.
        found: [u8; 32],
    },
    /// The source of the accounts of a state failed.
    #[error("the accounts cannot be read: {0}")]
    Accounts(String),
    /// An aggregated operation contains a block with the commitment of the stored one and another
    /// content.
    #[error(
        "block {0} of the aggregated operation has the commitment of the stored block, but differs from it: send the block as it was imported"
    )]
    OtherContent(u32),
    /// An aggregated operation does not follow the previous one of its action.
    #[error(
        "{action} of the blocks {first} to {last} leaves a gap: the next {action} must begin at block {expected}{}; import that one first",
        expected_last.map_or_else(String::new, |last| format!(" and end at block {last} or before"))
    )]
    Gap {
        /// The action.
        action: AggregatedAction,
        /// First block of the operation.
        first: u32,
        /// Last block of the operation.
        last: u32,
        /// First block of the expected operation.
        expected: u32,
        /// Last block before the next stored operation, if there is one.
        expected_last: Option<u32>,
    },
    /// The account tree cannot be built.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
