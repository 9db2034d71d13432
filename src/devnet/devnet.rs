//! The running devnet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::accounts::DevAccount;
use super::control_error::ControlError;
use super::fees::{Fee, FeeType};
use super::ledger::Ledger;
use super::proving::Provers;
use super::requests::{
    DepositRequest, EthSignatures, FastProcessing, FullExitRequest, PriorityOpReceipt, Toggle2Fa,
};
use super::shared::{Command, Reply, Shared};
use super::submit_error::SubmitError;
use super::time::LAST_SECOND;
use super::tokens::{Token, TokenLike, Tokens};
use crate::domain::{Address, H256, Nonce, PubKeyHash, TxEthSignature, ZkSyncTx};
use crate::workers::Node;

/// Longest wait of a submission for its block, with automine.
const AUTOMINE_WAIT: Duration = Duration::from_secs(5);
/// Largest number of blocks of one [`Devnet::mine`].
const MAX_MINED: u32 = 1000;
/// Interval at which [`Devnet::failed`] checks the server.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);

/// A running devnet; clones are the same one.
#[derive(Clone)]
pub(crate) struct Devnet {
    pub(super) shared: Arc<Shared>,
    pub(super) stopping: Arc<AtomicBool>,
    pub(super) provers: Arc<std::sync::Mutex<Option<Provers>>>,
}

impl Devnet {
    /// Checks a transaction and stores it; returns its hash once it is durable, with automine once
    /// it is in a block.
    pub(crate) async fn submit(
        &self,
        tx: ZkSyncTx,
        signatures: EthSignatures,
        fast: FastProcessing,
    ) -> Result<H256, SubmitError> {
        let hash = self.submitting(move |shared| shared.submit(tx, &signatures, fast)).await?;
        self.wait_for_block(&[hash]).await;
        Ok(hash)
    }

    /// Checks a batch and stores it, as [`submit`](Self::submit) does; returns the hashes of its
    /// transactions in order, and the hash of the batch.
    pub(crate) async fn submit_batch(
        &self,
        txs: Vec<(ZkSyncTx, EthSignatures)>,
        signatures: Vec<TxEthSignature>,
    ) -> Result<(Vec<H256>, H256), SubmitError> {
        let accepted = self.submitting(move |shared| shared.submit_batch(txs, &signatures)).await?;
        self.wait_for_block(&accepted.0).await;
        Ok(accepted)
    }

    /// Switches two-factor authentication of an account.
    pub(crate) async fn toggle_2fa(&self, request: Toggle2Fa) -> Result<(), SubmitError> {
        self.submitting(move |shared| shared.toggle_2fa(&request)).await
    }

    /// Requests a deposit on layer 1.
    pub(crate) async fn deposit(&self, request: DepositRequest) -> Result<PriorityOpReceipt, ControlError> {
        let receipt = self.controlling(move |shared| shared.deposit(&request)).await?;
        self.wait_for_block(&[receipt.tx_hash]).await;
        Ok(receipt)
    }

    /// Requests a full exit on layer 1.
    pub(crate) async fn full_exit(
        &self,
        request: FullExitRequest,
    ) -> Result<PriorityOpReceipt, ControlError> {
        let receipt = self.controlling(move |shared| shared.full_exit(&request)).await?;
        self.wait_for_block(&[receipt.tx_hash]).await;
        Ok(receipt)
    }

    /// Authorises a new signing key on layer 1.
    pub(crate) async fn authorize(
        &self,
        account: Address,
        nonce: Nonce,
        key: PubKeyHash,
    ) -> Result<(), ControlError> {
        self.controlling(move |shared| shared.authorise(account, nonce, key)).await
    }

    /// Seals the pending block; returns its number, or `None` if it has no operation.
    pub(crate) async fn seal_now(&self) -> Result<Option<u32>, ControlError> {
        self.command(Command::Seal).await
    }

