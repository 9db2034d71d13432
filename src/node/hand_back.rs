//! Handing back: proofs that are published here are written into the node's tables.
//!
//! A thread of its own does this, with the connection for writing, so that neither provers nor the
//! import of blocks wait for it. The store keeps the queue of what is still to be handed back
//! (`store/queue/hand_back.rs`). The rows of the node are also compared with the proofs here: all of
//! them after each connect, and later those that were there before, since the node removes rows
//! after a revert, and an operator can remove them
//! (`docs/protocol/09-node-database.md` §3).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::error::LinkError;
use super::options::LinkOptions;
use super::stoppable_thread::StoppableThread;
use super::writer::{BlockRow, RangeRow, Writer, Written};
use crate::backoff::Backoff;
use crate::domain::job::JobType;
use crate::store::{Store, StoreError};
use crate::workers::{LinkFault, Node};

/// Delay before the next attempt after a failure.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
/// Number of proofs that are written with one statement, or read at a time.
const PAGE: usize = 64;
const TYPES: [JobType; 2] = [JobType::Single, JobType::Aggregated];

/// The thread that hands proofs back, which [`stop`](Self::stop) ends.
pub(crate) struct HandBackThread(StoppableThread);

impl HandBackThread {
    /// Starts to hand proofs back.
    ///
    /// # Errors
    /// Fails if the system refuses the thread or its runtime.
    pub(crate) fn start(node: Arc<Node>, options: LinkOptions) -> std::io::Result<Self> {
        let run = move |mut stop: watch::Receiver<bool>| async move {
            let mut hand_back = HandBack::new(node, options);
            // After the next start, the row of a statement in flight is compared.
            tokio::select! {
                () = hand_back.run() => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        };
        Ok(Self(StoppableThread::start("node_hand_back", run)?))
    }

    /// Stops the thread.
    pub(crate) fn stop(self) {
        self.0.stop();
    }
}

struct HandBack {
    node: Arc<Node>,
    options: LinkOptions,
    connection: Option<Connection>,
}

/// A connection with what is known about the node's rows.
struct Connection {
    writer: Writer,
    /// Time of the last look at the rows.
    looked: Option<Instant>,
    /// The rows of each type that the last look found, and those that were written since; `None`
    /// before the first one.
    rows: [Option<BTreeSet<(u32, u32)>>; 2],
}

impl HandBack {
    fn new(node: Arc<Node>, options: LinkOptions) -> Self {
        Self { node, options, connection: None }
    }

    async fn run(&mut self) {
        let mut attempt = 0_u32;
        loop {
            let since = self.node.wakeup().generation();
            let outcome = self.round().await;
            match &outcome {
                Ok(()) => {
                    if self.node.link().hands_back_again() {
                        info!("proofs are handed back to the node");
                    }
                }
                Err(error) => self.report(error),
            }
            match outcome {
                // The connection can be used, for proofs of the other type if a permission is
                // missing.
                Ok(()) | Err(LinkError::Permission(_) | LinkError::Store(_)) => {
                    attempt = 0;
                    let change = self.node.wakeup().changed(since);
                    let _ = tokio::time::timeout(self.options.poll, change).await;
                }
                Err(_) => {
                    self.connection = None;
                    attempt = attempt.saturating_add(1);
                    tokio::time::sleep(BACKOFF.delay(attempt)).await;
                }
            }
        }
    }

    /// Notes a failure, and logs it if it is another one than the last.
    fn report(&self, error: &LinkError) {
        let fault = LinkFault { code: error.code(), message: error.to_string(), at_ms: self.node.now_ms() };
        if self.node.link().hand_back_failed(fault) {
            warn!(%error, code = error.code(), "proofs are not handed back to the node; they wait here");
        }
    }

    /// Writes what waits, and compares rows if it is time. Each type is tried, even if the other
    /// one fails: a permission may be missing for one table only.
    async fn round(&mut self) -> Result<(), LinkError> {
        let store = self.node.store().clone();
        let is_due = self.connection.as_ref().is_none_or(|connection| connection.is_due(&self.options));
        if !is_due && store.queue().count_to_hand_back(1)? == 0 {
            return Ok(());
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(Connection {
                writer: Writer::open(&self.options).await?,
                looked: None,
                rows: [None, None],
            }),
        };
        // Waiting proofs are written first, so that a new one waits for nothing else.
        let mut outcome = connection.write_all(&self.node).await;
        if is_due {
            let floor = connection.writer.executed().await?;
            for (job_type, known) in TYPES.into_iter().zip(&mut connection.rows) {
                outcome = outcome.and(look(&connection.writer, &store, job_type, floor, known).await);
            }
            connection.looked = Some(Instant::now());
            outcome = outcome.and(connection.write_all(&self.node).await);
        }
        outcome
    }
}

impl Connection {
    fn is_due(&self, options: &LinkOptions) -> bool {
        self.looked.is_none_or(|at| at.elapsed() >= options.poll)
    }

