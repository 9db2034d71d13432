//! Executes transactions, batches and priority operations on the pending block.

use super::failure::Failure;
use super::kinds;
use super::options::{ExecutorOptions, Head};
use super::pending::PendingBlock;
use super::priority::PriorityOpError;
use super::recorder::{self, Recorder};
use super::state::State;
use super::verified::VerifiedTx;
use crate::domain::{AccountId, GasCounter, PriorityOp, TokenId, ZkSyncOp, ZkSyncTx, to_u128};
use chrono::{DateTime, Utc};
use std::collections::HashSet;

/// The reason why an executor cannot work with its options.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExecutorError {
    /// There is no block size, or the sizes do not ascend.
    #[error("block sizes {0:?} are not an ascending list of numbers of chunks")]
    BlockSizes(Vec<usize>),
    /// The fee account does not exist.
    #[error("the fee account {0} does not exist")]
    NoFeeAccount(AccountId),
}

/// The outcome of a transaction, a batch or a priority operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is at the end of [`PendingBlock::operations`]; a batch with all its transactions.
    Succeeded,
    /// It is at the end of [`PendingBlock::failed`] with this reason; a batch with all its
    /// transactions. The state is unchanged.
    Failed(String),
    /// It does not fit the pending block, and nothing has changed. It fits after a seal.
    BlockFull,
}

/// The reason why the pending block does not get an operation.
enum Refusal {
    Failed(Failure),
    /// The block would exceed its gas limits.
    Gas,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A state with a pending block on top of a sealed one.
#[derive(Clone, Debug)]
pub(crate) struct Executor {
    pub(super) state: State,
    pub(super) options: ExecutorOptions,
    pub(super) pending: PendingBlock,
    pub(super) largest_block: usize,
}

impl Executor {
    /// Starts the block after `head`, whose state is `state`.
    ///
    /// # Errors
    /// [`ExecutorError`] if the options are wrong.
    pub(crate) fn new(state: State, head: Head, options: ExecutorOptions) -> Result<Self, ExecutorError> {
        let sizes = &options.block_sizes;
        let Some(&largest_block) = sizes.last().filter(|_| sizes[0] > 0 && sizes.is_sorted_by(|a, b| a < b))
        else {
            return Err(ExecutorError::BlockSizes(options.block_sizes));
        };
        if state.account(options.fee_account).is_none() {
            return Err(ExecutorError::NoFeeAccount(options.fee_account));
        }
        let pending = PendingBlock::new(head, largest_block);
        Ok(Self { state, options, pending, largest_block })
    }

    /// Returns the state after all operations of the pending block. Its fees are not yet paid.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Returns the state. The pending block is lost.
    #[cfg(test)]
    pub(crate) fn into_state(self) -> State {
        self.state
    }

    /// Returns the pending block.
    pub(crate) fn pending(&self) -> &PendingBlock {
        &self.pending
    }

    /// Sets the time of the pending block if it has no operation: to `now` (Unix seconds), or to
    /// the time of the previous block if that is later.
    pub(crate) fn set_time(&mut self, now: u64) {
        self.pending.set_time(now);
    }

    /// Executes a transaction. `at` is the time of execution that the block shows.
    pub(crate) fn execute_tx(&mut self, tx: &VerifiedTx, at: DateTime<Utc>) -> Outcome {
        let chunks = self.chunks_needed(std::slice::from_ref(tx));
        if chunks > self.largest_block {
            return self.fail(std::slice::from_ref(tx), Failure::BatchChunks.to_string(), None, at);
        }
        if chunks > self.pending.chunks_left() {
            return Outcome::BlockFull;
        }
        if matches!(tx.tx(), ZkSyncTx::Withdraw(withdraw) if withdraw.fast) {
            self.pending.is_fast = true;
        }
        let mut gas = self.pending.gas;
        match self.try_tx(tx, &mut gas) {
            Ok(op) => {
                self.pending.add_tx(tx.signed(), op, None, at);
                Outcome::Succeeded
            }
            Err(Refusal::Failed(failure)) => {
                self.fail(std::slice::from_ref(tx), failure.to_string(), None, at)
            }
            Err(Refusal::Gas) => Outcome::BlockFull,
        }
    }

    /// Executes transactions that succeed or fail together (docs/protocol/07-execution.md §6).
    /// `id` is a positive integer that no other batch of the chain has.
    pub(crate) fn execute_batch(&mut self, txs: &[VerifiedTx], id: i64, at: DateTime<Utc>) -> Outcome {
        let chunks = self.chunks_needed(txs);
        if chunks > self.largest_block {
            return self.fail(txs, Failure::BatchChunks.to_string(), Some(id), at);
        }
        if chunks > self.pending.chunks_left() {
            return Outcome::BlockFull;
        }
        let before = (self.pending.updates.len(), self.pending.fees().len());
        let reason = match self.try_batch(txs, self.pending.gas) {
            Ok(ops) => {
                for (tx, op) in txs.iter().zip(ops) {
                    self.pending.add_tx(tx.signed(), op, Some(id), at);
                }
                return Outcome::Succeeded;
            }
            Err((index, Refusal::Failed(failure))) => {
                let number = index + 1;
                format!("Batch execution failed, since tx #{number} of batch failed with a reason: {failure}")
            }
            Err((_, Refusal::Gas)) => {
                self.undo(before);
                let in_empty_block = self.try_batch(txs, GasCounter::default());
                self.undo(before);
                if !matches!(in_empty_block, Err((_, Refusal::Gas))) {
                    return Outcome::BlockFull;
                }
                Failure::BatchGas.to_string()
            }
        };
        self.undo(before);
        self.fail(txs, reason, Some(id), at)
    }

