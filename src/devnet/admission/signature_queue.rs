//! Signature checks of transactions that arrive together.

use std::mem;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::SignedZkSyncTx;
use crate::execution::VerifiedTx;

/// Transactions whose signatures are to be checked.
///
/// A signature alone leaves most lanes of the hash engine empty. So one thread at a time checks all
/// signatures that wait, and those that arrive meanwhile are checked together afterwards. Nothing
/// waits for others to arrive.
#[derive(Debug, Default)]
pub(in crate::devnet) struct SignatureQueue {
    waiting: Mutex<Vec<(SignedZkSyncTx, SyncSender<VerifiedTx>)>>,
    /// Held by the thread that checks.
    turn: Mutex<()>,
}

impl SignatureQueue {
    /// Checks the signatures of a transaction.
    pub(super) fn check(&self, tx: SignedZkSyncTx) -> VerifiedTx {
        let (sender, outcome) = sync_channel(1);
        lock(&self.waiting).push((tx.clone(), sender));
        let turn = lock(&self.turn);
        if let Ok(checked) = outcome.try_recv() {
            return checked;
        }
        let (txs, senders): (Vec<_>, Vec<_>) = mem::take(&mut *lock(&self.waiting)).into_iter().unzip();
        for (checked, sender) in VerifiedTx::all(txs).into_iter().zip(senders) {
            // A thread that has gone needs no outcome.
            let _ = sender.send(checked);
        }
        drop(turn);
        // Without an outcome, the thread that took this transaction has panicked.
        outcome.try_recv().unwrap_or_else(|_| VerifiedTx::new(tx))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::devnet::testing::{FEE, STRANGER, wallets};
    use crate::devnet::time::date;
    use crate::domain::{AccountId, ZkSyncTx};

    /// Transfers of three accounts; the signature of every fourth is that of another transfer.
    fn transfers() -> Vec<SignedZkSyncTx> {
        let transfer = |number: u32| {
            let wallet = &wallets()[number as usize % 3];
            let transfer = |nonce| wallet.transfer(AccountId(1), STRANGER, 1, FEE, nonce).0;
            let mut tx = transfer(number);
            if let (true, ZkSyncTx::Transfer(tx), ZkSyncTx::Transfer(other)) =
                (number.is_multiple_of(4), &mut tx, transfer(number + 1))
            {
                tx.signature = other.signature;
            }
            SignedZkSyncTx { tx, eth_sign_data: None, created_at: date(0) }
        };
        (1..=12).map(transfer).collect()
    }

    #[test]
    fn each_thread_gets_the_outcome_of_its_transaction() {
        let queue = SignatureQueue::default();
        let turn = queue.turn.lock().unwrap();
        thread::scope(|scope| {
            let threads: Vec<_> =
                transfers().into_iter().map(|tx| (tx.clone(), scope.spawn(|| queue.check(tx)))).collect();
            while queue.waiting.lock().unwrap().len() < threads.len() {
                thread::yield_now();
            }
            drop(turn);
            for (tx, thread) in threads {
                let (checked, alone) = (thread.join().unwrap(), VerifiedTx::new(tx));
                assert_eq!((checked.hash(), checked.signer()), (alone.hash(), alone.signer()));
            }
        });
        assert!(queue.waiting.lock().unwrap().is_empty());
    }
}
