//! Everything that moves a block through the system, from import to aggregated proof.
//!
//! | module | content |
//! | --- | --- |
//! | [`node`] | all workers together: start, stop, imports |
//! | [`options`] | options of a node |
//! | [`wakeup`] | wakes waiting threads after a change |
//! | [`genesis`] | import of the state before block 1, which continues after an interruption |
//! | [`import`] | checks and stores blocks and aggregated operations |
//! | [`state`] | the account state that an import is checked against |
//! | [`maintainer`] | threads that build witnesses |
//! | [`chain`] | the tree versions that all maintainers share |
//! | [`updater`] | thread that turns witnesses and proofs into jobs and ends expired leases |
//! | [`aggregator`] | creates aggregated operations from proven blocks, if enabled |
//! | [`proofs`] | checks of a published proof |
//! | [`verifier`] | verification of published proofs |
//! | [`verification_keys`] | the keys for that |
//! | [`provers`] | the provers seen in this run |
//! | [`doctor`] | checks a data folder, down to every node of the tree |
//! | [`ledger`] | the accounts that follow from genesis and blocks |
//! | [`repair`] | builds a new folder from the readable parts of a damaged one |
//! | [`rebuild`] | fills an empty store from blocks, operations and proofs |

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
pub mod options;
pub mod progress;
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
pub mod verification_keys;
pub mod verifier;
#[cfg(test)]
mod verifier_tests;
pub mod wakeup;

pub use import::{ImportError, Imported};
pub use node::Node;
pub use options::NodeOptions;
pub use proofs::PublishRefused;
pub use rebuild::{Rebuild, RebuildReport};
pub use verification_keys::KeysError;
pub use verifier::{MAX_WAITING, TooManyWaiting, Verifier};
pub use wakeup::Wakeup;
