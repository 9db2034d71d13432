//! Genesis, blocks, accounts, the account tree and its change sets, witnesses, aggregated operations, and revert.

pub(crate) mod account_tree;
pub(crate) mod accounts;
pub(crate) mod aggregated_operations;
pub(crate) mod blocks;
pub(crate) mod change_log;
pub(crate) mod genesis;
pub(crate) mod genesis_load;
#[cfg(test)]
pub(crate) mod genesis_tests;
pub(crate) mod read_view;
pub(crate) mod revert;
#[cfg(test)]
pub(crate) mod revert_tests;
pub(crate) mod tree_before;
pub(crate) mod witnesses;