    /// Makes sealed blocks final, up to a block or all; returns the last final block.
    pub(crate) async fn finalize(&self, up_to: Option<u32>) -> Result<u32, ControlError> {
        self.command(|reply| Command::Finalize(up_to, reply)).await
    }

    /// Seals the pending block and empty blocks after it, `count` together; returns the last block.
    pub(crate) async fn mine(&self, count: u32) -> Result<u32, ControlError> {
        if !(1..=MAX_MINED).contains(&count) {
            return Err(ControlError::Invalid(format!("1 to {MAX_MINED} blocks are mined at once")));
        }
        self.command(|reply| Command::Mine(count, reply)).await
    }

    /// Remembers the present state; returns the id of the snapshot.
    pub(crate) async fn snapshot(&self) -> Result<u64, ControlError> {
        self.command(Command::Snapshot).await
    }

    /// Returns to a snapshot; later snapshots are forgotten.
    pub(crate) async fn revert(&self, snapshot: u64) -> Result<(), ControlError> {
        self.command(|reply| Command::Revert(snapshot, reply)).await
    }

    /// Returns to the beginning, with an empty mempool.
    pub(crate) async fn reset(&self) -> Result<(), ControlError> {
        self.command(Command::Reset).await
    }

    /// Makes the present state the beginning, to which a reset returns.
    pub(super) async fn begin_here(&self) -> Result<(), ControlError> {
        self.command(Command::Begin).await
    }

