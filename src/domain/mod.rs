//! The protocol's data: identifiers, accounts, transactions, operations, blocks, proofs, messages to provers.
//!
//! Types here are what is exchanged as JSON (spec 02); field order is the order of keys. Reading never panics: whatever
//! does not fit is an error of its own type. Nothing here hashes trees or touches disk.

mod account;
mod account_update;
mod action;
mod aggregated;
pub mod amount;
mod block;
mod block_metadata;
mod eth_signature;
mod executed;
mod gas;
mod hex_types;
mod ids;
mod incomplete_block;
pub mod job;
#[cfg(test)]
mod job_tests;
pub mod op;
mod priority_op;
pub mod proof;
mod prover_api;
mod token;
mod token_like;
pub mod tx;
mod u256;
mod wire;
mod withdrawal_type;

pub use account::*;
pub use account_update::*;
pub use action::*;
pub use aggregated::*;
pub use amount::{AmountError, BigUintSerdeWrapper, to_u128};
pub use block::*;
pub use block_metadata::*;
pub use eth_signature::*;
pub use executed::*;
pub use gas::*;
pub use hex_types::*;
pub use ids::*;
pub use incomplete_block::*;
pub use op::*;
pub use priority_op::*;
pub use proof::*;
pub use prover_api::*;
pub use token::*;
pub use token_like::*;
pub use tx::*;
pub use u256::*;
pub use wire::WireError;
pub use withdrawal_type::*;

#[cfg(test)]
mod tests;
