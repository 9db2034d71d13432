//! The chunks in which the accounts of a state are hashed and written.
//!
//! A chunk is some whole [parts](crate::tree::build), by ascending id. Each chunk is hashed, on all
//! cores, while the previous one is written, and from time to time the progress is marked in the
//! store.

use std::time::{Duration, Instant};

use tracing::debug;

use super::error::ImportError;
use crate::store::{AccountState, GenesisLoad};
use crate::tree::build::{InitialAccount, Records};

/// The division of an import into chunks, which does not affect its result.
pub(super) struct Pace {
    /// Least number of accounts in a chunk, for each core.
    pub accounts_per_core: usize,
    /// Interval of the marks. An interruption costs about this much work.
    pub mark_interval: Duration,
}

/// A thousand accounts fill every lane of a core on each level, and take about a second.
pub(super) const PACE: Pace = Pace { accounts_per_core: 1024, mark_interval: Duration::from_millis(200) };

/// Hashed accounts.
pub(super) struct Chunk {
    pub accounts: Vec<InitialAccount>,
    pub tree: Records,
    /// All accounts with smaller ids are in this chunk or an earlier one.
    pub done: u32,
}

/// Writes chunks and marks them.
pub(super) struct ChunkWriter<'a, 'load> {
    load: &'a mut GenesisLoad<'load>,
    mark_interval: Duration,
    marked: Option<Instant>,
    /// Number of accounts in the store.
    done: usize,
}

impl<'a, 'load> ChunkWriter<'a, 'load> {
    /// Returns a writer of the chunks after the first `done` accounts.
    pub(super) fn new(pace: &Pace, load: &'a mut GenesisLoad<'load>, done: usize) -> Self {
        Self { load, mark_interval: pace.mark_interval, marked: None, done }
    }

    /// Hashes the inputs that `next` returns, until it returns `None`, and writes their chunks.
    /// `hash` returns `None` for accounts that are in the store. `progress` receives the number of
    /// completed accounts.
    ///
    /// This thread waits for inputs and writes. The threads of the pool only hash, one chunk at a
    /// time: a task that waited there for this thread would hold up everything else that is hashed
    /// in this process. They exist already, while the system may refuse a new thread.
    pub(super) fn write_all<T: Send>(
        mut self,
        mut next: impl FnMut() -> Result<Option<T>, ImportError>,
        mut hash: impl FnMut(T) -> Result<Option<Chunk>, ImportError> + Send,
        progress: &dyn Fn(usize),
    ) -> Result<(), ImportError> {
        let mut chunk = None;
        while let Some(input) = next().transpose() {
            let mut hashed = Ok(None);
            let written = rayon::in_place_scope(|scope| {
                scope.spawn(|_| hashed = input.and_then(&mut hash));
                self.write(chunk.take(), progress)
            });
            // An error of the input comes after what was hashed before.
            written?;
            chunk = hashed?;
        }
        self.write(chunk, progress)
    }

    fn write(&mut self, chunk: Option<Chunk>, progress: &dyn Fn(usize)) -> Result<(), ImportError> {
        let Some(chunk) = chunk else { return Ok(()) };
        self.done += chunk.accounts.len();
        let accounts = chunk
            .accounts
            .into_iter()
            .map(|account| (account.id, AccountState::from(account.header), account.balances));
        self.load.add(accounts, chunk.tree)?;
        // The first chunk is always marked, so that even short runs make progress.
        if self.marked.is_none_or(|marked| marked.elapsed() >= self.mark_interval) {
            self.load.mark(chunk.done)?;
            debug!(accounts = self.done, "part of the genesis is on disk");
            self.marked = Some(Instant::now());
        }
        progress(self.done);
        Ok(())
    }
}
