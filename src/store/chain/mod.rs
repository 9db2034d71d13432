//! The chain and the account tree.
//!
//! | file | content |
//! | --- | --- |
//! | `chain_store`, `tree_store` | the types [`ChainStore`](crate::store::ChainStore) and [`TreeStore`](crate::store::TreeStore) with their locks |
//! | `genesis`, `genesis_load`, `genesis_progress` | the genesis, and how it is loaded in parts |
//! | `blocks`, `quarantine`, `accounts`, `aggregated_operations` | what imports write |
//! | `covered_blocks` | the blocks that aggregated operations cover without a gap |
//! | `change_log` | the change sets of accounts and account tree by block, which a revert undoes |
//! | `witnesses`, `tree_source`, `tree_before` | what maintainers write, and the tree that they read |
//! | `witness_fault` | why the next witness cannot be built so far |

pub(crate) mod accounts;
pub(crate) mod aggregated_operations;
pub(crate) mod blocks;
pub(crate) mod chain_store;
pub(crate) mod change_log;
pub(crate) mod covered_blocks;
pub(crate) mod genesis;
pub(crate) mod genesis_load;
pub(crate) mod genesis_progress;
#[cfg(test)]
mod genesis_tests;
pub(crate) mod quarantine;
pub(crate) mod tree_before;
pub(crate) mod tree_source;
pub(crate) mod tree_store;
pub(crate) mod witness_fault;
pub(crate) mod witnesses;