    /// Returns the present time of the devnet, in Unix milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        self.shared.time.now_ms()
    }

    /// Sets the time, in Unix seconds; it runs on from there. Timestamps of blocks never decrease.
    pub(crate) async fn set_time(&self, seconds: u64) -> Result<(), ControlError> {
        if seconds > LAST_SECOND {
            return Err(ControlError::Invalid(format!("the time is at most {LAST_SECOND}")));
        }
        self.controlling(move |shared| shared.set_time_offset(shared.time.offset_to(seconds * 1000))).await
    }

    /// Advances the time by seconds.
    pub(crate) async fn advance_time(&self, seconds: u64) -> Result<(), ControlError> {
        self.set_time((self.now_ms() / 1000).saturating_add(seconds)).await
    }

    /// Returns true if each request is sealed at once.
    pub(crate) fn automine(&self) -> bool {
        self.shared.automine.load(Ordering::SeqCst)
    }

    /// Switches automine.
    pub(crate) fn set_automine(&self, on: bool) {
        self.shared.automine.store(on, Ordering::SeqCst);
        self.shared.wake();
    }

    /// Makes the next `count` proofs of the sample provers fail.
    pub(crate) fn fail_proofs(&self, count: u32) {
        self.shared.proving.fail_next(count);
    }

    /// Returns the blocks that no sample prover proves.
    pub(crate) fn held_blocks(&self) -> Vec<u32> {
        self.shared.proving.held()
    }

    /// Holds a block back from the sample provers, or releases it.
    pub(crate) fn hold_block(&self, block: u32, held: bool) {
        self.shared.proving.hold(block, held);
    }

    /// Returns the funded accounts.
    pub(crate) fn accounts(&self) -> &[DevAccount] {
        &self.shared.accounts
    }

    /// Returns the tokens.
    pub(crate) fn tokens(&self) -> &Tokens {
        &self.shared.tokens
    }

    /// Returns the fee of a transaction to a recipient.
    ///
    /// # Errors
    /// [`SubmitError::FeeToken`] if the token does not exist or is not for fees.
    pub(crate) fn fee(&self, kind: FeeType, to: &Address, token: &TokenLike) -> Result<Fee, SubmitError> {
        let token = self.fee_token(token)?;
        let kind = kind.resolved(self.read(|ledger| ledger.committed().by_address(to).is_some()));
        Ok(Fee::of(token, kind.chunks(), Some(kind)))
    }

    /// Returns the fee of a batch, for kinds with their recipients.
    ///
    /// # Errors
    /// [`SubmitError::FeeToken`] if the token does not exist or is not for fees.
    pub(crate) fn batch_fee(
        &self,
        txs: &[(FeeType, Address)],
        token: &TokenLike,
    ) -> Result<Fee, SubmitError> {
        let token = self.fee_token(token)?;
        let chunks = self.read(|ledger| {
            let exists = |to: &Address| ledger.committed().by_address(to).is_some();
            txs.iter().map(|(kind, to)| kind.resolved(exists(to)).chunks()).sum()
        });
        Ok(Fee::of(token, chunks, None))
    }

    fn fee_token(&self, token: &TokenLike) -> Result<&Token, SubmitError> {
        let token = self.tokens().find(token).filter(|token| token.enabled_for_fees);
        token.ok_or(SubmitError::FeeToken)
    }

    /// Reads the ledger, which does not change meanwhile. `read` must be quick and must not wait.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&Ledger) -> R) -> R {
        self.shared.read(read)
    }

    /// Returns a receiver that is notified after each change of the ledger.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Returns the node; `None` after the end. It must not be kept.
    pub(crate) fn node(&self) -> Option<Arc<Node>> {
        self.shared.node().clone()
    }

    /// Waits until the devnet cannot continue; returns the reason.
    pub(crate) async fn failed(&self) -> String {
        let mut failure = self.shared.failure.subscribe();
        loop {
            if let Some(reason) = failure.borrow_and_update().clone() {
                return reason;
            }
            if self.shared.node().as_ref().is_some_and(|node| node.has_failed()) {
                return "a worker of the server panicked; see its log".to_owned();
            }
            // The sender lives as long as `self`.
            let _ = tokio::time::timeout(WATCH_INTERVAL, failure.changed()).await;
        }
    }

    /// Stops provers, producer and server. Everything that was acknowledged is on disk.
    pub(crate) async fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.shared.proving.stop();
        let provers = self.provers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(provers) = provers {
            provers.stop().await;
        }
        let (reply, stopped) = oneshot::channel();
        if self.shared.commands.send(Command::Stop(reply)).is_ok() {
            let _ = stopped.await;
        }
    }

    /// Runs a submission on a thread that may wait for the disk.
    async fn submitting<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Shared) -> Result<T, SubmitError> + Send + 'static,
    ) -> Result<T, SubmitError> {
        let shared = self.shared.clone();
        let done = tokio::task::spawn_blocking(move || run(&shared)).await;
        done.unwrap_or_else(|error| Err(SubmitError::Unavailable(error.to_string())))
    }

    /// Runs a request of layer 1 or a test control on a thread that may wait for the disk.
    async fn controlling<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Shared) -> Result<T, ControlError> + Send + 'static,
    ) -> Result<T, ControlError> {
        let shared = self.shared.clone();
        let done = tokio::task::spawn_blocking(move || run(&shared)).await;
        done.unwrap_or_else(|error| Err(ControlError::Failed(error.to_string())))
    }

    /// Sends a command to the producer and waits for its answer.
    async fn command<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, ControlError> {
        let stopped = || ControlError::Unavailable("the devnet has stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        self.shared.commands.send(command(reply)).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// With automine, waits until these requests are in a sealed block or have failed.
    async fn wait_for_block(&self, hashes: &[H256]) {
        if !self.automine() {
            return;
        }
        let is_done = |ledger: &Ledger| {
            hashes.iter().all(|hash| {
                // One that failed may wait once more, and still has the record of its failure.
                if ledger.waiting().contains(hash) {
                    return false;
                }
                let block = ledger.tx(hash).and_then(|tx| tx.block.map(|block| (block, tx.op.is_some())));
                block.is_some_and(|(block, success)| !success || block <= ledger.last_sealed())
            })
        };
        let mut changes = self.changes();
        let waits = async { while !self.read(is_done) && changes.changed().await.is_ok() {} };
        // A request whose time has not come is not executed now.
        let _ = tokio::time::timeout(AUTOMINE_WAIT, waits).await;
    }
}
