//! Genesis, blocks, accounts, the account tree and its change sets, witnesses, aggregated operations, and revert.

pub(crate) mod accounts;
pub(crate) mod aggregated_operations;
pub(crate) mod blocks;
pub(crate) mod chain_store;
pub(crate) mod change_log;
pub(crate) mod genesis;
pub(crate) mod genesis_load;
#[cfg(test)]
pub(crate) mod genesis_tests;
pub(crate) mod tree_before;
pub(crate) mod tree_source;
pub(crate) mod tree_store;
pub(crate) mod witnesses;
