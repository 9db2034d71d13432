//! The data folder: everything on disk, for one process at a time.
//!
//! ```text
//! DATA/LOCK        held while a process has the folder open
//! DATA/index/      the kv: small records, in sled
//! DATA/blobs/      blobs that records refer to, one zstd frame per file
//! DATA/journal/    a second copy of everything that cannot be derived
//! DATA/damaged/    the parts that a repair replaced
//! DATA/restoring/  only during the restore of a backup: the future kv, blobs and journal
//! DATA/*.tmp       only while a command runs: the kv that `doctor` looks at, the result of a repair
//! DATA/index.*     only while the kv is opened: `kept` is the one from before, the others copies
//! ```
//!
//! [`Store`] opens the folder and gives access to its three parts, each with a lock of its own:
//! [`ChainStore`], [`TreeStore`] and [`JobQueue`].
//!
//! | file or folder | content |
//! | --- | --- |
//! | `store`, `open`, `read_only`, `options`, `parameters` | the open folder, and how it is opened |
//! | `parts` | the three parts together, and their recovery after a crash or a failed write |
//! | `core` | what the parts share |
//! | `chain` | genesis, blocks, accounts, aggregated operations; account tree and witnesses |
//! | `queue` | jobs, leases, proofs, retention |
//! | `revert`, `read_view`, `view_registry` | operations across the parts |
//! | `durable_kinds` | the table of the records that cannot be derived |
//! | `kv`, `durable`, `recovery` | sled; files and syncs; check, salvage and replacement |
//!
//! # Tables
//!
//! `kv/keys.rs` has the keys, in which numbers are big-endian; `kv/codec.rs` seals the records with
//! a checksum.
//!
//! | table | key | value | written by | removed by |
//! | --- | --- | --- | --- | --- |
//! | `meta` | name | parameters, genesis, heads, counters, markers | all | markers by the end of their work |
//! | `bodies` | blob file id | empty | the owner of the blob | the owner of the blob |
//! | `blocks` | number | root, commitment, size, hash, blob, extra | import | revert |
//! | `quarantine` | number | reason | import, maintainers | retry, revert |
//! | `accounts` | id; id ‖ token | account; balance; after the last imported block | genesis, import | import, revert |
//! | `account_updates` | number | change set of `accounts` | import | history, revert |
//! | `account_tree` | of `tree` | of `tree`; after the last witnessed block | genesis, maintainers | maintainers, revert |
//! | `tree_updates` | number | root, change set of `account_tree` | maintainers | history, revert |
//! | `witnesses` | number | blob, number of operations | maintainers | retention, revert |
//! | `jobs` | id | type, range, status, attempts, holder, times, data | updater, provers | drop, retention, revert |
//! | `job_index` | see `kv/keys.rs` | empty | with the job | with the job |
//! | `proofs` | number | blob, job, prover | publish | revert |
//! | `aggregated_proofs` | last ‖ first | blob, job, prover | publish | revert |
//! | `aggregated_operations` | action ‖ last | range, hash, blob | import, aggregator | revert, the node |
//! | `rejected` | serial number | job, prover, reason, blob | publish | bound |
//! | `attempts` | `o` ‖ job in progress; `e` ‖ number of an ended attempt; `j` ‖ job ‖ number; `r` ‖ job | job, prover, times, outcome; same; empty; refused proofs by prover | with the job | with the job; bound |
//! | `provers` | name | times, counters, suspension | with the attempt | bound |
//! | `inbox` | of `devnet` | of `devnet`; requests that no block contains yet | devnet | devnet |
//! | `hand_back` | type ‖ last ‖ first of a proof that the node's database lacks | empty | publish, link | link, revert |
//!
//! # Writing
//!
//! Before a write is acknowledged, these steps are done in this order: the blob file (temporary
//! file, sync, rename, sync of the folder), the entry in the journal of what cannot be derived, one
//! sled transaction of at most 200 kB, the flush of sled, and the syncs of sled's file and of the
//! journal at the same time. Concurrent callers of [`Store::sync`] share the last two. A small blob
//! is part of its record and has no file; proofs are small.
//!
//! A restore, a repair and a fork fill a folder that does not count before it is complete: they sync
//! once, at their end.
//!
//! A blob file is unlinked after the transaction that removed its record is durable. Changes larger
//! than a transaction go through a log of change sets (`chain/change_log.rs`).
//!
//! # Costs
//!
//! Only the import of the genesis depends on the number of accounts, and a start as far as it
//! copies a kv of up to 128 MiB twice, or reads a larger one through. A start also reads sled's map
//! of its pages, the names of the blob files, the last segment of the journal, the markers and
//! heads of `meta`, and the leases; it reads no account and no node of the tree. A block writes its
//! blob, its witness, and the accounts, balances, leaves and nodes that it changes: one node per
//! level of the account tree for each changed leaf.
//!
//! # Space
//!
//! Genesis, blocks, proofs and aggregated operations are stored forever. Change sets (`history`
//! blocks), rejected proofs (100), attempts (10,000) and provers (1,000) are bounded, and so are
//! witnesses and finished jobs if [`JobQueue::drop_verified`] is called. The space of an unlinked
//! file is free at once; sled reuses its own space in segments of 512 KiB. With 164 kB of live
//! records its file was between 0.7 and 2.6 MB, however often everything was written, dropped and
//! reverted (`durable/free_space_tests.rs`).
//!
//! Below a floor of free space no new work begins (`durable/free_space.rs`): imports and claims
//! fail, proofs are still stored.
//!
//! # Failures
//!
//! After a failed write, for instance on a full disk, nothing more is written until space is free.
//! The next operation that writes reopens the kv and starts from the state on disk, which has
//! everything that was acknowledged; other operations can be repeated. Reads continue meanwhile,
//! and may show unacknowledged records. A reopen makes the checks of a start; if anything fails, the
//! store is closed to reads as well until a later attempt succeeds. Leases stay in memory.
//!
//! A call of the system that fails while the folder is opened is an error of that call, not damage.
//! sled takes a failed read for the end of its log and writes over the rest, so it opens a copy, and
//! the files from before count until that is accepted (`kv/opening.rs`).
//!
//! # Damage
//!
//! Every record and blob has a checksum, so damage is an error and never a wrong answer. When sled
//! opens a damaged file, it may panic, which becomes an error, or silently discard everything
//! behind the damage. Therefore a start compares the newest part of the journal with the kv, before
//! anything is removed, and fails if records are missing. [`Inspection`] finds all damage in a copy
//! of the kv, [`Salvage`] reads the readable parts, and [`Replacement`] replaces the folder by a
//! repaired one.
//!
//! # Locks
//!
//! The three locks are always taken in this order: chain (imports), tree (witnesses), queue (jobs
//! and proofs).

