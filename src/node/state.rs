//! The state with which an empty folder begins, read from the node's tables in one snapshot
//! (`docs/protocol/09-node-database.md` §1, "State").

use std::sync::Arc;

use tokio::sync::mpsc;

use super::blocks::UpdatesByBlock;
use super::error::LinkError;
use super::overlay::Overlay;
use super::reader::Snapshot;
use crate::config::NodeFrom;
use crate::tree::build::InitialAccount;
use crate::workers::Node;
use crate::workers::import::{ImportError, StateStart};

/// Number of blocks whose updates are read together.
const BLOCKS_TOGETHER: u32 = 1_000;
/// Number of pages between the connection and the tree.
const PAGES_AHEAD: usize = 1;
/// Number of recent blocks among which the one of an interrupted start is searched.
const RESUMABLE: u32 = 100_000;

/// The block whose state the tables `accounts` and `balances` hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// No table: the state before the updates of block 0.
    Nothing,
    /// This block.
    Block(u32),
}

/// A callback with the number of completed accounts and their total.
pub(crate) type StateProgress = Arc<dyn Fn(usize, usize) + Send + Sync>;

/// Reads the state with which an empty folder begins and imports it; returns its block.
pub(super) async fn start(
    snapshot: &Snapshot<'_>,
    node: &Arc<Node>,
    from: NodeFrom,
    progress: &StateProgress,
) -> Result<u32, LinkError> {
    let (executed, newest) = (snapshot.executed().await?, snapshot.newest().await?);
    let number = match from {
        NodeFrom::Block(number) if number > newest => return Err(LinkError::NoBlock { number, newest }),
        NodeFrom::Block(number) => number,
        NodeFrom::Verified => interrupted(snapshot, node, executed).await?.unwrap_or(executed),
    };
    let root = root_of(snapshot, number).await?;
    let loader = Loader { snapshot, node, progress, number, root };
    // The genesis is in the updates of block 0, whatever `accounts` holds.
    if number == 0 {
        loader.load(Origin::Nothing).await?;
        return Ok(number);
    }
    let first = loader.load(Origin::Block(executed)).await;
    let Err(LinkError::OtherState { found, .. }) = &first else { return first.map(|_| number) };
    // `accounts` may be the state of an earlier block, which its root identifies.
    let raw = if executed == number { *found } else { loader.root_of_tables(executed).await? };
    let origin = snapshot.state.block_of_root(&snapshot.transaction, &raw, executed).await?;
    let Some(origin) = origin else { return first.map(|_| number) };
    tracing::warn!(
        origin,
        executed,
        "the node's table `accounts` lags behind: its state is continued with the updates of later blocks"
    );
    loader.load(Origin::Block(origin)).await.map(|()| number)
}

/// Returns the root after a block; `None` for a genesis without a row.
async fn root_of(snapshot: &Snapshot<'_>, number: u32) -> Result<Option<[u8; 32]>, LinkError> {
    match snapshot.root(number).await? {
        Some(root) => Ok(Some(root)),
        None if number == 0 => Ok(None),
        None => Err(LinkError::row("blocks", format!("block {number} is missing"))),
    }
}

/// Returns the block of an interrupted start, if it is one of the recent blocks.
async fn interrupted(snapshot: &Snapshot<'_>, node: &Node, executed: u32) -> Result<Option<u32>, LinkError> {
    let Some(identity) = node.store().chain().interrupted_load()? else { return Ok(None) };
    let marks = snapshot.marks(executed.saturating_sub(RESUMABLE), executed).await?;
    let same = |(number, (root, _)): &(u32, _)| StateStart::identity(*number, Some(*root)) == identity;
    Ok(marks.iter().rev().find(|mark| same(mark)).map(|(number, _)| *number))
}

/// The import of the state after a block.
struct Loader<'a> {
    snapshot: &'a Snapshot<'a>,
    node: &'a Arc<Node>,
    progress: &'a StateProgress,
    number: u32,
    root: Option<[u8; 32]>,
}

