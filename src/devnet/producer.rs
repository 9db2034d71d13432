//! The producer: one thread that executes waiting requests, seals blocks, and runs the commands
//! that exclude these.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tracing::{error, warn};

use super::arrangement::in_order;
use super::control_error::ControlError;
use super::filler::{Filler, Sealed};
use super::host::Host;
use super::inbox;
use super::layer_one;
use super::ledger::WaitingRequest;
use super::options::Finality;
use super::shared::{Command, Shared};
use super::time::date;
use crate::backoff::Backoff;
use crate::domain::ImportedBlock;
use crate::execution::PriorityOpError;
use crate::store::{InboxRecord, Store, StoreError};
use crate::workers::{CheckedSignatures, ImportError, Imported, Node};

/// Largest number of requests that are executed together.
const MAX_TOGETHER: usize = 400;
/// Interval of checks for new proofs, while blocks wait for them.
const PROOF_INTERVAL: Duration = Duration::from_millis(50);
/// Interval of checks for requests whose time has not come.
const HELD_BACK_INTERVAL: Duration = Duration::from_millis(200);
/// Delay before a failed write is repeated.
const WRITE_BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

/// The reason why the producer cannot continue.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fatal {
    /// The devnet stops while a write fails.
    #[error("the devnet stopped while the data folder could not be written")]
    Stopped,
    /// The store failed for good.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A block does not fit the chain.
    #[error("block {block} was not accepted: {reason}")]
    Block { block: u32, reason: String },
    /// A priority operation does not fit the chain.
    #[error(transparent)]
    PriorityOp(#[from] PriorityOpError),
    /// A request needs more room than the largest block has.
    #[error("request {0} does not fit an empty block")]
    TooLarge(u64),
    /// The state after a return to an earlier one cannot be rebuilt.
    #[error("the earlier state cannot be rebuilt: {0}")]
    Return(String),
}

/// A state to return to.
pub(super) struct Snapshot {
    pub(super) id: u64,
    /// The last block.
    pub(super) block: u32,
    /// The whole inbox.
    pub(super) records: Vec<InboxRecord>,
}

/// The producer.
pub(super) struct Producer {
    pub(super) shared: Arc<Shared>,
    pub(super) filler: Filler,
    pub(super) host: Host,
    /// The block that a reset returns to.
    pub(super) base: u32,
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) next_snapshot: u64,
    /// True if a block waits for its proof.
    pub(super) waits_for_proofs: bool,
}

