//! Imports: genesis, sealed blocks and aggregated operations. Each is checked, then stored.
//!
//! A block whose commitment differs from the computed one is stored and
//! quarantined.

mod aggregated_operation;
mod block;
mod checked_block;
mod chunks;
mod error;
mod genesis;
mod genesis_accounts;
mod json;
mod state;

pub(crate) use aggregated_operation::{
    import as aggregated_operation, import_again as aggregated_operation_again, put as put_operation,
    store_operation,
};
pub use block::import as block;
pub(crate) use block::{number_of_operations, parsed as parsed_block};
pub(crate) use checked_block::CheckedBlock;
pub(crate) use error::ImportError;
pub use genesis::import as genesis;
pub(crate) use genesis::import_at as genesis_at;
pub(crate) use genesis_accounts::GenesisAccounts;
pub(crate) use state::{NextPage, StateStart, import as state};
