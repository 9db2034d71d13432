//! The pending block: requests are executed on it, and what it executed is remembered so that a
//! restart executes the same.

use std::slice;
use std::time::Instant;

use chrono::{DateTime, Utc};

use super::inbox::{self, Miniblock};
use super::ledger::{Request, WaitingRequest};
use crate::domain::{AccountUpdates, ExecutedOperations, ImportedBlock};
use crate::execution::{Executor, Outcome, PriorityOpError, SealError};
use crate::workers::CheckedSignatures;

/// The outcome of a request.
pub(super) struct Executed {
    /// Number of the request.
    pub number: u64,
    /// Outcomes of its transactions, or of the priority operation.
    pub outcomes: Vec<ExecutedOperations>,
    /// Account updates in order.
    pub updates: AccountUpdates,
}

/// A sealed block.
pub(super) struct Sealed {
    pub block: ImportedBlock,
    /// The signatures of its transactions.
    pub checked: CheckedSignatures,
    /// Keys of the inbox to remove once the block is stored.
    pub keys: Vec<Vec<u8>>,
}

/// The pending block with its book-keeping.
pub(super) struct Filler {
    executor: Executor,
    /// Keys of the requests of the pending block, and of its miniblocks.
    requests: Vec<Vec<u8>>,
    keys: Vec<Vec<u8>>,
    /// Signatures of its transactions, which were checked on admission.
    checked: CheckedSignatures,
    /// Time of the first successful operation.
    first_success: Option<Instant>,
}

impl Filler {
    /// Starts with the pending block of an executor, which is empty.
    pub(super) fn new(executor: Executor) -> Self {
        Self {
            executor,
            requests: Vec::new(),
            keys: Vec::new(),
            checked: CheckedSignatures::new(),
            first_success: None,
        }
    }

    pub(super) fn executor(&self) -> &Executor {
        &self.executor
    }

    /// Returns the number of the pending block.
    pub(super) fn block(&self) -> u32 {
        self.executor.pending().number().0
    }

    /// Returns the time of the first successful operation; `None` without one.
    pub(super) fn first_success(&self) -> Option<Instant> {
        self.first_success
    }

    /// Sets the time of the pending block if it has no successful operation; returns the time that
    /// it has.
    pub(super) fn set_time(&mut self, seconds: u64) -> u64 {
        self.executor.set_time(seconds);
        self.executor.pending().timestamp()
    }

    /// Executes a request; returns `None` if it does not fit the pending block.
    ///
    /// # Errors
    /// If it is a priority operation that should not have been accepted.
    pub(super) fn execute(
        &mut self,
        request: &WaitingRequest,
        at: DateTime<Utc>,
    ) -> Result<Option<Executed>, PriorityOpError> {
        let pending = self.executor.pending();
        let operations = pending.operations().len();
        let failed = pending.failed().len();
        let updates = pending.updates().len();
        let outcome = match &request.request {
            Request::Tx(tx) => self.executor.execute_tx(tx, at),
            Request::Batch { id, txs, .. } => self.executor.execute_batch(txs, *id, at),
            Request::Priority(op, _) => self.executor.execute_priority_op(op, at)?,
        };
        if outcome == Outcome::BlockFull {
            return Ok(None);
        }
        let pending = self.executor.pending();
        if outcome == Outcome::Succeeded {
            self.first_success.get_or_insert_with(Instant::now);
            let txs = match &request.request {
                Request::Tx(tx) => slice::from_ref(&**tx),
                Request::Batch { txs, .. } => txs,
                Request::Priority(..) => &[],
            };
            self.checked.extend(txs.iter().filter_map(|tx| Some((tx.hash()?, tx.version()))));
        }
        let new = [&pending.operations()[operations..], &pending.failed()[failed..]];
        Ok(Some(Executed {
            number: request.number,
            outcomes: new.concat(),
            updates: pending.updates()[updates..].to_vec(),
        }))
    }

    /// Describes executed requests as the next miniblock; returns its key.
    pub(super) fn describe<'a>(
        &self,
        requests: impl Iterator<Item = &'a WaitingRequest>,
        at_ms: u64,
    ) -> (Vec<u8>, Miniblock) {
        let mut miniblock = Miniblock {
            timestamp: self.executor.pending().timestamp(),
            at_ms,
            requests: Vec::new(),
            serial_ids: Vec::new(),
        };
        for request in requests {
            miniblock.requests.push(request.number);
            miniblock.serial_ids.extend(serial_id(&request.request));
        }
        (inbox::miniblock_key(self.block(), self.keys.len() as u32), miniblock)
    }

    /// Adds a miniblock that is durable.
    pub(super) fn add(&mut self, key: Vec<u8>, miniblock: &Miniblock) {
        self.keys.push(key);
        self.requests.extend(keys_of(miniblock));
    }

    /// Seals the pending block and starts the next one.
    pub(super) fn seal(&mut self) -> Result<Sealed, SealError> {
        let block = self.executor.seal()?;
        self.first_success = None;
        // The miniblocks come last: without its miniblock, a request that a crash brings back would
        // be executed again.
        let mut keys = std::mem::take(&mut self.requests);
        keys.append(&mut self.keys);
        Ok(Sealed { block, checked: std::mem::take(&mut self.checked), keys })
    }
}

/// Returns the keys of the requests of a miniblock.
pub(super) fn keys_of(miniblock: &Miniblock) -> impl Iterator<Item = Vec<u8>> {
    let requests = miniblock.requests.iter().map(|number| inbox::request_key(*number));
    requests.chain(miniblock.serial_ids.iter().map(|serial_id| inbox::priority_op_key(*serial_id)))
}

fn serial_id(request: &Request) -> Option<u64> {
    match request {
        Request::Priority(op, _) => Some(op.serial_id),
        _ => None,
    }
}