mod chain;
mod core;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
#[allow(clippy::expect_used)]
pub(crate) mod decoders;
mod durable;
mod durable_kinds;
mod error;
#[cfg(test)]
mod golden_tests;
mod imported;
mod inbox;
mod kv;
mod open;
mod options;
mod parameters;
mod parts;
mod queue;
mod read_only;
mod read_view;
mod recovery;
#[cfg(test)]
mod reopen_tests;
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
pub(crate) use chain::aggregated_operations::AggregatedOperationRecord;
pub(crate) use chain::blocks::BlockRecord;
pub use chain::blocks::NewBlock;
pub(crate) use chain::chain_store::ChainStore;
pub use chain::genesis_load::GenesisEnd;
pub(crate) use chain::genesis_load::GenesisLoad;
pub(crate) use chain::witness_fault::WitnessFault;
pub use chain::witnesses::WitnessCommit;
pub use durable::blob_label::{BlobKind, BlobLabel};
pub(crate) use durable::blob_reader::BlobReader;
pub use durable::blob_ref::BlobRef;
pub(crate) use durable::blob_writer::BlobWriter;
#[cfg(test)]
pub(crate) use durable::blobs::PreparedBlob;
pub(crate) use durable::folder_lock::FolderLock;
pub use durable::folder_size::StoreBytes;
#[cfg(any(test, feature = "testing"))]
pub use durable::free_space::ManualSpace;
pub(crate) use durable::free_space::SpaceState;
pub(crate) use durable_kinds::{DurableKind, DurableRecord};
pub use error::StoreError;
pub(crate) use error::unless_damaged;
pub use imported::Imported;
pub(crate) use inbox::InboxRecord;
pub use kv::sled_db::wait_until_closed;
pub use options::StoreOptions;
pub(crate) use parameters::FORMAT;
pub(crate) use queue::attempt_record::AttemptRecord;
pub use queue::claims::{ClaimedJob, Preference};
pub(crate) use queue::heartbeats::HeartbeatOutcome;
pub(crate) use queue::job_data::JobData;
pub(crate) use queue::job_index::JobCounts;
pub(crate) use queue::job_queries::{JobFilter, LeaseRecord};
pub use queue::job_record::JobRecord;
pub use queue::new_jobs::AddOutcome;
pub(crate) use queue::operators::WhichJobs;
pub use queue::proof_record::NewProof;
pub(crate) use queue::proof_record::{ImportedProof, ProofRecord};
pub(crate) use queue::prover_record::{ProofTimes, ProverRecord};
pub(crate) use queue::publish::PublishError;
#[cfg(test)]
pub(crate) use queue::refusal_record::RefusalRecord;
pub(crate) use queue::refuse::Refusal;
pub(crate) use queue::rejected::{RejectedProof, RejectedRecord};
pub(crate) use queue::sender::ProverConnection;
pub use queue::sender::Sender;
pub(crate) use read_view::ReadView;
pub use recovery::finding::{Finding, Severity};
pub use recovery::inspect::Inspection;
pub(crate) use recovery::leftovers;
pub(crate) use recovery::replace::{Replacement, check_data_folder};
pub(crate) use recovery::salvage::{Salvage, Source};
pub(crate) use revert::RevertReport;
pub use store::Store;

/// Returns a value as a sealed entry of the kv.
#[cfg(test)]
pub(crate) fn sealed(value: &[u8]) -> Vec<u8> {
    kv::codec::seal_raw(value)
}
