//! Everything that moves a block through the system, from import to aggregated proof.
//!
//! | module | content |
//! | --- | --- |
//! | [`node`] | all workers together: start, stop, imports |
//! | [`options`] | options of a node |
//! | [`wakeup`] | wakes waiting threads after a change |
//! | [`import`] | checks and stores genesis, blocks and aggregated operations |
//! | [`account_state`] | the account state that the plan of a block reads |
//! | [`account_updates`] | the account updates of a block, checked against state and operations |
//! | `quarantine` | what a wrong root or commitment leads to |
//! | [`maintainer`] | threads that build witnesses |
//! | [`tree_versions`] | the versions of the account tree that all maintainers share |
//! | [`updater`] | thread that turns witnesses and proofs into jobs and ends expired leases |
//! | [`aggregator`] | creates aggregated operations from proven blocks, if enabled |
//! | [`proofs`] | checks of a published proof |
//! | [`verifier`] | verification of published proofs, a bounded number at a time |
//! | [`verification_keys`] | the keys for that |
//! | [`provers`] | statistics of the provers seen in this run |
//! | [`doctor`] | checks and repairs a data folder |
//! | [`rebuild`] | fills an empty store from blocks, operations and proofs |
//! | [`rebuild_report`] | the stored and the omitted items of a rebuild |
//! | [`progress`] | callback for the progress of long tasks |

pub mod account_state;
pub mod account_updates;
pub mod aggregator;
pub mod doctor;
pub mod import;
pub mod maintainer;
pub mod node;
pub mod options;
pub mod progress;
pub mod proofs;
pub mod provers;
mod quarantine;
pub mod rebuild;
pub mod rebuild_report;
#[cfg(test)]
mod rebuild_tests;
#[cfg(test)]
pub(crate) mod testing;
pub mod tree_versions;
pub mod updater;
#[cfg(test)]
mod updater_tests;
pub mod verification_keys;
pub mod verifier;
#[cfg(test)]
mod verifier_tests;
pub mod wakeup;

pub use account_state::TreeState;
pub use account_updates::UpdateError;
pub use import::ImportError;
pub use node::Node;
pub use options::NodeOptions;
pub use proofs::PublishRefused;
pub use rebuild::Rebuild;
pub use rebuild_report::RebuildReport;
pub use verification_keys::KeysError;
pub use verifier::{MAX_WAITING, TooManyWaiting, Verifier};
pub use wakeup::Wakeup;

pub use crate::store::Imported;