    /// Executes a priority operation; it succeeds or does not fit.
    ///
    /// # Errors
    /// [`PriorityOpError`] for one that the contract would have refused.
    pub(crate) fn execute_priority_op(
        &mut self,
        op: &PriorityOp,
        at: DateTime<Utc>,
    ) -> Result<Outcome, PriorityOpError> {
        let expected = self.pending.next_priority_op();
        if op.serial_id != expected {
            return Err(PriorityOpError::OutOfOrder { expected, got: op.serial_id });
        }
        let created = kinds::create_priority(&op.data, &self.state)?;
        let needed = created.chunks();
        if needed > self.largest_block {
            return Err(PriorityOpError::TooLarge { needed, largest: self.largest_block });
        }
        if needed > self.pending.chunks_left() {
            return Ok(Outcome::BlockFull);
        }
        let mut gas = self.pending.gas;
        let start = self.pending.updates.len();
        match self.try_op(&created, &mut gas) {
            Ok(()) => {
                for (id, _) in &self.pending.updates[start..] {
                    self.state.forget_default(*id);
                }
                self.pending.add_priority_op(op, created, at);
                Ok(Outcome::Succeeded)
            }
            Err(Refusal::Gas) => Ok(Outcome::BlockFull),
            Err(Refusal::Failed(_)) => Err(PriorityOpError::Overflow),
        }
    }

    /// Returns the number of chunks that transactions take together. A recipient that is new counts
    /// as known after the first transfer to it.
    fn chunks_needed(&self, txs: &[VerifiedTx]) -> usize {
        let mut created = HashSet::new();
        let chunks = |tx: &VerifiedTx| {
            kinds::chunks_needed(tx.tx(), |transfer| {
                self.state.account_by_address(&transfer.to).is_some() || !created.insert(transfer.to)
            })
        };
        txs.iter().map(chunks).sum()
    }

    /// Executes a batch without adding it to the block. Returns the operations, or the index of the
    /// transaction that is refused; what precedes it must then be undone.
    fn try_batch(
        &mut self,
        txs: &[VerifiedTx],
        mut gas: GasCounter,
    ) -> Result<Vec<ZkSyncOp>, (usize, Refusal)> {
        let step = |(index, tx)| self.try_tx(tx, &mut gas).map_err(|refusal| (index, refusal));
        txs.iter().enumerate().map(step).collect()
    }

    /// Executes a transaction without adding it to the block. A refused one changes nothing.
    fn try_tx(&mut self, tx: &VerifiedTx, gas: &mut GasCounter) -> Result<ZkSyncOp, Refusal> {
        let range = tx.tx().time_range();
        if !(range.valid_from..=range.valid_until).contains(&self.pending.timestamp()) {
            return Err(Failure::Timestamp.into());
        }
        let op = kinds::create(tx, &self.state)?;
        self.try_op(&op, gas)?;
        Ok(op)
    }

    fn try_op(&mut self, op: &ZkSyncOp, gas: &mut GasCounter) -> Result<(), Refusal> {
        let with_op = gas.with(op);
        if !with_op.fits() {
            return Err(Refusal::Gas);
        }
        let before = (self.pending.updates.len(), self.pending.fees().len());
        let applied = kinds::apply(op, &mut Recorder::new(&mut self.state, &mut self.pending.updates));
        if let Err(failure) = applied.and_then(|()| self.collect_fee(op, before.0)) {
            self.undo(before);
            return Err(failure.into());
        }
        *gas = with_op;
        Ok(())
    }

    /// Adds the fee of an applied operation, whose updates start at index `start`. Keeps the fee
    /// account's balances and fees together within 128 bits, so that sealing cannot fail.
    fn collect_fee(&mut self, op: &ZkSyncOp, start: usize) -> Result<(), Failure> {
        let fee_account = self.options.fee_account;
        let mut tokens: Vec<TokenId> = Vec::new();
        if let Some((token, fee)) = op.fee() {
            let fee = to_u128(fee).map_err(|_| Failure::NotEnoughBalance)?;
            if !self.pending.add_fee(token, fee) {
                return Err(Failure::BalanceOverflow);
            }
            tokens.push(token);
        }
        let credited = self.pending.updates[start..].iter().filter(|(id, _)| *id == fee_account);
        tokens.extend(credited.filter_map(|(_, update)| update.token()));
        let fits = |token: TokenId| {
            self.state.balance(fee_account, token).checked_add(self.pending.fee_sum(token)).is_some()
        };
        if tokens.into_iter().all(fits) { Ok(()) } else { Err(Failure::BalanceOverflow) }
    }

    /// Undoes the updates and removes the fees after the given numbers of both.
    fn undo(&mut self, (updates, fees): (usize, usize)) {
        recorder::undo(&mut self.state, &mut self.pending.updates, updates);
        self.pending.truncate_fees(fees);
    }

    fn fail(&mut self, txs: &[VerifiedTx], reason: String, batch: Option<i64>, at: DateTime<Utc>) -> Outcome {
        for tx in txs {
            self.pending.add_failed(tx.signed(), &reason, batch, at);
        }
        Outcome::Failed(reason)
    }
}
