//! Imports: genesis, sealed blocks and aggregated operations. Each is checked, then stored.
//!
//! A block whose commitment differs from the computed one is stored and
//! quarantined.

mod aggregated_operation;
mod block;
mod error;
mod genesis;
mod genesis_accounts;
mod json;

pub use aggregated_operation::{import as aggregated_operation, store_operation};
pub use block::{import as block, number_of_operations};
pub use error::ImportError;
pub use genesis::import as genesis;
pub use genesis_accounts::GenesisAccounts;
