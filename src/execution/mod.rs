//! From submitted transactions and priority operations to sealed blocks
//! (docs/protocol/07-execution.md). No I/O, no clock, no store: the same inputs give the same
//! blocks.
//!
//! 1. [`VerifiedTx`] is a transaction whose signatures were checked once; its
//!    [`check_correctness`](VerifiedTx::check_correctness) is what an API requires of it.
//! 2. [`Executor`] executes transactions, batches and priority operations on a [`State`] and
//!    collects them in a [`PendingBlock`](pending::PendingBlock), until one does not fit or the
//!    caller seals.
//! 3. [`Executor::seal`] pays the fees, computes root and commitment, and returns the block as the
//!    import takes it.
//!
//! | module | content |
//! | --- | --- |
//! | `state` | accounts by id and by address, NFTs, the account tree |
//! | `verified` | a transaction with the outcome of its signature checks |
//! | `correctness` | checks of a transaction that need no state |
//! | `failure`, `priority` | reasons of failures, with the texts of the reference; refused priority operations |
//! | `kinds` | one file for each kind of operation: checks, operation, account updates |
//! | `recorder` | changes of the state with the account updates that describe them |
//! | `options` | the block after which a chain continues, and the parameters of its blocks |
//! | `pending` | the pending block |
//! | `executor` | transactions, batches and priority operations on the pending block |
//! | `seal` | fees, root and commitment |
//! | `ethereum` | messages signed on Ethereum, and authorisations of a new key |

mod correctness;
pub(crate) mod ethereum;
mod executor;
mod failure;
mod kinds;
mod options;
mod pending;
mod priority;
mod recorder;
mod seal;
mod state;
#[cfg(test)]
mod tests;
mod verified;

pub(crate) use executor::{Executor, ExecutorError, Outcome};
pub(crate) use options::{ExecutorOptions, Head};
pub(crate) use priority::PriorityOpError;
pub(crate) use seal::SealError;
pub(crate) use state::{State, StateError};
pub(crate) use verified::{VerifiedTx, complete};
