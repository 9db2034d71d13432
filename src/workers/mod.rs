//! What moves a block through the system: import → maintainers → updater → provers, each waking the next.
//!
//! | module | job |
//! | --- | --- |
//! | [`wakeup`] | the wake-up call all threads share |
//! | [`genesis`] | hashes and stores the state before block 1, which may be interrupted |
//! | [`import`] | checks blocks and aggregated operations, and stores them |
//! | [`state`] | the plain account state that an import is checked against |
//! | [`chain`] | the one chain of tree versions all maintainers share |
//! | [`maintainer`] | threads that build witnesses |
//! | [`updater`] | the thread that turns witnesses and proofs into jobs, and ends stale leases |
//! | [`aggregator`] | makes `CreateProofBlocks` operations when the server is asked to |
//! | [`proofs`] | what a published proof must satisfy |
//! | [`provers`] | the provers seen in this run |
//! | [`rebuild`] | makes an empty store anew from blocks, operations and proofs |
//! | [`doctor`] | checks a data folder, down to every node of the tree |
//! | [`ledger`] | the accounts as genesis and blocks make them |
//! | [`repair`] | builds a fresh folder from what can be read of a damaged one |
//! | [`verification`] | keys that published proofs are verified against, and turns to do it |
//! | [`node`] | all of it together, started and stopped |

pub mod aggregator;
pub mod chain;
pub mod doctor;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod doctor_tests;
pub mod genesis;
pub mod import;
pub mod ledger;
pub mod maintainer;
pub mod node;
pub mod proofs;
pub mod provers;
pub mod rebuild;
#[cfg(test)]
mod rebuild_tests;
pub mod repair;
pub mod state;
#[cfg(test)]
pub(crate) mod testing;
mod tree_check;
pub mod updater;
pub mod verification;
#[cfg(test)]
mod verification_tests;
pub mod wakeup;

pub use import::{ImportError, Imported};
pub use node::{Node, NodeOptions};
pub use proofs::PublishRefused;
pub use rebuild::{Rebuild, RebuildReport};
pub use verification::Verifier;
