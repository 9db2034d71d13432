//! Following a node over one connection: the start, new blocks, and reverts.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{info, warn};

use super::adoption::{Adoption, Progress, take_over};
use super::connection::answered;
use super::error::LinkError;
use super::options::LinkOptions;
use super::reader::{Look, Reader};
use super::state::{self, StateProgress};
use super::window::Window;
use crate::domain::job::JobType;
use crate::store::{Imported, StoreError};
use crate::workers::{LinkPhase, Node, TakenOver};

/// Number of missing blocks from which on the link catches up.
const BEHIND: u32 = 8;
/// Number of the newest blocks that are compared with the database at each poll.
const RECENT: usize = 4_096;
/// Longest time for an answer of the database, after which the connection counts as lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// Interval at which all blocks that the node can revert are compared.
const FULL_INTERVAL: Duration = Duration::from_secs(60);

/// A session over one connection.
pub(super) struct Follower<'a> {
    node: &'a Arc<Node>,
    options: &'a LinkOptions,
    /// The last block to import.
    until: u32,
    state_progress: &'a StateProgress,
    progress: Progress,
    adoption: Adoption<'a>,
    has_progressed: bool,
    /// Time of the last comparison of the whole window.
    compared: Cell<Option<Instant>>,
}

impl<'a> Follower<'a> {
    pub(super) fn new(
        node: &'a Arc<Node>,
        options: &'a LinkOptions,
        until: u32,
        state_progress: &'a StateProgress,
    ) -> Self {
        Self {
            node,
            options,
            until,
            state_progress,
            progress: Progress::default(),
            adoption: Adoption::new(node),
            has_progressed: false,
            compared: Cell::new(None),
        }
    }

    /// Returns true if a block was imported or the node followed.
    pub(super) fn has_progressed(&self) -> bool {
        self.has_progressed
    }

    /// Imports everything that the node has; returns what was imported.
    pub(super) async fn catch_up(mut self) -> Result<Progress, LinkError> {
        self.run(None).await?;
        Ok(self.progress)
    }

    /// Follows the node until it is stopped or fails.
    pub(super) async fn follow(&mut self, stop: &mut watch::Receiver<bool>) -> Result<(), LinkError> {
        self.run(Some(stop)).await
    }

    /// Follows the node; without `stop` until all its blocks are imported.
    async fn run(&mut self, mut stop: Option<&mut watch::Receiver<bool>>) -> Result<(), LinkError> {
        let mut reader = Reader::open(self.options).await?;
        let mut window = self.begin(&mut reader).await?;
        let mut look = self.look(&mut reader, &window).await?;
        loop {
            if stop.as_ref().is_some_and(|stop| *stop.borrow()) {
                return Ok(());
            }
            self.note(&look, &window);
            window.raise_floor(look.executed);
            if let Some(ancestor) = look.ancestor {
                self.revert(ancestor)?;
                window = Window::read(self.node.store().chain(), look.executed)?;
            } else if look.blocks.is_empty() {
                let start = Instant::now();
                let round = self.adoption.round(&mut reader, look.executed, &mut self.progress);
                let is_complete = answered(ANSWER_TIMEOUT, round).await?;
                self.node.metrics().node_seconds.observe("adopt", start.elapsed());
                if self.adoption.take_execution_removed() {
                    self.return_to_unbuilt(look.executed, "the node has removed an execution")?;
                    window = Window::read(self.node.store().chain(), look.executed)?;
                } else if is_complete {
                    self.has_progressed = true;
                    let Some(stop) = &mut stop else { return Ok(()) };
                    self.enter(LinkPhase::Following);
                    // A dropped sender also means that the link is stopped.
                    let stopped = stop.wait_for(|stop| *stop);
                    if tokio::time::timeout(self.options.poll, stopped).await.is_ok() {
                        return Ok(());
                    }
                }
            } else {
                // An error ends the session, and with it the window.
                look.marks.iter().for_each(|mark| window.push(*mark));
                // The next blocks are read while these are imported.
                let (imported, next) = tokio::join!(self.import(look), self.look(&mut reader, &window));
                let imported = imported?;
                self.has_progressed = true;
                self.progress.blocks += imported.blocks;
                self.progress.proofs += imported.proofs;
                look = next?;
                continue;
            }
            look = self.look(&mut reader, &window).await?;
        }
    }

    /// Reads the chain of the node and its next blocks.
    async fn look(&self, reader: &mut Reader, window: &Window) -> Result<Look, LinkError> {
        let start = Instant::now();
        let is_due = self.compared.get().is_none_or(|compared| compared.elapsed() >= FULL_INTERVAL);
        let mut look = None;
        if !is_due && window.len() > RECENT {
            let recent = window.newest(RECENT);
            // A difference in the first block may have begun before it.
            let found = answered(ANSWER_TIMEOUT, reader.look(&recent, self.until)).await?;
            look = Some(found).filter(|look| look.ancestor != Some(recent.floor()));
        }
        let look = match look {
            Some(look) => look,
            None => {
                self.compared.set(Some(start));
                answered(ANSWER_TIMEOUT, reader.look(window, self.until)).await?
            }
        };
        self.node.metrics().node_seconds.observe("read", start.elapsed());
        Ok(look)
    }

