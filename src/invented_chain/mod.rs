//! Chains of invented blocks for `demo --live`, tests and benchmarks: signed transfers between
//! accounts of one token.

mod builder;
mod memory;

pub use builder::ChainBuilder;
pub use memory::Memory;
