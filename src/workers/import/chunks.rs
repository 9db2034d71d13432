//! The chunks in which the accounts of a state are hashed and written.
//!
//! A chunk is some whole [parts](crate::tree::build), by ascending id. One thread hashes a chunk, on
//! all cores, while another writes the previous chunk and from time to time marks its progress in
//! the store.

use std::sync::mpsc::Receiver;
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

/// Writes chunks until the sender is gone.
pub(super) fn write(
    pace: &Pace,
    load: &mut GenesisLoad<'_>,
    chunks: Receiver<Chunk>,
    mut done: usize,
    progress: &dyn Fn(usize),
) -> Result<(), ImportError> {
    let mut marked: Option<Instant> = None;
    for chunk in chunks {
        done += chunk.accounts.len();
        let accounts = chunk
            .accounts
            .into_iter()
            .map(|account| (account.id, AccountState::from(account.header), account.balances));
        load.add(accounts, chunk.tree)?;
        // The first chunk is always marked, so that even short runs make progress.
        if marked.is_none_or(|marked| marked.elapsed() >= pace.mark_interval) {
            load.mark(chunk.done)?;
            debug!(accounts = done, "part of the genesis is on disk");
            marked = Some(Instant::now());
        }
        progress(done);
    }
    Ok(())
}
