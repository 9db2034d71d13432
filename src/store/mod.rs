//! Everything that is kept: one data folder for one process.
//!
//! ```text
//! DATA/LOCK      held while a process has the folder open
//! DATA/index/    sled: small records
//! DATA/blobs/    the large bodies that records refer to, one zstd frame a file
//! DATA/journal/  what cannot be made again, once more: see `journal`
//! DATA/damaged/  what a repair put aside
//! DATA/restoring/  only while a backup is being restored: what becomes index, blobs and journal
//! ```
//!
//! # Tables
//!
//! Keys are spelled in `keys`; numbers in them are big-endian. Records are sealed by `codec`.
//!
//! | table | key | value | written by | removed when |
//! | --- | --- | --- | --- | --- |
//! | `meta` | name | parameters, genesis, heads, counters, markers | all | never; markers when their work is done |
//! | `bodies` | file id | nothing | whatever refers to the file | with the record that refers to it |
//! | `blocks` | number | root, commitment, size, hash, body, extra | import | revert |
//! | `quarantine` | number | why the block cannot be witnessed | import, maintainers | freed, or revert |
//! | `accounts` | id; id ‖ token | account; balance, after the last imported block | genesis, import | the account or balance goes |
//! | `account_updates` | number | change of `accounts` by the block, old and new | import | older than the history, or revert |
//! | `account_tree` | of the tree's making | of the tree's making, after the last witnessed block | genesis, maintainers | the tree removes it |
//! | `tree_updates` | number | root, change of `account_tree` by the block, old and new | maintainers | older than the history, or revert |
//! | `witnesses` | number | body, number of operations | maintainers | retention, or revert |
//! | `jobs` | id | type, range, status, attempts, holder, times, where the data is | updater, queue | dropped, retention, or revert |
//! | `job_index` | `i` idle, `z` idle by size, `w` waiting, `s` by status, `r` by range | nothing | with the job | with the job |
//! | `proofs` | number | body, job, prover | publish | revert |
//! | `aggregated_proofs` | last ‖ first | body, job, prover | publish | revert |
//! | `aggregated_operations` | action ‖ last | range, hash, body | import, aggregation | revert |
//! | `rejected` | serial | job, prover, reason, body | publish | beyond the bound |
//!
//! # Writing
//!
//! What is acknowledged is on disk, in this order: body file (temporary file, sync, rename, sync of the folder), one sled
//! transaction of at most 200 kB, flush of sled, sync of sled's file and at the same time of the journal. These syncs are shared by all who wait
//! ([`Store::sync`]); a body that fits its record, as proofs do, needs none of the first. What cannot be made again is written to the journal
//! before its transaction.
//! A body file is unlinked only after the transaction that removed its record is durable. What is larger than a transaction goes through
//! a log of change sets (`chain/change_log.rs`).
//!
//! # Size of the state
//!
//! Nothing depends on the number of accounts but genesis itself. A start reads sled's own map of its pages and the names of the body
//! files, the last segment of the journal, then the markers and heads of `meta` and the leases; no account, no node of the tree, and nothing is hashed. A block
//! writes its body, its witness, and the accounts, balances, leaves and nodes it changed: for each account leaf it touches
//! one node a level of the account tree, of which there are as many as the accounts doubled.
//!
//! Genesis is loaded in parts, and goes on where it was when it was interrupted (`genesis_load`).
//!
//! # Space
//!
//! Kept for ever: genesis, blocks, proofs, aggregated operations. Bounded: changes of accounts and tree (`history` blocks), rejected proofs
//! (100), witnesses and finished jobs when [`JobQueue::drop_verified`] is called. A file that is dropped is unlinked, so its space is
//! the system's again; sled reuses its own, in segments of 512 KiB. With 164 kB of live records its file was 0.7 MB at first, and
//! between 2.1 and 2.6 MB however often everything was written, dropped and reverted again (`space_tests`).
//!
//! Below a floor of free space nothing new is begun (`space`): imports and hand-outs are refused, proofs still land.
//!
//! # Failures
//!
//! After a failed write, a full disk for instance, nothing more is written until there is space; then the next operation that writes
//! opens the index anew and starts from what is on disk. What had been acknowledged is there, what had not can be repeated.
//! Reads go on meanwhile, and may show what was not acknowledged.
//!
//! # Damage
//!
//! Every record and body has a checksum; what fails it is an error, never a wrong answer. sled itself, opened on a damaged file, may
//! panic, which `index` turns into an error, or cut off everything behind the damage without a word. So the start looks whether
//! the newest part of the journal is in the index, and refuses otherwise, before anything is removed. [`Inspection`] finds everything, on a copy
//! of the index; [`Salvage`] is what can still be read, and [`Replacement`] puts a fresh folder in the place of the old one.
//!
//! # Locks
//!
//! Three, always taken in this order: `chain` (imports), `tree` (witnesses), `queue` (jobs and proofs).

mod chain;
mod core;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
#[allow(clippy::expect_used)]
pub mod decoders;
mod durable;
mod durable_kinds;
mod error;
#[cfg(test)]
mod golden_tests;
mod imported;
mod kv;
mod open;
mod options;
mod parameters;
mod parts;
mod queue;
mod read_view;
mod recovery;
mod revert;
#[cfg(test)]
mod revert_tests;
#[allow(clippy::module_inception)]
mod store;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod view_registry;

pub use chain::accounts::{AccountChange, AccountState};
pub use chain::aggregated_operations::AggregatedOperationRecord;
pub use chain::blocks::{BlockRecord, NewBlock};
pub use chain::chain_store::ChainStore;
pub use chain::genesis::GenesisRecord;
pub use chain::genesis_load::{GenesisAccount, GenesisEnd, GenesisLoad};
pub use chain::tree_store::TreeStore;
pub use chain::witnesses::{NewWitness, WitnessCommit, WitnessRecord};
pub use durable::blob_label::{BlobKind, BlobLabel};
pub use durable::blob_reader::BlobReader;
pub use durable::blob_ref::BlobRef;
pub use durable::blob_writer::BlobWriter;
pub use durable::blobs::PreparedBlob;
pub use durable::folder_lock::FolderLock;
pub use durable::folder_size::StoreBytes;
pub use durable::free_space::{ManualSpace, SpaceProbe, SpaceState, SystemSpace};
pub use durable_kinds::{DurableKind, DurableRecord};
pub use error::StoreError;
pub use imported::Imported;
pub use kv::sled_db::wait_until_closed;
pub use options::StoreOptions;
pub use queue::claims::{ClaimedJob, HeartbeatOutcome, Preference};
pub use queue::job_data::JobData;
pub use queue::job_index::JobCounts;
pub use queue::job_queries::LeaseRecord;
pub use queue::job_queue::JobQueue;
pub use queue::job_record::JobRecord;
pub use queue::new_jobs::AddOutcome;
pub use queue::proof_record::{ImportedProof, NewProof, ProofRecord};
pub use queue::publish::PublishError;
pub use queue::rejected::{RejectedProof, RejectedRecord};
pub use queue::retention::DropReport;
pub use read_view::ReadView;
pub use recovery::finding::{Finding, Severity};
pub use recovery::inspect::Inspection;
pub use recovery::replace::{Replacement, is_data_folder};
pub use recovery::salvage::{Published, Salvage, Source};
pub use revert::RevertReport;
pub use store::Store;

/// Returns a value as a sealed entry of the kv.
#[cfg(test)]
pub(crate) fn sealed(value: &[u8]) -> Vec<u8> {
    kv::codec::seal_raw(value)
}
