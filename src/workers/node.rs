//! All workers of a data folder: started and stopped together, with the imports and requests that
//! wake them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tracing::{error, info};

use super::hash_pool;
use super::hasher;
use super::import::{self, ImportError, NextPage, StateStart};
use super::link_status::LinkStatus;
use super::maintainer;
use super::options::NodeOptions;
use super::reverted_proofs;
use super::taken_over::{self, TakenOver};
use super::tree_versions::TreeVersions;
use super::updater::Updater;
use super::verifier::Verifier;
use super::wakeup::Wakeup;
use super::witness_line::WitnessLine;
use crate::config::Share;
use crate::domain::job::JobType;
use crate::domain::{AggregatedOperation, ImportedBlock};
use crate::metrics::Metrics;
use crate::store::{AggregatedOperationRecord, DurableKind, Imported, RevertReport, Store, StoreError};
use crate::witness::CheckedSignatures;

/// A store with its worker threads. If it is dropped without [`stop`](Self::stop), the threads run
/// until the process ends.
pub struct Node {
    store: Arc<Store>,
    wakeup: Arc<Wakeup>,
    options: NodeOptions,
    /// Held during an import: each import is checked against the state after the previous one.
    importing: Mutex<()>,
    /// The workers that were started, to start them again after a pause.
    started: Mutex<Started>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    failed: Arc<AtomicBool>,
    link: LinkStatus,
}

/// The workers of a node that were started.
#[derive(Clone, Copy, Debug, Default)]
struct Started {
    /// The last block that the maintainers build.
    maintainers_until: Option<u32>,
    updater: bool,
}

impl Node {
    /// Creates a node; its workers do not run yet.
    pub fn new(store: Arc<Store>, options: NodeOptions) -> Arc<Self> {
        Arc::new(Self {
            store,
            wakeup: Arc::new(Wakeup::default()),
            options,
            importing: Mutex::new(()),
            started: Mutex::default(),
            threads: Mutex::new(Vec::new()),
            failed: Arc::new(AtomicBool::new(false)),
            link: LinkStatus::default(),
        })
    }

    /// Starts the maintainers and the updater. If a thread cannot be made, none is left running.
    pub fn start(&self) -> Result<(), StoreError> {
        self.start_all().inspect_err(|_| self.stop())
    }

    fn start_all(&self) -> Result<(), StoreError> {
        self.start_maintainers(u32::MAX)?;
        self.start_updater()
    }

    fn start_updater(&self) -> Result<(), StoreError> {
        self.started().updater = true;
        let mut updater = Updater::new(self.store.clone(), &self.options);
        let wakeup = self.wakeup.clone();
        let interval = self.options.interval;
        self.spawn("updater", move || updater.run(&wakeup, interval))
    }

    /// Starts only the maintainers, for the blocks up to `until`.
    pub fn start_maintainers(&self, until: u32) -> Result<(), StoreError> {
        hash_pool::start()?;
        self.started().maintainers_until = Some(until);
        let last_verified = self.store.chain().last_verified_block()?;
        info!(last_verified, "maintainers start after the last verified block");
        let line = Arc::new(WitnessLine {
            store: self.store.clone(),
            versions: TreeVersions::open(&self.store, self.wakeup.clone(), &self.options.metrics)?,
            metrics: self.options.metrics.clone(),
            wakeup: self.wakeup.clone(),
            interval: self.options.interval,
            until,
            last_verified,
            share: self.options.share,
        });
        let is_background = self.options.witnesses_in_background;
        if is_background {
            hash_pool::lower_priority_of_witnesses();
        }
        let spawn = |name: &str, run: fn(&WitnessLine)| {
            let line = line.clone();
            self.spawn(name, move || {
                if is_background {
                    hash_pool::lower_priority();
                }
                run(&line);
            })
        };
        spawn("hasher", hasher::run)?;
        (0..self.options.witness_generators.max(1))
            .try_for_each(|_| spawn("prover_server_pool", maintainer::run))
    }