impl Producer {
    /// Runs until a stop is requested or the devnet fails.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        let mut stop = None;
        while stop.is_none() {
            let command = commands.recv_timeout(self.pause());
            let result = match command {
                Ok(Command::Stop(reply)) => {
                    stop = Some(reply);
                    break;
                }
                Ok(command) => self.obey(command),
                Err(RecvTimeoutError::Timeout) => self.tick(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if let Err(fatal) = result {
                error!(error = %fatal, "the devnet cannot continue");
                self.shared.failure.send_replace(Some(fatal.to_string()));
                break;
            }
        }
        *self.shared.node_mut() = None;
        self.host.stop();
        // After a failure, later commands are refused because nothing receives them.
        if let Some(reply) = stop {
            let _ = reply.send(());
        }
    }

    /// Returns the time until there is something to do without a command.
    fn pause(&self) -> Duration {
        let seal = self
            .filler
            .first_success()
            .map(|since| self.shared.options.block_time.saturating_sub(since.elapsed()));
        let proofs = self.waits_for_proofs.then_some(PROOF_INTERVAL);
        let held_back = self.shared.read(|ledger| ledger.waiting().iter().next().is_some());
        let held_back = held_back.then_some(HELD_BACK_INTERVAL);
        [seal, proofs, held_back].into_iter().flatten().min().unwrap_or(Duration::from_secs(3600))
    }

    fn obey(&mut self, command: Command) -> Result<(), Fatal> {
        match command {
            // A stop ends the loop before.
            Command::Stop(_) => {}
            Command::Work => {
                self.shared.work_pending.store(false, Ordering::SeqCst);
                return self.tick();
            }
            Command::Seal(reply) => {
                self.fill()?;
                let sealed = if self.has_operations() { Some(self.seal()?) } else { None };
                self.layer_one();
                let _ = reply.send(Ok(sealed));
            }
            Command::Mine(count, reply) => {
                self.fill()?;
                let mut last = self.filler.block() - 1;
                for _ in 0..count {
                    self.filler.set_time(self.shared.time.now_ms() / 1000);
                    last = self.seal()?;
                }
                self.layer_one();
                let _ = reply.send(Ok(last));
            }
            Command::Finalize(up_to, reply) => {
                let _ = reply.send(self.finalize(up_to));
            }
            Command::Snapshot(reply) => {
                let _ = reply.send(self.snapshot());
            }
            Command::Revert(id, reply) => {
                let done = self.revert(id)?;
                let _ = reply.send(done);
            }
            Command::Begin(reply) => {
                self.fill()?;
                if self.has_operations() {
                    self.seal()?;
                }
                self.base = self.filler.block() - 1;
                let record = inbox::record(inbox::base_key(), &self.base)?;
                self.write(|store| store.put_in_inbox_durably(&record))?;
                let _ = reply.send(Ok(()));
            }
            Command::Reset(reply) => {
                let done = self.reset()?;
                let _ = reply.send(done);
            }
        }
        self.tick()
    }

    /// Executes waiting requests, seals the block if it is time, and does the work of layer 1.
    fn tick(&mut self) -> Result<(), Fatal> {
        self.fill()?;
        let due = |since: Instant| since.elapsed() >= self.shared.options.block_time;
        if self.filler.first_success().is_some_and(due) {
            self.seal()?;
        }
        self.layer_one();
        Ok(())
    }

    pub(super) fn has_operations(&self) -> bool {
        !self.filler.executor().pending().operations().is_empty()
    }

    /// Executes everything that waits at this moment and may be executed now, and seals full
    /// blocks. Requests that arrive meanwhile are left for the next call, so that this one ends
    /// under any load.
    fn fill(&mut self) -> Result<(), Fatal> {
        let Some(last) = self.shared.read(|ledger| ledger.waiting().last_number()) else {
            return Ok(());
        };
        loop {
            let now_ms = self.shared.time.now_ms();
            let timestamp = self.filler.set_time(now_ms / 1000);
            let candidates: Vec<WaitingRequest> = self.shared.read(|ledger| {
                let waiting = ledger.waiting().iter().take_while(|request| request.number <= last);
                let ready = waiting.filter(|request| request.valid_from() <= timestamp);
                ready.take(MAX_TOGETHER).cloned().collect()
            });
            if candidates.is_empty() {
                return Ok(());
            }
            let candidates = in_order(candidates);
            let mut executed = Vec::with_capacity(candidates.len());
            for request in &candidates {
                match self.filler.execute(request, date(now_ms))? {
                    Some(outcome) => executed.push(outcome),
                    None => break,
                }
            }
            let is_full = executed.len() < candidates.len();
            if is_full && executed.is_empty() && !self.has_operations() {
                return Err(Fatal::TooLarge(candidates.first().map_or(0, |request| request.number)));
            }
            if !executed.is_empty() {
                let (key, miniblock) = self.filler.describe(candidates.iter().take(executed.len()), now_ms);
                let record = inbox::record(key.clone(), &miniblock)?;
                self.write(|store| store.put_in_inbox_durably(&record))?;
                self.filler.add(key, &miniblock);
                self.shared.change(|ledger| {
                    for outcome in &executed {
                        ledger.execute(outcome.number, &outcome.outcomes, &outcome.updates);
                    }
                });
            }
            let pending = self.filler.executor().pending();
            let is_full = is_full || pending.chunks_left() == 0;
            let at_once = pending.is_fast() || self.shared.automine.load(Ordering::SeqCst);
            if self.has_operations() && (is_full || at_once) {
                self.seal()?;
            }
        }
    }

    /// Seals the pending block; returns its number.
    fn seal(&mut self) -> Result<u32, Fatal> {
        let number = self.filler.block();
        let refused = |reason: String| Fatal::Block { block: number, reason };
        let Sealed { block, checked, keys } =
            self.filler.seal().map_err(|error| refused(error.to_string()))?;
        let imported_at_ms = self.import(&block, &checked)?;
        // After a failure, the next start removes the rest.
        if let Some(Err(error)) = self.shared.with_store(|store| store.remove_from_inbox(&keys)) {
            warn!(%error, "the requests of a sealed block stay in the inbox");
        }
        self.shared.change(|ledger| ledger.seal(&block, date(imported_at_ms)));
        Ok(number)
    }

    /// Imports a block; returns the time of its import.
    fn import(&self, block: &ImportedBlock, checked: &CheckedSignatures) -> Result<u64, Fatal> {
        let number = block.block.block_number.0;
        let refused = |reason: String| Fatal::Block { block: number, reason };
        self.retry(|node| match node.import_checked_block(block, checked) {
            Ok(Imported::Quarantined(reason)) => Err(refused(reason)),
            Ok(Imported::Stored | Imported::AlreadyThere) => {
                Ok(node.store().chain().block(number)?.map_or(0, |block| block.imported_at_ms))
            }
            Err(ImportError::Store(error)) => Err(error.into()),
            Err(error) => Err(refused(error.to_string())),
        })
    }

    /// Writes to the store; repeats the write while it fails for a reason that may pass.
    pub(super) fn write<T>(&self, write: impl Fn(&Store) -> Result<T, StoreError>) -> Result<T, Fatal> {
        self.retry(|node| Ok(write(node.store())?))
    }

    fn retry<T>(&self, run: impl Fn(&Node) -> Result<T, Fatal>) -> Result<T, Fatal> {
        for attempt in 1.. {
            let result = self.shared.node().as_deref().map(&run);
            match result {
                None => break,
                Some(Err(Fatal::Store(error))) if is_temporary(&error) => {
                    if attempt == 1 {
                        warn!(%error, "a write failed and is repeated; the devnet waits for it");
                    }
                    if self.host.is_stopping() {
                        break;
                    }
                    std::thread::sleep(WRITE_BACKOFF.delay(attempt));
                }
                Some(result) => return result,
            }
        }
        Err(Fatal::Stopped)
    }

    /// Records the operations of layer 1 that are due.
    fn layer_one(&mut self) {
        let finality = self.shared.options.finality;
        let last_final = self.shared.node().as_deref().and_then(|node| layer_one::round(node, finality));
        self.note_final(last_final.unwrap_or(0));
    }

    fn note_final(&mut self, last: u32) {
        let (known, sealed) = self.shared.read(|ledger| (ledger.last_final(), ledger.last_sealed()));
        if last > known {
            let now = date(self.shared.time.now_ms());
            self.shared.change(|ledger| ledger.finalize(last, now));
        }
        self.waits_for_proofs = self.shared.options.finality == Finality::Proof && last < sealed;
    }

    fn finalize(&mut self, up_to: Option<u32>) -> Result<u32, ControlError> {
        if self.shared.options.finality != Finality::Manual {
            return Err(ControlError::Invalid(
                "blocks become final by themselves; start the devnet with --finality manual".to_owned(),
            ));
        }
        let sealed = self.shared.read(super::ledger::Ledger::last_sealed);
        let last = up_to.unwrap_or(sealed);
        if last > sealed {
            return Err(ControlError::NotFound(format!(
                "block {last} is not sealed yet; the last one is {sealed}"
            )));
        }
        let failed = |error: &dyn std::fmt::Display| ControlError::Failed(error.to_string());
        let last_final = match self.shared.node().as_deref() {
            None => return Err(ControlError::Unavailable("the devnet stops".to_owned())),
            Some(node) => {
                layer_one::execute(node, last).map_err(|error| failed(&error))?;
                node.store().chain().last_verified_block().map_err(|error| failed(&error))?
            }
        };
        self.note_final(last_final);
        Ok(last_final)
    }
}

/// Returns true if the same write may succeed later.
fn is_temporary(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::DiskFull
            | StoreError::InsufficientStorage { .. }
            | StoreError::Interrupted
            | StoreError::Closed { .. }
            | StoreError::Moved { .. }
            | StoreError::Io { .. }
            | StoreError::Kv(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_opens_again_is_waited_for() {
        let closed = StoreError::Closed { cause: String::new() };
        let moved = StoreError::Moved { dir: "data".into(), what: String::new() };
        assert!([closed, moved].iter().all(is_temporary));
        assert!(!is_temporary(&StoreError::TooLarge { what: String::new() }));
    }
}
