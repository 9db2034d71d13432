//! Chains of invented blocks for tests and benchmarks, sealed by
//! [`execution`](crate::execution).
//!
//! | module | content |
//! | --- | --- |
//! | `wallet` | the keys of an account |
//! | `builder` | the genesis of a chain |
//! | `chain` | the chain: executes, seals |
//! | `transactions` | transactions and priority operations of every kind |
//! | `traffic` | blocks of transfers between many accounts |

mod builder;
#[allow(clippy::module_inception)]
mod chain;
mod traffic;
mod transactions;
mod wallet;

pub use builder::ChainBuilder;
pub use chain::Chain;
pub use wallet::Wallet;
