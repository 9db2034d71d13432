//! Group commit: many writers wait for one flush.

use std::sync::{Condvar, Mutex, PoisonError};

use super::body::{Bodies, BodyRef};
use super::db::Db;
use super::error::StoreError;

/// Lets one waiter flush for all that wait.
#[derive(Debug, Default)]
pub(super) struct Committer {
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
    unlink: Vec<BodyRef>,
}

impl Committer {
    /// Body files to unlink after the next flush that begins from now on.
    pub fn unlink_later(&self, bodies: Vec<BodyRef>) {
        if !bodies.is_empty() {
            self.lock().unlink.extend(bodies);
        }
    }

    /// The transactions that released these files may not have reached the disk.
    pub fn forget_unlinks(&self) {
        self.lock().unlink.clear();
    }

    /// Returns when everything applied before this call is on disk: after a flush that began after it.
    pub fn sync(&self, db: &Db, bodies: &Bodies) -> Result<(), StoreError> {
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
            let result = db.flush();
            if result.is_ok() {
                remove_files(bodies, &unlink);
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

fn remove_files(bodies: &Bodies, unlink: &[BodyRef]) {
    for path in unlink.iter().filter_map(|body| bodies.path(body)) {
        if let Err(error) = std::fs::remove_file(&path) {
            // It has no owner any more: the next start sweeps it.
            tracing::warn!(%error, file = %path.display(), "cannot remove a body file");
        }
    }
    if !unlink.is_empty()
        && let Err(error) = bodies.sync_folder()
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