    /// Starts a worker thread. If it panics, the node counts as failed and the other workers stop,
    /// so that the process ends visibly.
    pub(super) fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
        let failed = self.failed.clone();
        let wakeup = self.wakeup.clone();
        let guarded = move || {
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
                error!("a worker thread panicked; the server stops");
                failed.store(true, Ordering::SeqCst);
                wakeup.stop();
            }
        };
        let thread = std::thread::Builder::new().name(name.to_string()).spawn(guarded);
        let thread =
            thread.map_err(|source| StoreError::Io { what: "starting a worker thread".into(), source })?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    fn started(&self) -> MutexGuard<'_, Started> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the workers, makes a change that they must not see halfway, and starts them again.
    pub(super) fn with_workers_paused<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.wakeup.pause();
        self.join();
        let changed = change();
        self.wakeup.resume();
        if let Err(error) = self.start_again() {
            error!(%error, "the workers cannot start again; the server stops");
            self.failed.store(true, Ordering::SeqCst);
            self.wakeup.stop();
            return changed.and(Err(error.into()));
        }
        self.wakeup.notify();
        changed
    }

    /// Starts the workers that were started before.
    fn start_again(&self) -> Result<(), StoreError> {
        let Started { maintainers_until, updater } = *self.started();
        if let Some(until) = maintainers_until {
            self.start_maintainers(until)?;
        }
        if updater { self.start_updater() } else { Ok(()) }
    }

    /// Reverts to the state after block `to`, for the given reason: jobs of later blocks end, and
    /// their proofs are kept among the rejected ones. Prover requests wait meanwhile.
    ///
    /// # Errors
    /// Those of [`Store::revert`]. A block that cannot be reverted to changes nothing; after another
    /// error the revert may have begun, and the next one or the next start completes it.
    pub(crate) fn revert(&self, to: u32, reason: &str) -> Result<RevertReport, StoreError> {
        let _one = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        self.store.check_revert(to)?;
        self.with_workers_paused(|| {
            for kind in [DurableKind::SingleProof, DurableKind::AggregatedProof] {
                reverted_proofs::keep_as_rejected(&self.store, kind, to, reason)?;
            }
            self.store.revert(to)
        })
    }

    /// Stops the workers and waits for them.
    pub fn stop(&self) {
        self.wakeup.stop();
        self.join();
    }

    fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A panic was caught and logged inside the thread.
            let _ = thread.join();
        }
    }

    /// Returns true if a worker thread has panicked.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Returns true if every worker thread that was started lives; the workers may also be paused, or
    /// stopping.
    pub(super) fn workers_live(&self) -> bool {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = threads.iter().any(JoinHandle::is_finished);
        !self.has_failed() && (!ended || self.wakeup.is_halting())
    }

    /// Returns the store.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Returns the metrics of the node.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.options.metrics
    }

    /// Returns the time in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.options.clock.wall_ms()
    }

    /// Retries a block that is quarantined or whose job was dropped, and wakes the workers; returns
    /// false if the block is neither.
    pub fn retry(&self, block: u32) -> Result<bool, StoreError> {
        let retried = self.store.queue().retry(block)?;
        self.wakeup.notify();
        Ok(retried)
    }

    /// Returns the verifier of published proofs.
    pub fn verifier(&self) -> Option<&Arc<Verifier>> {
        self.options.verifier.as_ref()
    }

    /// Wakes the workers after a change.
    pub fn wake(&self) {
        self.wakeup.notify();
    }

    /// Returns the wakeup, to wait for changes.
    pub fn wakeup(&self) -> &Wakeup {
        &self.wakeup
    }

    /// Returns the number of provers for a scaler: the number of open jobs, at least the configured
    /// floor.
    pub fn needed_provers(&self) -> Result<u64, StoreError> {
        Ok(self.store.queue().pending_jobs()?.max(self.options.idle_provers))
    }

    /// Imports the genesis and wakes the workers.
    pub fn import_genesis(
        &self,
        body: &[u8],
        progress: &dyn Fn(usize, usize),
    ) -> Result<Imported, ImportError> {
        self.store.ready()?;
        let _one = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        self.measured("genesis", || import::genesis(&self.store, body, progress), |imported| imported)
    }

    /// Imports the next block and wakes the workers; returns its number and the outcome.
    pub fn import_block(&self, body: &[u8]) -> Result<(u32, Imported), ImportError> {
        // If a failed write left the block stored but unacknowledged, it can only be acknowledged
        // once the store is open again.
        self.store.ready()?;
        // Checked before the lock: the import of a large genesis may hold it for many minutes.
        if self.store.chain().genesis()?.is_none() {
            return Err(ImportError::NoGenesis);
        }
        let _one = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        self.measured("block", || import::block(&self.store, body), |(_, imported)| imported)
    }

    /// Imports the state after a block, with which an empty folder begins. The workers are paused
    /// meanwhile.
    pub(crate) fn import_state(
        &self,
        start: &StateStart,
        pages: &mut NextPage<'_>,
        progress: &dyn Fn(usize, usize),
    ) -> Result<(), ImportError> {
        let _one = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        self.with_workers_paused(|| {
            let import = || import::state(&self.store, start, pages, progress).map(|()| Imported::Stored);
            self.measured("genesis", import, |imported| imported).map(drop)
        })
    }

    /// Imports the next block, which is parsed already, like [`import_block`](Self::import_block).
    pub(crate) fn import_parsed_block(&self, block: &ImportedBlock) -> Result<Imported, ImportError> {
        self.import_checked_block(block, &CheckedSignatures::new())
    }

    /// Imports the next block like [`import_parsed_block`](Self::import_parsed_block), without
    /// another check of signatures that were checked already.
    pub(crate) fn import_checked_block(
        &self,
        block: &ImportedBlock,
        checked: &CheckedSignatures,
    ) -> Result<Imported, ImportError> {
        let _one = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        let import = || import::parsed_block(&self.store, block, checked).map(|(_, imported)| imported);
        self.measured("block", import, |imported| imported)
    }

    /// Takes over a proof that another server published, and wakes the workers.
    pub(crate) fn take_over_proof(
        &self,
        job_type: JobType,
        blocks: (u32, u32),
        json: &[u8],
    ) -> Result<TakenOver, StoreError> {
        let taken = taken_over::take_over(
            &self.store,
            self.options.verifier.as_deref(),
            job_type,
            blocks,
            json,
            self.now_ms(),
        );
        self.wakeup.notify();
        taken
    }

    /// Returns the share of the blocks for which jobs are made.
    pub(crate) fn share(&self) -> Share {
        self.options.share
    }

    /// Returns the state of the link to a node; its phase is `None` without one.
    pub(crate) fn link(&self) -> &LinkStatus {
        &self.link
    }

    /// Imports an aggregated operation and wakes the workers.
    pub fn import_aggregated_operation(&self, body: &[u8]) -> Result<Imported, ImportError> {
        self.store.ready()?;
        let _one = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        self.measured(
            "aggregated_operation",
            || import::aggregated_operation(&self.store, body),
            |imported| imported,
        )
    }

    /// Imports an aggregated operation, which is parsed already, and wakes the workers.
    pub(crate) fn import_parsed_operation(
        &self,
        operation: &AggregatedOperation,
    ) -> Result<Imported, ImportError> {
        let _one = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        let import = || import::store_operation(&self.store, operation);
        self.measured("aggregated_operation", import, |imported| imported)
    }

    /// Removes aggregated operations that the node has removed.
    pub(crate) fn forget_operations(
        &self,
        operations: &[AggregatedOperationRecord],
    ) -> Result<(), StoreError> {
        let _one = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        // The last one first: what a kill leaves has no gap, and is removed in the next session.
        operations.iter().rev().try_for_each(|one| self.store.chain().remove_aggregated_operation(one))
    }

    /// Runs an import, records its duration and outcome, and wakes the workers if it succeeded.
    /// `outcome` extracts the outcome from its result.
    fn measured<T>(
        &self,
        kind: &'static str,
        import: impl FnOnce() -> Result<T, ImportError>,
        outcome: impl FnOnce(&T) -> &Imported,
    ) -> Result<T, ImportError> {
        let start = Instant::now();
        let result = import();
        let metrics = self.metrics();
        metrics.import_seconds.observe(kind, start.elapsed());
        let label = match result.as_ref().map(outcome) {
            Ok(Imported::Stored) => "stored",
            Ok(Imported::AlreadyThere) => "already_there",
            Ok(Imported::Quarantined(_)) => "quarantined",
            Err(ImportError::Store(
                StoreError::OutOfOrder { .. } | StoreError::Different { .. } | StoreError::Conflict { .. },
            )) => "refused",
            Err(ImportError::Store(_) | ImportError::Tree(_)) => "failed",
            Err(_) => "refused",
        };
        metrics.imports.add(label, 1);
        if result.is_ok() {
            self.wakeup.notify();
        }
        result
    }
}
