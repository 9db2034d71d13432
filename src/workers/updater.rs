//! The updater: one thread that turns witnesses and proofs into jobs, and ends expired leases
//! (`docs/protocol/06-server.md` §3).

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, info, warn};

use super::aggregator::Aggregator;
use super::options::NodeOptions;
use super::wakeup::Wakeup;
use crate::config::Share;
use crate::domain::AggregatedAction;
use crate::domain::job::JobType;
use crate::store::{AddOutcome, AggregatedOperationRecord, Store, StoreError};

/// Shortest wait between two rounds.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

/// The state of the updater thread.
pub(crate) struct Updater {
    store: Arc<Store>,
    aggregator: Option<Aggregator>,
    keep_verified: Option<u32>,
    /// The share of the blocks that get jobs here, and of the ranges by their first block.
    share: Share,
    /// The last verified block at the last removal of data of verified blocks.
    cleared: u32,
}

impl Updater {
    /// Creates an updater with the options of the node.
    pub(crate) fn new(store: Arc<Store>, options: &NodeOptions) -> Self {
        let aggregator = Aggregator::new(options.aggregate.clone(), options.aggregate_deadline);
        Self { store, aggregator, keep_verified: options.keep_verified, share: options.share, cleared: 0 }
    }

    /// Runs until the wakeup stops. Each round ends expired leases and adds every job that is
    /// ready. The next round follows a change, the next expiry, or the interval.
    pub(crate) fn run(&mut self, wakeup: &Wakeup, interval: Duration) {
        while !wakeup.is_halting() {
            let before = wakeup.generation();
            let wait = match self.round() {
                Ok(true) => {
                    wakeup.notify();
                    continue;
                }
                Ok(false) => self.longest_wait(interval),
                Err(error) => {
                    warn!(%error, "a round of the updater failed and is retried");
                    interval
                }
            };
            wakeup.wait(before, wait.max(SHORTEST_WAIT));
        }
    }

    /// Returns the time until the next round if nothing changes: until a lease expires or a proven
    /// block has waited long enough for a larger aggregate, at most `interval`.
    pub(super) fn longest_wait(&self, interval: Duration) -> Duration {
        let aggregate = self.aggregator.as_ref().and_then(Aggregator::due_in);
        let expiry = self.store.queue().next_expiry();
        [aggregate, expiry].into_iter().flatten().fold(interval, Duration::min)
    }

    /// Runs one round; returns true if it added work that a further round may build on.
    pub(super) fn round(&mut self) -> Result<bool, StoreError> {
        let expired = self.store.queue().expire()?;
        if !expired.is_empty() {
            warn!(jobs = ?expired, "leases expired without a heartbeat");
        }
        if self.store.check_space().is_err() {
            // Without space, only data is removed.
            self.clear_verified()?;
            return Ok(false);
        }
        let single = add_single_jobs(&self.store, self.share)?;
        let operations = match &mut self.aggregator {
            Some(aggregator) => aggregator.round(&self.store)?,
            None => false,
        };
        let aggregated = add_aggregated_jobs(&self.store, self.share)?;
        self.clear_verified()?;
        Ok(aggregated || single || operations)
    }

    /// Removes witnesses and finished jobs of verified blocks, whenever a further block is
    /// verified.
    fn clear_verified(&mut self) -> Result<(), StoreError> {
        let (Some(keep), verified) = (self.keep_verified, self.store.chain().last_verified_block()?) else {
            return Ok(());
        };
        if verified > self.cleared {
            let dropped = self.store.queue().drop_verified(keep)?;
            self.cleared = verified;
            debug!(verified, ?dropped, "data of verified blocks removed");
        }
        Ok(())
    }
}

fn add_single_jobs(store: &Store, share: Share) -> Result<bool, StoreError> {
    let mut added = false;
    let mut next = store.queue().last_block_in_queue(JobType::Single)?.saturating_add(1);
    // Blocks that are verified already need no proof.
    if !store.queue().is_ready_for_job(next)? {
        next = next.max(store.chain().last_verified_block()?.saturating_add(1));
    }
    let head = store.tree().head()?;
    while next <= head {
        // A proven block gets a finished job, even if its witness was removed.
        let own = share.owns(next);
        if store.tree().witness(next)?.is_some() || own && store.queue().has_single_proof(next)? {
            added |= add_single_job(store, next)?;
        } else if own {
            break;
        }
        next = next.saturating_add(1);
    }
    Ok(added)
}

/// Adds the job of a witnessed block, unless it has one; returns true if a new job has to be
/// proven.
fn add_single_job(store: &Store, block: u32) -> Result<bool, StoreError> {
    let AddOutcome::Added(id) = store.queue().add_single_job(block)? else { return Ok(false) };
    // A proof from a backup has no job.
    let proven = store.queue().has_single_proof(block)?;
    info!(job = id, block, proven, "job added");
    Ok(!proven)
}

/// Adds the jobs of the blocks that an aggregated operation waits for. The queue starts after the
/// blocks of such operations if it has no job yet, so that an operation that arrives before the
/// proofs would leave its blocks without jobs.
fn add_missing_jobs(store: &Store, first: u32, last: u32) -> Result<bool, StoreError> {
    let mut added = false;
    for block in first..=last {
        added |= store.tree().witness(block)?.is_some() && add_single_job(store, block)?;
    }
    Ok(added)
}

fn add_aggregated_jobs(store: &Store, share: Share) -> Result<bool, StoreError> {
    let mut added = false;
    let create = AggregatedAction::CreateProofBlocks;
    let before = store.queue().last_block_in_queue(JobType::Aggregated)?;
    let mut next = before.saturating_add(1);
    if before > 0 && before == store.chain().base()? {
        // The first blocks of a folder may belong to an operation that begins before it.
        let first = store.chain().aggregated_operations(create, before, 1)?;
        next = first.first().map_or(next, |first| first.first.max(next));
    }
    while let Some(operation) = store.chain().aggregated_operation_covering(create, next)? {
        let AggregatedOperationRecord { first, last, .. } = operation;
        next = last.saturating_add(1);
        if !share.owns(first) {
            continue;
        }
        let proven = store.queue().has_aggregated_proof(first, last)?;
        match store.queue().add_aggregated_job(first, last) {
            Ok(AddOutcome::Added(id)) => {
                info!(job = id, first, last, proven, "aggregated job added");
                added |= !proven;
            }
            Ok(AddOutcome::Exists(_)) => {}
            // Its proof is stored, so it needs no job.
            Err(StoreError::MissingProof { .. }) if proven => {}
            Err(StoreError::MissingProof { block }) => {
                debug!(first, last, block, "the aggregated job waits for the proof of a block");
                added |= add_missing_jobs(store, block, last)?;
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(added)
}
