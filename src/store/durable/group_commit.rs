//! Group commit: many writers wait for one flush.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use crate::metrics::Metrics;
use crate::store::durable::blobs::{BlobRef, Blobs};
use crate::store::durable::journal::Journal;
use crate::store::error::StoreError;
use crate::store::kv::records::Kv;

/// Lets one waiter flush for all that wait.
#[derive(Debug, Default)]
pub(crate) struct Committer {
    rounds: Mutex<Rounds>,
    finished: Condvar,
}

#[derive(Debug, Default)]
struct Rounds {
    /// Flushes begun.
    begun: u64,
    /// The last flush that ended well.
    durable: u64,
    running: bool,
    /// Calls of `sync` so far.
    #[cfg(test)]
    waiting: u32,
    /// Body files that go once the transaction that removed their owner is durable.
    unlink: Vec<BlobRef>,
}

impl Committer {
    /// Body files to unlink after the next flush that begins from now on.
    pub fn unlink_later(&self, blobs: Vec<BlobRef>) {
        if !blobs.is_empty() {
            self.lock().unlink.extend(blobs);
        }
    }

    /// The transactions that released these files may not have reached the disk.
    pub fn forget_unlinks(&self) {
        self.lock().unlink.clear();
    }

    /// Returns when everything applied before this call is on disk, in the index and in the journal: after a flush of both that
    /// began after it.
    pub fn sync(
        &self,
        kv: &Kv,
        blobs: &Blobs,
        journal: Option<&Journal>,
        metrics: &Metrics,
    ) -> Result<(), StoreError> {
        let mut rounds = self.lock();
        #[cfg(test)]
        {
            rounds.waiting += 1;
        }
        let wanted = rounds.begun + 1;
        while rounds.durable < wanted {
            if rounds.running {
                rounds = self.finished.wait(rounds).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // Nobody is flushing: do it, for all who came until now.
            rounds.running = true;
            rounds.begun += 1;
            let round = rounds.begun;
            let unlink = std::mem::take(&mut rounds.unlink);
            drop(rounds);
            let start = Instant::now();
            let result = flush(kv, journal);
            metrics.sync_seconds.observe(start.elapsed().as_secs_f64());
            if result.is_ok() {
                remove_files(blobs, &unlink);
            }
            rounds = self.lock();
            rounds.running = false;
            self.finished.notify_all();
            match result {
                Ok(()) => rounds.durable = round,
                // The files stay: whether their owners are gone is known at the next start, which sweeps.
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Rounds> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Syncs index and journal at once: one after the other it would take twice as long.
fn flush(kv: &Kv, journal: Option<&Journal>) -> Result<(), StoreError> {
    let Some(journal) = journal else { return kv.flush() };
    let round = journal.begin_sync();
    let sync = || journal.sync(&round);
    let (synced, flushed) = std::thread::scope(|scope| {
        if round.is_empty() {
            return (Ok(()), kv.flush());
        }
        match std::thread::Builder::new().spawn_scoped(scope, sync) {
            Ok(thread) => {
                let flushed = kv.flush();
                (thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), flushed)
            }
            // No thread to be had: it takes longer.
            Err(_) => (sync(), kv.flush()),
        }
    });
    // A failed one leaves it open what is on disk, as a failed flush does.
    synced.inspect_err(|_| kv.close_to_writes())?;
    flushed?;
    journal.acknowledge(&round);
    Ok(())
}

fn remove_files(blobs: &Blobs, unlink: &[BlobRef]) {
    unlink.iter().for_each(|body| blobs.unlink(body));
    if !unlink.is_empty()
        && let Err(error) = blobs.sync_folder()
    {
        tracing::warn!(%error, "cannot sync the folder of bodies");
    }
}

#[cfg(test)]
impl Committer {
    /// Flushes begun so far.
    pub fn flushes(&self) -> u64 {
        self.lock().begun
    }

    /// Lets no flush begin, as if one were under way.
    pub fn hold(&self) {
        let mut rounds = self.lock();
        assert!(!rounds.running);
        (rounds.running, rounds.waiting) = (true, 0);
    }

    /// How many came to wait since then.
    pub fn waiting(&self) -> u32 {
        self.lock().waiting
    }

    /// Ends the hold.
    pub fn release(&self) {
        self.lock().running = false;
        self.finished.notify_all();
    }
}
