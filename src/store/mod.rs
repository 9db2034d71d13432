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
//! a log of changes (`delta`).
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
//! (100), witnesses and finished jobs when [`Store::drop_verified`] is called. A file that is dropped is unlinked, so its space is
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
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
#[allow(clippy::expect_used)]
pub mod decoders;
mod durable;
mod error;
#[cfg(test)]
mod golden_tests;
mod kv;
mod open;
mod queue;
mod recovery;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use chain::accounts::{AccountChange, AccountState};
pub use chain::aggregated_operations::{AggregatedAction, AggregatedOperationRecord};
pub use chain::blocks::{BlockRecord, NewBlock, Quarantine};
pub use chain::genesis::GenesisRecord;
pub use chain::genesis_load::{GenesisAccount, GenesisEnd, GenesisLoad};
pub use chain::read_view::ReadView;
pub use chain::revert::RevertReport;
pub use chain::witnesses::{NewWitness, WitnessCommit, WitnessRecord};
pub use durable::blob_reader::BlobReader;
pub use durable::blob_writer::BlobWriter;
pub use durable::blobs::{BlobKind, BlobLabel, BlobRef, PreparedBlob};
pub use durable::folder_size::StoreBytes;
pub use durable::free_space::{ManualSpace, SpaceProbe, SpaceState, SystemSpace};
pub use error::StoreError;
pub use open::{FolderLock, StoreOptions, wait_until_closed};
pub use queue::claims::{ClaimedJob, HeartbeatOutcome, Preference};
pub use queue::job_data::{AddJob, JobData};
pub use queue::jobs::{JobCounts, JobRecord};
pub use queue::proofs::{KeptProof, NewProof, ProofRecord, PublishError};
pub use queue::rejected::{RejectedProof, RejectedRecord};
pub use queue::retention::DropReport;
pub use queue::standing::LeaseRecord;
pub use recovery::finding::{Finding, Severity};
pub use recovery::inspect::Inspection;
pub use recovery::replace::Replacement;
pub use recovery::salvage::{Published, Salvage, Source};

use crate::clock::Clock;
use crate::domain::job::LeasePolicy;
use crate::metrics::Metrics;

/// An open data folder.
pub struct Store {
    dir: PathBuf,
    kv: Arc<kv::records::Kv>,
    blobs: durable::blobs::Blobs,
    /// `None` in a folder that is only looked at.
    journal: Option<durable::journal::Journal>,
    committer: durable::group_commit::Committer,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    space: durable::free_space::Space,
    history: u32,
    policy: LeasePolicy,
    max_rejected: u32,
    chain: Mutex<()>,
    tree: Mutex<()>,
    queue: Mutex<queue::leases::Leases>,
    read_views: chain::read_view::ReadViews,
    /// `None` in a folder that is only looked at and has no such file.
    _lock: Option<File>,
}