    /// Checks that the folder has this node's chain, or imports the state with which it begins.
    async fn begin(&mut self, reader: &mut Reader) -> Result<Window, LinkError> {
        let chain = self.node.store().chain();
        let snapshot = reader.snapshot().await?;
        match chain.genesis()? {
            None => {
                self.enter(LinkPhase::Starting);
                let (node, start) = (self.node, Instant::now());
                let block = state::start(&snapshot, node, self.options.from, self.state_progress).await?;
                node.metrics().node_seconds.observe("start", start.elapsed());
                info!(block, "the folder begins with the state after this block of the node");
            }
            Some(genesis) => {
                let root = snapshot.root(genesis.number).await?;
                if root.is_none() && genesis.number > 0 || root.is_some_and(|root| root != genesis.root) {
                    return Err(LinkError::OtherChain { number: genesis.number });
                }
            }
        }
        chain.note_followed()?;
        let executed = snapshot.executed().await?;
        snapshot.transaction.commit().await?;
        // The folder may have had another share before.
        self.return_to_unbuilt(executed, "the share of this server was changed")?;
        Ok(Window::read(chain, executed)?)
    }

    /// Reverts to before the first block of the share that has neither witness nor proof although
    /// the tree has passed it.
    fn return_to_unbuilt(&mut self, executed: u32, cause: &'static str) -> Result<(), LinkError> {
        let store = self.node.store();
        let floor = store.chain().last_verified_block()?.max(executed);
        for block in floor.saturating_add(1)..=store.tree().head()? {
            let lacks = self.node.share().owns(block)
                && store.tree().witness(block)?.is_none()
                && !store.queue().has_single_proof(block)?;
            if lacks {
                self.node.revert(block.saturating_sub(1), cause).map_err(|error| match error {
                    StoreError::History { oldest } => LinkError::Unbuilt { cause, block, oldest },
                    error => error.into(),
                })?;
                self.adoption.clear();
                warn!(block, "{cause}: it is followed again from this block on");
                break;
            }
        }
        Ok(())
    }

    /// Records the node's newest block and the distance to it.
    fn note(&self, look: &Look, window: &Window) {
        let behind = look.newest.saturating_sub(window.head());
        let metrics = self.node.metrics();
        metrics.node_up.set(1);
        metrics.node_blocks_behind.set(behind.into());
        self.node.link().note_block(look.newest);
        if behind >= BEHIND {
            self.enter(LinkPhase::CatchingUp);
        }
    }

    fn enter(&self, phase: LinkPhase) {
        if self.node.link().enter(phase, self.node.now_ms()) {
            info!(phase = phase.name(), "link to the node");
        }
    }

    /// Imports blocks, each with its proof if the node's tables have one.
    async fn import(&self, look: Look) -> Result<Progress, LinkError> {
        let start = Instant::now();
        let node = self.node.clone();
        let Look { blocks, mut proofs, .. } = look;
        let importing = tokio::task::spawn_blocking(move || {
            let mut progress = Progress::default();
            for block in &blocks {
                let number = block.block.block_number.0;
                let imported = node.import_parsed_block(block);
                let imported =
                    imported.map_err(|cause| LinkError::Import { block: number, cause: Box::new(cause) })?;
                progress.blocks += 1;
                if let Imported::Quarantined(reason) = imported {
                    warn!(block = number, reason, "the block is stored but quarantined");
                }
                if let Some(json) = proofs.remove(&number)
                    && take_over(&node, JobType::Single, (number, number), &json)? == TakenOver::Stored
                {
                    progress.proofs += 1;
                }
            }
            Ok::<_, LinkError>(progress)
        });
        let imported = importing.await.map_err(|panic| LinkError::Internal(panic.to_string()))?;
        self.node.metrics().node_seconds.observe("import", start.elapsed());
        imported
    }

    /// Follows a revert of the node to block `ancestor`.
    fn revert(&mut self, ancestor: u32) -> Result<(), LinkError> {
        let base = self.node.store().chain().base()?;
        let reverted = self.node.revert(ancestor, &format!("the node reverted to block {ancestor}"));
        let report = reverted.map_err(|error| match error {
            StoreError::History { oldest } => LinkError::BeyondHistory { ancestor, oldest: oldest.max(base) },
            error => error.into(),
        })?;
        self.adoption.clear();
        warn!(ancestor, ?report, "the node reverted blocks, and so did this server");
        Ok(())
    }
}