impl Loader<'_> {
    /// Imports the state, which follows from the tables at `origin` and the updates in between.
    async fn load(&self, origin: Origin) -> Result<(), LinkError> {
        let overlay = self.overlay(origin).await?;
        self.load_with(origin, &overlay, self.root).await
    }

    /// Returns the root of the accounts in the tables, without the overlay.
    async fn root_of_tables(&self, executed: u32) -> Result<[u8; 32], LinkError> {
        // No state has this root, so that nothing is kept.
        let loaded = self.load_with(Origin::Block(executed), &Overlay::default(), Some([0xff; 32])).await;
        match loaded {
            Err(LinkError::OtherState { found, .. }) => Ok(found),
            Err(error) => Err(error),
            Ok(()) => Ok([0xff; 32]),
        }
    }

    async fn load_with(
        &self,
        origin: Origin,
        overlay: &Overlay,
        root: Option<[u8; 32]>,
    ) -> Result<(), LinkError> {
        let accounts = self.snapshot.state.count(&self.snapshot.transaction).await?;
        let start = StateStart { number: self.number, root, accounts };
        let (send, mut receive) = mpsc::channel::<Vec<InitialAccount>>(PAGES_AHEAD);
        let (failed, has_failed) = std::sync::mpsc::channel::<()>();
        let (node, progress) = (self.node.clone(), self.progress.clone());
        let importing = tokio::task::spawn_blocking(move || {
            let mut next = move || match receive.blocking_recv() {
                Some(page) => Ok(Some(page)),
                // The stream ended; it failed if the other channel has a message.
                None if has_failed.try_recv().is_ok() => {
                    Err(ImportError::Accounts("the database failed".to_owned()))
                }
                None => Ok(None),
            };
            node.import_state(&start, &mut next, &*progress)
        });
        let read = self.send_pages(origin, overlay, send, failed).await;
        let imported = importing.await.map_err(|panic| LinkError::Internal(panic.to_string()))?;
        read?;
        imported.map_err(|error| match error {
            ImportError::OtherRoot { number, expected, found } => {
                LinkError::OtherState { number, expected, found }
            }
            error => LinkError::Import { block: self.number, cause: Box::new(error) },
        })
    }

    /// Reads the changes between the block of the tables and the wanted one.
    async fn overlay(&self, origin: Origin) -> Result<Overlay, LinkError> {
        let mut overlay = Overlay::default();
        let (mut first, last, forward) = match origin {
            Origin::Nothing => (0, self.number, true),
            Origin::Block(at) if at <= self.number => (at.saturating_add(1), self.number, true),
            Origin::Block(at) => (self.number.saturating_add(1), at, false),
        };
        let mut ranges = Vec::new();
        while first <= last {
            let end = first.saturating_add(BLOCKS_TOGETHER - 1).min(last);
            ranges.push((first, end));
            let Some(next) = end.checked_add(1) else { break };
            first = next;
        }
        if !forward {
            ranges.reverse();
        }
        for (first, last) in ranges {
            let blocks: UpdatesByBlock =
                self.snapshot.blocks.updates(&self.snapshot.transaction, first, last).await?;
            if forward {
                blocks.values().try_for_each(|updates| overlay.apply(updates))?;
            } else {
                blocks.values().rev().try_for_each(|updates| overlay.undo(updates))?;
            }
        }
        Ok(overlay)
    }

    /// Sends all accounts in pages of whole parts. After a failure `failed` is notified before the
    /// stream ends.
    async fn send_pages(
        &self,
        origin: Origin,
        overlay: &Overlay,
        send: mpsc::Sender<Vec<InitialAccount>>,
        failed: std::sync::mpsc::Sender<()>,
    ) -> Result<(), LinkError> {
        let pages = async {
            let part = StateStart::part_size();
            let cores = u32::try_from(rayon::current_num_threads()).unwrap_or(1);
            let mut next = Some(0_u32);
            while let Some(from) = next {
                let Some(first) = self.first_from(origin, overlay, from).await? else { break };
                let first = first / part * part;
                let end = first.saturating_add(part.saturating_mul(cores));
                let mut accounts = match origin {
                    Origin::Nothing => Vec::new(),
                    Origin::Block(_) => {
                        self.snapshot.state.accounts(&self.snapshot.transaction, first, end).await?
                    }
                };
                overlay.change(&mut accounts, first, end);
                if send.send(accounts).await.is_err() {
                    // The import has failed, and reports why.
                    break;
                }
                next = (end < u32::MAX).then_some(end);
            }
            Ok(())
        };
        let sent: Result<(), LinkError> = pages.await;
        if sent.is_err() {
            failed.send(()).ok();
        }
        sent
    }

    /// Returns the first account with an id from this one on, in the tables or the overlay.
    async fn first_from(&self, origin: Origin, overlay: &Overlay, id: u32) -> Result<Option<u32>, LinkError> {
        let changed = overlay.first_from(id);
        if origin == Origin::Nothing {
            return Ok(changed);
        }
        let stored = self.snapshot.state.first_from(&self.snapshot.transaction, id).await?;
        Ok(changed.into_iter().chain(stored).min())
    }
}