/// What became of something that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// It is stored now.
    Stored,
    /// The same was stored before.
    AlreadyThere,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Store {
    /// The data folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The time now, in milliseconds since 1970, by the clock of the store.
    pub fn now_ms(&self) -> u64 {
        self.clock.wall_ms()
    }

    /// What is counted and timed in this run, by the store and by those who work with it.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// How much space is left, as of at most a second ago.
    pub fn space(&self) -> SpaceState {
        self.space.state(self.clock.monotonic_ms())
    }

    /// Whether there is space to begin something new: to be asked before that costs anything.
    ///
    /// # Errors
    /// [`StoreError::InsufficientStorage`].
    pub fn check_space(&self) -> Result<(), StoreError> {
        self.space().check()
    }

    /// Returns when everything that was written before this call is durable. Callers at the same time share one flush.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.committer.sync(&self.kv, &self.blobs, self.journal.as_ref(), &self.metrics)
    }

    /// Compresses a body and makes it durable. It has no owner yet: dropped, it is gone.
    pub fn prepare_blob(&self, label: BlobLabel, bytes: &[u8]) -> Result<PreparedBlob, StoreError> {
        self.blobs.keep(label, BlobWriter::compress(label.kind, bytes)?)
    }

    /// As [`Store::prepare_blob`], of what `write` writes: it is compressed at once and never there as a whole.
    pub fn write_blob(
        &self,
        label: BlobLabel,
        write: impl FnOnce(&mut BlobWriter) -> io::Result<()>,
    ) -> Result<PreparedBlob, StoreError> {
        let mut writer = self.begin_blob(label.kind)?;
        write(&mut writer).map_err(StoreError::io("compressing a body"))?;
        self.keep_blob(label, writer)
    }

    /// A body to be written piece by piece, and then kept.
    pub fn begin_blob(&self, kind: BlobKind) -> Result<BlobWriter, StoreError> {
        BlobWriter::new(kind, None).map_err(StoreError::io("compressing a body"))
    }

    /// Makes a body that was written durable. It has no owner yet: dropped, it is gone.
    pub fn keep_blob(&self, label: BlobLabel, writer: BlobWriter) -> Result<PreparedBlob, StoreError> {
        self.blobs.keep(label, writer.finish().map_err(StoreError::io("compressing a body"))?)
    }

    /// A whole body, checked against its hash.
    pub fn read_blob(&self, body: &BlobRef) -> Result<Vec<u8>, StoreError> {
        self.open_blob(body)?.bytes()
    }

    /// A body to pass on as it is stored, or to decompress while reading; its file is checked against its hash first.
    pub fn open_blob(&self, body: &BlobRef) -> Result<BlobReader, StoreError> {
        self.blobs.open_blob(body)
    }

    /// To be called by every operation that writes, before it takes its lock: after a failed write, starts from what is on
    /// disk, once there is space.
    fn ready(&self) -> Result<(), StoreError> {
        if !self.kv.is_broken() {
            return Ok(());
        }
        let _chain = self.lock_chain();
        let _tree = self.lock_tree();
        let mut leases = self.lock_queue();
        if self.kv.is_broken() {
            self.read_views.end();
            self.kv.reopen()?;
            self.committer.forget_unlinks();
            self.recover(&mut leases)?;
            self.settle_journal()?;
        }
        Ok(())
    }

    /// Before its transaction: an entry of the journal, which the transaction's end is to be told.
    fn journalled(
        &self,
        label: BlobLabel,
        body: &PreparedBlob,
    ) -> Result<Option<durable::journal::Pending<'_>>, StoreError> {
        self.journal.as_ref().map(|journal| journal.append(label, body.body())).transpose()
    }

    /// As [`Self::apply`], of a batch about which the journal has an entry.
    fn apply_journalled(
        &self,
        mut batch: kv::batch::Batch,
        entry: Option<durable::journal::Pending<'_>>,
    ) -> Result<(), StoreError> {
        let Some(entry) = entry else { return self.apply(batch) };
        entry.apply(|end| {
            batch.put(kv::batch::Table::Meta, kv::keys::meta::JOURNAL_END, &end)?;
            self.apply(batch)
        })
    }

    /// Finishes what was interrupted, and takes up the stored leases.
    fn recover(&self, leases: &mut queue::leases::Leases) -> Result<(), StoreError> {
        self.wipe_lost_genesis()?;
        chain::change_log::ACCOUNTS.apply_pending(&self.kv, &self.blobs)?;
        chain::change_log::TREE.apply_pending(&self.kv, &self.blobs)?;
        self.resume_revert(leases)?;
        self.load_leases(leases)
    }

    /// As [`Self::sync`], for what was applied while the index had that generation. Outside of the locks somebody may open the
    /// index anew meanwhile, and then it may be gone.
    fn sync_generation(&self, generation: u64) -> Result<(), StoreError> {
        self.sync()?;
        if self.kv.generation() == generation { Ok(()) } else { Err(StoreError::Interrupted) }
    }

    /// Does all writes of the batch or none; durable after the next sync.
    fn apply(&self, batch: kv::batch::Batch) -> Result<(), StoreError> {
        self.read_views.note(&batch);
        let released = self.kv.apply(batch)?;
        self.committer.unlink_later(released);
        Ok(())
    }

    /// Lets the n-th write from now on fail, counted from 1; gives how many were left to go until then. 0 is for none.
    #[cfg(test)]
    pub(crate) fn fail_write(&self, n: u64) -> u64 {
        self.kv.fault.swap(n, std::sync::atomic::Ordering::SeqCst)
    }

    /// Puts or removes an entry as it is, behind the back of everything; gives what was there.
    #[cfg(test)]
    pub(crate) fn tamper(&self, table: &str, key: &[u8], sealed: Option<&[u8]>) -> Option<Vec<u8>> {
        let table = *kv::batch::Table::ALL.iter().find(|known| known.name() == table).unwrap();
        self.kv.tamper(table, key, sealed)
    }

    fn lock_chain(&self) -> MutexGuard<'_, ()> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_tree(&self) -> MutexGuard<'_, ()> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value as an entry of the index.
#[cfg(test)]
pub(crate) fn sealed(value: &[u8]) -> Vec<u8> {
    kv::codec::seal_raw(value)
}