    /// Writes the proofs of both types that wait.
    async fn write_all(&mut self, node: &Node) -> Result<(), LinkError> {
        let mut outcome = Ok(());
        for (job_type, known) in TYPES.into_iter().zip(&mut self.rows) {
            outcome = outcome.and(write(node, &self.writer, job_type, known.as_mut()).await);
        }
        outcome
    }
}

/// Reads the node's rows of a type, and adds the proofs to the queue that the node lacks: at the
/// first look all of them, later those whose rows vanished.
async fn look(
    writer: &Writer,
    store: &Store,
    job_type: JobType,
    floor: u32,
    known: &mut Option<BTreeSet<(u32, u32)>>,
) -> Result<(), LinkError> {
    let rows = writer.rows(job_type, floor).await?;
    let lacking: Vec<(u32, u32)> = match known {
        Some(known) => known.difference(&rows).copied().filter(|(_, last)| *last > floor).collect(),
        None => {
            let here = proofs_after(store, job_type, floor)?;
            here.into_iter().filter(|range| !rows.contains(range)).collect()
        }
    };
    let added = store.queue().hand_back_again(job_type, &lacking)?;
    if added > 0 {
        info!(proofs = added, kind = job_type.name(), "the node lacks proofs that are stored here");
    }
    *known = Some(rows);
    Ok(())
}

/// Returns the ranges of the stored proofs that end after a block.
fn proofs_after(store: &Store, job_type: JobType, block: u32) -> Result<Vec<(u32, u32)>, StoreError> {
    let mut found = Vec::new();
    // The greatest range that ends at the block.
    let mut after = match job_type {
        JobType::Single => (block, block),
        JobType::Aggregated => (u32::MAX, block),
    };
    loop {
        let page = store.queue().proofs(job_type, Some(after), PAGE)?;
        let Some(last) = page.last() else { return Ok(found) };
        after = (last.first, last.last);
        found.extend(page.iter().map(|proof| (proof.first, proof.last)));
    }
}

/// Writes the proofs of a type that wait, by their blocks, and adds their rows to the known ones.
/// Those whose blocks the node does not have stay in the queue.
async fn write(
    node: &Node,
    writer: &Writer,
    job_type: JobType,
    mut known: Option<&mut BTreeSet<(u32, u32)>>,
) -> Result<(), LinkError> {
    let queue = node.store().queue();
    let mut after = None;
    loop {
        let page = queue.to_hand_back(job_type, after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(*last);
        let outcomes = match job_type {
            JobType::Single => write_blocks(node.store(), writer, &page).await?,
            JobType::Aggregated => write_ranges(node.store(), writer, &page).await?,
        };
        let settled = outcomes.iter().filter(|(_, written)| *written != Some(Written::NoBlock));
        let settled: Vec<(u32, u32)> = settled.map(|(range, _)| *range).collect();
        for ((first, last), written) in outcomes {
            if let (Some(known), Some(Written::New | Written::Same | Written::Other)) = (&mut known, written)
            {
                known.insert((first, last));
            }
            note(node, job_type, first, last, written)?;
        }
        queue.handed_back(job_type, &settled)?;
    }
}

/// The ranges of proofs with their outcomes; `None` if the proof is not stored any more.
type Outcomes = Vec<((u32, u32), Option<Written>)>;

async fn write_blocks(store: &Store, writer: &Writer, page: &[(u32, u32)]) -> Result<Outcomes, LinkError> {
    let mut rows = Vec::new();
    let mut outcomes = Outcomes::new();
    for &(block, _) in page {
        match (store.chain().block(block)?, store.queue().single_proof(block)?) {
            (Some(found), Some(json)) => {
                rows.push(BlockRow { block, commitment: found.commitment, json: text(json)? });
            }
            _ => outcomes.push(((block, block), None)),
        }
    }
    let written = writer.write_blocks(&rows).await?;
    outcomes.extend(rows.iter().zip(written).map(|(row, written)| ((row.block, row.block), Some(written))));
    Ok(outcomes)
}

async fn write_ranges(store: &Store, writer: &Writer, page: &[(u32, u32)]) -> Result<Outcomes, LinkError> {
    let mut outcomes = Outcomes::new();
    for &(first, last) in page {
        let commitment = |block| Ok(store.chain().block(block)?.map(|block| block.commitment));
        let commitments = (first..=last).map(commitment).collect::<Result<Option<Vec<_>>, StoreError>>()?;
        let written = match (commitments, store.queue().aggregated_proof(first, last)?) {
            (Some(commitments), Some(json)) => {
                let row = RangeRow { first, last, commitments, json: text(json)? };
                Some(writer.write_range(&row).await?)
            }
            _ => None,
        };
        outcomes.push(((first, last), written));
    }
    Ok(outcomes)
}

fn text(json: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(json).map_err(|_| StoreError::corrupt("a proof is not UTF-8"))
}

/// Counts and logs the outcome of a proof.
fn note(
    node: &Node,
    job_type: JobType,
    first: u32,
    last: u32,
    written: Option<Written>,
) -> Result<(), StoreError> {
    let kind = job_type.name();
    let outcome = match written {
        Some(Written::New) => "written",
        Some(Written::Same) => "same",
        Some(Written::Other) => "other",
        Some(Written::NoBlock) | None => {
            debug!(first, last, kind, "the node does not have the blocks of a proof");
            return Ok(());
        }
    };
    node.metrics().node_handed_back.add(outcome, 1);
    match written {
        Some(Written::New) => {
            if let Some(proof) = node.store().queue().proof_record(job_type, first, last)? {
                let waited = node.now_ms().saturating_sub(proof.stored_at_ms);
                node.metrics().node_seconds.observe("hand_back", Duration::from_millis(waited));
            }
            debug!(first, last, kind, "proof handed back");
        }
        Some(Written::Other) => {
            warn!(first, last, kind, "the node has another proof of these blocks; the one here is kept");
        }
        _ => {}
    }
    Ok(())
}
