//! Everything that moves a block through the system, from import to aggregated proof.
//!
//! | module | content |
//! | --- | --- |
//! | `node` | all workers together: start, stop, imports |
//! | `options` | options of a node |
//! | `wakeup` | wakes waiting threads after a change |
//! | `health` | readiness for work, and liveness |
//! | `hash_pool` | the threads that compute hashes, with others for witnesses |
//! | `import` | checks and stores genesis, blocks and aggregated operations |
//! | `account_state` | the account state that the plan of a block reads |
//! | `account_updates` | the account updates of a block, checked against state and operations |
//! | `quarantine` | the consequences of a wrong root or commitment |
//! | `hasher` | thread that plans and hashes waiting blocks |
//! | `maintainer` | threads that write and store the witnesses of hashed blocks |
//! | `tree_versions` | the versions of the account tree between hasher and maintainers |
//! | `witness_line` | what hasher and maintainers share |
//! | `updater` | thread that turns witnesses and proofs into jobs and ends expired leases |
//! | `aggregator` | creates aggregated operations from proven blocks, if enabled |
//! | `proofs` | checks of a published proof |
//! | `verifier` | verification of published proofs, a bounded number at a time |
//! | `verification_keys` | the verification keys of a folder |
//! | `doctor` | checks and repairs a data folder |
//! | `rebuild` | fills an empty store from blocks, operations and proofs |
//! | `reverted_proofs` | keeps the proofs of reverted blocks among the rejected ones |
//! | `taken_over` | proofs that another server published |
//! | `link_status` | the state of the link to a node |
//! | `rebuild_item` | what a rebuild stores; blocks are checked on all cores in advance |
//! | `rebuild_report` | the stored and the omitted items of a rebuild |
//! | `progress` | callback for the progress of long tasks |

mod account_state;
mod account_updates;
mod aggregator;
pub(crate) mod doctor;
pub(crate) mod hash_pool;
mod hasher;
mod health;
pub(crate) mod import;
mod link_status;
#[cfg(test)]
mod liveness_tests;
mod maintainer;
mod node;
mod options;
mod progress;
mod proofs;
mod quarantine;
mod rebuild;
mod rebuild_item;
mod rebuild_report;
#[cfg(test)]
mod rebuild_tests;
mod reverted_proofs;
mod taken_over;
#[cfg(test)]
pub(crate) mod testing;
mod tree_versions;
mod updater;
#[cfg(test)]
mod updater_tests;
mod verification_keys;
mod verifier;
#[cfg(test)]
mod verifier_tests;
mod wakeup;
mod witness_line;

pub use account_state::TreeState;
pub(crate) use account_updates::{AccountsBefore, UpdateError, UpdatedAccounts};
pub(crate) use health::{is_alive, unready_reasons};
pub(crate) use import::ImportError;
pub(crate) use link_status::{LinkFault, LinkPhase, LinkView};
pub use node::Node;
pub use options::NodeOptions;
pub(crate) use progress::Progress;
pub use proofs::{CheckedProof, PublishRefused};
pub(crate) use rebuild::Rebuild;
pub(crate) use rebuild_item::{PreparedItem, RebuildItem};
pub(crate) use rebuild_report::{OmittedItem, RebuildReport};
pub(crate) use taken_over::TakenOver;
pub(crate) use verification_keys::KeysError;
pub use verifier::MAX_WAITING;
pub(crate) use verifier::TooManyWaiting;
pub(crate) use verifier::Verifier;

pub use crate::store::Imported;
pub(crate) use crate::witness::CheckedSignatures;
