//! The running system without its servers: a store, its worker threads, and what may be asked of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tracing::{error, info};

use super::chain::Chain;
use super::import::{self, ImportError, Imported};
use super::maintainer;
use super::options::NodeOptions;
use super::provers::Provers;
use super::updater::Updater;
use super::verifier::Verifier;
use super::wakeup::Wakeup;
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};

/// See the module. Dropping a node without [`stop`](Self::stop) leaves its threads to the end of the process.
pub struct Node {
    store: Arc<Store>,
    wakeup: Arc<Wakeup>,
    options: NodeOptions,
    /// One import at a time: each is checked against the state the one before left.
    importing: Mutex<()>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    failed: Arc<AtomicBool>,
    provers: Provers,
}

impl Node {
    /// A node whose workers do not run yet.
    pub fn new(store: Arc<Store>, options: NodeOptions) -> Arc<Self> {
        Arc::new(Self {
            store,
            wakeup: Arc::new(Wakeup::default()),
            options,
            importing: Mutex::new(()),
            threads: Mutex::new(Vec::new()),
            failed: Arc::new(AtomicBool::new(false)),
            provers: Provers::default(),
        })
    }

    /// Starts maintainers and updater.
    ///
    /// # Errors
    /// When the store cannot be read or a thread cannot be made.
    pub fn start(&self) -> Result<(), StoreError> {
        self.start_maintainers(u32::MAX)?;
        let mut updater = Updater::new(self.store.clone(), &self.options);
        let (wakeup, interval) = (self.wakeup.clone(), self.options.interval);
        self.spawn("updater", move || updater.run(&wakeup, interval))
    }

    /// Starts the maintainers alone, for the blocks up to `until`.
    ///
    /// # Errors
    /// When the store cannot be read or a thread cannot be made.
    pub fn start_maintainers(&self, until: u32) -> Result<(), StoreError> {
        let last_verified = self.store.chain().last_verified_block()?;
        info!(last_verified, "maintainers start after the last verified block");
        let shared = Arc::new(maintainer::Shared {
            store: self.store.clone(),
            chain: Chain::open(&self.store, self.wakeup.clone(), &self.options.metrics)?,
            metrics: self.options.metrics.clone(),
            wakeup: self.wakeup.clone(),
            interval: self.options.interval,
            until,
            last_verified,
        });
        let step = self.options.witness_generators.max(1);
        for offset in 0..step {
            let shared = shared.clone();
            self.spawn("prover_server_pool", move || maintainer::run(&shared, offset, step))?;
        }
        Ok(())
    }

    /// Runs a worker; one that panics marks the node as failed and stops the others, so that the process ends visibly.
    fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
        let (failed, wakeup) = (self.failed.clone(), self.wakeup.clone());
        let guarded = move || {
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
                error!("a worker thread died; the server stops");
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

    /// Tells the workers to stop and waits for them.
    pub fn stop(&self) {
        self.wakeup.stop();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A panic was caught and reported inside the thread.
            let _ = thread.join();
        }
    }

    /// Whether a worker died.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// The store.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Returns the counters and timers of this run.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.options.metrics
    }

    /// Returns the time in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.options.clock.wall_ms()
    }

    /// The provers seen in this run.
    pub fn provers(&self) -> &Provers {
        &self.provers
    }

    /// Lets a block be tried again that is quarantined or whose job was dropped, and wakes the workers. Whether it was one.
    ///
    /// # Errors
    /// When there is no such block, or the store fails.
    pub fn retry(&self, block: u32) -> Result<bool, StoreError> {
        let retried = self.store.queue().retry(block)?;
        self.wakeup.notify();
        Ok(retried)
    }

    /// What published proofs are verified by.
    pub fn verifier(&self) -> Option<&Arc<Verifier>> {
        self.options.verifier.as_ref()
    }

    /// Wakes the workers.
    pub fn wake(&self) {
        self.wakeup.notify();
    }

    /// The wake-up call, to wait for changes.
    pub fn wakeup(&self) -> &Wakeup {
        &self.wakeup
    }

    /// How many provers are wanted: as many as jobs are open, at least the configured floor.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn needed_provers(&self) -> Result<u64, StoreError> {
        Ok(self.store.queue().pending_jobs()?.max(self.options.idle_provers))
    }

    /// Imports the genesis and wakes the workers.
    ///
    /// # Errors
    /// See [`import::genesis`].
    pub fn import_genesis(
        &self,
        body: &[u8],
        progress: &dyn Fn(usize, usize),
    ) -> Result<Imported, ImportError> {
        let _one = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        self.announce("genesis", || import::genesis(&self.store, body, progress))
    }

    /// Imports the next block and wakes the workers.
    ///
    /// # Errors
    /// See [`import::block`].
    pub fn import_block(&self, body: &[u8]) -> Result<(u32, Imported), ImportError> {
        // A large genesis may be under way for long: the answer must not wait for its end.
        if self.store.chain().genesis()?.is_none() {
            return Err(ImportError::NoGenesis);
        }
        let _one = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        self.announce("block", || import::block(&self.store, body))
    }

    /// Imports an aggregated operation and wakes the workers.
    ///
    /// # Errors
    /// See [`import::aggregated_operation`].
    pub fn import_aggregated_operation(&self, body: &[u8]) -> Result<Imported, ImportError> {
        let _one = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        self.announce("aggregated_operation", || import::aggregated_operation(&self.store, body))
    }

    fn announce<T: Outcome>(
        &self,
        kind: &'static str,
        import: impl FnOnce() -> Result<T, ImportError>,
    ) -> Result<T, ImportError> {
        let start = Instant::now();
        let outcome = import();
        let metrics = self.metrics();
        metrics.import_seconds.observe(kind, start.elapsed());
        let word = match &outcome {
            Ok(imported) => imported.word(),
            Err(ImportError::Store(
                StoreError::OutOfOrder { .. } | StoreError::Different { .. } | StoreError::Conflict { .. },
            )) => "refused",
            Err(ImportError::Store(_) | ImportError::Tree(_)) => "failed",
            Err(_) => "refused",
        };
        metrics.imports.add(word, 1);
        if outcome.is_ok() {
            self.wakeup.notify();
        }
        outcome
    }
}

/// What an import came to, in a word of the metrics.
trait Outcome {
    fn word(&self) -> &'static str;
}

impl Outcome for Imported {
    fn word(&self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::AlreadyThere => "already_there",
            Self::Quarantined(_) => "quarantined",
        }
    }
}

impl Outcome for (u32, Imported) {
    fn word(&self) -> &'static str {
        self.1.word()
    }
}
