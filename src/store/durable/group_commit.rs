//! Group commit: concurrent callers share one flush of kv and journal.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::metrics::Metrics;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::blobs::Blobs;
use crate::store::durable::journal::Journal;
use crate::store::error::StoreError;
use crate::store::kv::handle::Kv;

/// Lets one of the waiting callers flush for all of them.
#[derive(Debug, Default)]
pub(crate) struct Committer {
    flushes: Mutex<Flushes>,
    finished: Condvar,
}

#[derive(Debug, Default)]
struct Flushes {
    /// Number of flushes that have begun.
    begun: u64,
    /// Number of the last flush that succeeded.
    durable: u64,
    running: bool,
    /// Number of calls of `sync`.
    #[cfg(test)]
    waiting: u32,
    /// Blobs whose files are removed when the transaction that removed their owners is durable.
    unlink: Vec<BlobRef>,
}

impl Committer {
    /// Removes the files of these blobs after the next flush that begins from now on.
    pub(crate) fn unlink_later(&self, blobs: Vec<BlobRef>) {
        if !blobs.is_empty() {
            self.lock().unlink.extend(blobs);
        }
    }

    /// Keeps the files whose removal is due: the transactions that released them may be lost.
    pub(crate) fn forget_unlinks(&self) {
        self.lock().unlink.clear();
    }

    /// Returns when everything that was applied before this call is durable in both kv and journal,
    /// that is, after a flush that began later.
    pub(crate) fn sync(
        &self,
        kv: &Kv,
        blobs: &Blobs,
        journal: Option<&Journal>,
        metrics: &Metrics,
    ) -> Result<(), StoreError> {
        let mut flushes = self.lock();
        #[cfg(test)]
        {
            flushes.waiting += 1;
        }
        let wanted = flushes.begun + 1;
        while flushes.durable < wanted {
            if flushes.running {
                flushes = self.finished.wait(flushes).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // No flush is running: this caller runs one for all that wait now.
            flushes.running = true;
            flushes.begun += 1;
            let number = flushes.begun;
            let unlink = std::mem::take(&mut flushes.unlink);
            drop(flushes);
            let start = Instant::now();
            let result = flush(kv, journal);
            metrics.sync_seconds.observe(start.elapsed().as_secs_f64());
            if result.is_ok() {
                remove_files(blobs, &unlink);
            }
            flushes = self.lock();
            flushes.running = false;
            self.finished.notify_all();
            match result {
                Ok(()) => flushes.durable = number,
                // The files stay. The next start knows which of them have no owner, and removes
                // these.
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Flushes> {
        self.flushes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Syncs kv and journal at the same time.
fn flush(kv: &Kv, journal: Option<&Journal>) -> Result<(), StoreError> {
    let Some(journal) = journal else { return kv.flush() };
    let round = journal.begin_sync();
    let (synced, flushed) = journal.sync_while(&round, || kv.flush());
    // If the sync failed, it is unknown what is durable, as after a failed flush.
    synced.inspect_err(|_| kv.close_to_writes())?;
    flushed?;
    journal.acknowledge(&round);
    Ok(())
}

fn remove_files(blobs: &Blobs, unlink: &[BlobRef]) {
    unlink.iter().for_each(|blob| blobs.unlink(blob));
    if !unlink.is_empty()
        && let Err(error) = blobs.sync_folder()
    {
        tracing::warn!(%error, "cannot sync the folder of blobs");
    }
}

#[cfg(test)]
impl Committer {
    /// Returns the number of flushes that have begun.
    pub(crate) fn flushes(&self) -> u64 {
        self.lock().begun
    }

    /// Prevents flushes from beginning, as if one were running.
    pub(crate) fn hold(&self) {
        let mut flushes = self.lock();
        assert!(!flushes.running);
        flushes.running = true;
        flushes.waiting = 0;
    }

    /// Returns the number of callers that wait since the hold began.
    pub(crate) fn waiting(&self) -> u32 {
        self.lock().waiting
    }

    /// Ends the hold.
    pub(crate) fn release(&self) {
        self.lock().running = false;
        self.finished.notify_all();
    }
}
