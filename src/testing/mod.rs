//! What tests and benchmarks share; only with the feature `testing`. Everything here panics where it cannot go on.
//!
//! | module | noun |
//! | --- | --- |
//! | [`chain_builder`] | a genesis, and valid blocks of signed transfers of any size |
//! | [`memory`] | a stored tree in memory |
//! | [`naive`] | the account tree one leaf update at a time, hashed by franklin-crypto |

pub mod chain_builder;
pub mod memory;
pub mod naive;

pub use chain_builder::ChainBuilder;
pub use memory::Memory;
pub use naive::NaiveAccountTree;
