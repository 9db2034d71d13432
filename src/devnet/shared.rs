//! What the parts of a running devnet share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::{oneshot, watch};

use super::accounts::DevAccount;
use super::admission::{Admission, SignatureQueue};
use super::control_error::ControlError;
use super::ledger::Ledger;
use super::options::DevnetOptions;
use super::proving::Proving;
use super::time::DevnetTime;
use super::tokens::Tokens;
use crate::domain::H256;
use crate::store::Store;
use crate::workers::Node;

/// Answers a command.
pub(super) type Reply<T> = oneshot::Sender<Result<T, ControlError>>;

/// A command to the producer.
pub(super) enum Command {
    /// Requests may have arrived.
    Work,
    /// Seal the pending block.
    Seal(Reply<Option<u32>>),
    /// Seal the pending block and empty ones, as many together.
    Mine(u32, Reply<u32>),
    /// Make blocks final, up to one or all.
    Finalize(Option<u32>, Reply<u32>),
    /// Remember the present state.
    Snapshot(Reply<u64>),
    /// Return to a snapshot.
    Revert(u64, Reply<()>),
    /// Return to the beginning.
    Reset(Reply<()>),
    /// Make the present state the beginning.
    Begin(Reply<()>),
    /// End; the service is stopped as well.
    Stop(oneshot::Sender<()>),
}

/// Numbers of the next requests, and the transactions that are being written.
#[derive(Debug, Default)]
pub(super) struct Intake {
    pub next_number: u64,
    pub next_batch_id: i64,
    pub next_serial_id: u64,
    /// Transactions that are not durable yet, with the generation of the kv at which each was written.
    pub in_flight: HashMap<H256, u64>,
}

/// The state that the parts of a running devnet share. Locks are taken in the order of the fields.
pub(super) struct Shared {
    pub options: DevnetOptions,
    pub tokens: Tokens,
    pub signatures: SignatureQueue,
    /// The funded accounts.
    pub accounts: Vec<DevAccount>,
    pub time: DevnetTime,
    /// The node; `None` while the devnet returns to an earlier state, and after its end. Whatever
    /// writes requests holds it for reading until they are durable and in the ledger.
    pub node: RwLock<Option<Arc<Node>>>,
    pub intake: Mutex<Intake>,
    pub ledger: RwLock<Ledger>,
    pub commands: Sender<Command>,
    /// True if `Command::Work` is on its way.
    pub work_pending: AtomicBool,
    /// Counts changes of the ledger.
    pub changes: watch::Sender<u64>,
    pub automine: AtomicBool,
    pub proving: Arc<Proving>,
    /// The reason why the devnet cannot continue, once there is one.
    pub failure: watch::Sender<Option<String>>,
}

impl Shared {
    pub(super) fn read<R>(&self, read: impl FnOnce(&Ledger) -> R) -> R {
        read(&self.ledger.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the ledger, then notifies the watchers.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Ledger) -> R) -> R {
        let result = change(&mut self.ledger.write().unwrap_or_else(PoisonError::into_inner));
        self.changes.send_modify(|count| *count += 1);
        result
    }

    pub(super) fn node(&self) -> RwLockReadGuard<'_, Option<Arc<Node>>> {
        self.node.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn node_mut(&self) -> RwLockWriteGuard<'_, Option<Arc<Node>>> {
        self.node.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn intake(&self) -> MutexGuard<'_, Intake> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a write with the store, which stays open meanwhile.
    pub(super) fn with_store<R>(&self, run: impl FnOnce(&Store) -> R) -> Option<R> {
        let node = self.node();
        node.as_ref().map(|node| run(node.store()))
    }

    /// Wakes the producer.
    pub(super) fn wake(&self) {
        if !self.work_pending.swap(true, Ordering::SeqCst) {
            // The producer has ended if this fails, and requests fail as well then.
            let _ = self.commands.send(Command::Work);
        }
    }

    /// Returns the checks of admission, at this time.
    pub(super) fn admission(&self) -> Admission<'_> {
        Admission {
            ledger: &self.ledger,
            tokens: &self.tokens,
            signatures: &self.signatures,
            largest_block: self.options.block_sizes.last().copied().unwrap_or(0),
            now: self.time.now(),
        }
    }
}
