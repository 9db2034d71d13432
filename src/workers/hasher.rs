//! The thread that plans and hashes the blocks that wait for a witness, in order. Blocks are hashed
//! in runs, so that small ones fill the lanes of the hash engine as well.

use std::time::{Duration, Instant};

use rayon::prelude::*;
use tracing::{error, info_span, warn};

use super::account_state::TreeState;
use super::hash_pool;
use super::quarantine;
use super::tree_versions::HashedBlock;
use super::witness_line::WitnessLine;
use crate::domain::{Block, ImportedBlock};
use crate::store::StoreError;
use crate::tree::{AccountTree, TreeView};
use crate::witness::{self, Cause, Detail, Planner, SignatureCheck, WitnessError};

/// Longest delay before the next attempt at a block.
const MAX_DELAY: Duration = Duration::from_secs(10);

/// Number of leaf updates that end a run of blocks hashed together. They fill every lane of every
/// core, and more would only delay the first block.
const RUN_UPDATES: usize = 256;

/// Number of updates that a block without a witness counts as: only its final values are hashed.
const FINAL_UPDATES: usize = RUN_UPDATES / 8;

/// The reason why an attempt at a block failed.
#[derive(Debug)]
enum AttemptError {
    /// The block cannot have a witness.
    Permanent(WitnessError),
    /// Another attempt may succeed.
    Transient(String),
}

impl From<StoreError> for AttemptError {
    fn from(error: StoreError) -> Self {
        Self::Transient(error.to_string())
    }
}

impl From<WitnessError> for AttemptError {
    fn from(error: WitnessError) -> Self {
        if error.is_permanent() { Self::Permanent(error) } else { Self::Transient(error.to_string()) }
    }
}

/// Hashes blocks until the wakeup stops or the last block is hashed.
pub(super) fn run(line: &WitnessLine) {
    loop {
        let before = line.wakeup.generation();
        let next = line.versions.next_to_hash();
        if line.wakeup.is_halting() || next.number > line.until {
            return;
        }
        // The function that detects a lack of space logs it. Nothing wakes this thread when space is
        // free again.
        let Some(view) = next.view.filter(|_| line.store.check_space().is_ok()) else {
            line.wakeup.wait(before, line.interval);
            continue;
        };
        let span = info_span!("block", number = next.number);
        match span.in_scope(|| hash_from(line, next.number, &view)) {
            Ok(true) => {}
            Ok(false) => line.wakeup.wait(before, line.interval),
            // The error was logged where it occurred.
            Err(()) => line.wakeup.sleep(MAX_DELAY.min(line.interval.max(Duration::from_millis(200)))),
        }
    }
}

/// Hashes a run of blocks; returns false if the first one must wait.
fn hash_from(line: &WitnessLine, first: u32, view: &TreeView) -> Result<bool, ()> {
    let run = hash_pool::run_for_witnesses(|| run_from(line, first, view));
    match &run {
        Err(AttemptError::Transient(cause)) => line.store.tree().fault.set(first, cause),
        _ => line.store.tree().fault.clear(),
    }
    match run {
        Ok(run) if run.is_empty() => Ok(false),
        // From here on, the tree versions contain these blocks, so they must be finished.
        Ok(run) => {
            line.versions.hashed(run);
            Ok(true)
        }
        Err(AttemptError::Transient(reason)) => {
            warn!(reason, "building the witness of the block failed and is retried");
            Err(())
        }
        Err(AttemptError::Permanent(reason)) => put_in_quarantine(line, first, &reason).map(|()| false),
    }
}

fn put_in_quarantine(line: &WitnessLine, number: u32, reason: &WitnessError) -> Result<(), ()> {
    error!(%reason, "the block is quarantined: revert to the block before it, then import the right block");
    let quarantine = quarantine::of(reason);
    line.store.chain().set_quarantine(number, quarantine).map_err(|error| {
        warn!(%error, "storing the quarantine failed and is retried");
    })
}

/// Hashes block `first` together with the stored blocks after it. Returns an empty run if the first
/// block is missing or quarantined. An error in a later block ends the run before it, and occurs
/// again when that block is the first.
fn run_from(line: &WitnessLine, first: u32, view: &TreeView) -> Result<Vec<HashedBlock>, AttemptError> {
    // Before the genesis, a missing tree is not an error.
    if line.store.chain().block(first)?.is_none() {
        return Ok(Vec::new());
    }
    let start = Instant::now();
    let in_first = |cause: Cause| WitnessError { block: first, operation: None, cause };
    let tree = AccountTree::open(view).map_err(|error| in_first(error.into()))?;
    let state = TreeState(&tree);
    let mut planner = Planner::new(&state);
    let mut blocks = Vec::new();
    let mut plans = Vec::new();
    let mut all_updates = 0;
    for number in first..=line.until {
        let planned = load(line, number).and_then(|loaded| {
            let Some((imported, signatures)) = loaded else { return Ok(None) };
            let plan = planner.next(&imported.block, &signatures)?;
            Ok(Some((imported, plan)))
        });
        match planned {
            Ok(Some((imported, plan))) => {
                let updates = if line.builds(number) { plan.updates.len().max(1) } else { FINAL_UPDATES };
                all_updates += updates;
                blocks.push((imported, updates));
                plans.push(plan);
            }
            Err(error) if number == first => return Err(error),
            Ok(None) | Err(_) => break,
        }
        if all_updates >= RUN_UPDATES {
            break;
        }
    }
    let detail = |block: &Block| match line.builds(block.block_number.0) {
        true => Detail::Witness,
        false => Detail::FinalValues,
    };
    let run = blocks.iter().zip(plans).map(|((imported, _), plan)| {
        let block = &imported.block;
        (block, plan, detail(block))
    });
    let hashed = witness::hash_mixed_run(run.collect(), &tree)?;
    let ready = blocks.into_par_iter().zip(hashed).map(|((imported, updates), hashed)| {
        let changes = hashed.change_set();
        HashedBlock { imported, hashed, changes, updates, hashing: start.elapsed() }
    });
    Ok(ready.collect())
}

/// Reads a block with the outcomes of its signature checks; returns `None` if it is missing or
/// quarantined.
fn load(
    line: &WitnessLine,
    number: u32,
) -> Result<Option<(ImportedBlock, Vec<SignatureCheck>)>, AttemptError> {
    let store = &line.store;
    let Some(record) = store.chain().block(number)? else { return Ok(None) };
    if record.quarantine.is_some() {
        return Ok(None);
    }
    let damaged =
        |what: &str| AttemptError::Transient(format!("{what} of block {number} is missing or damaged"));
    let body = store.chain().block_json(number)?.ok_or_else(|| damaged("the body"))?;
    let imported: ImportedBlock = serde_json::from_slice(&body).map_err(|_| damaged("the body"))?;
    let extra = store.chain().block_extra(number)?.ok_or_else(|| damaged("the signature outcome"))?;
    let signatures: Result<Vec<SignatureCheck>, Cause> = extra.into_iter().map(TryInto::try_into).collect();
    Ok(Some((imported, signatures.map_err(|_| damaged("the signature outcome"))?)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::Share;
    use crate::metrics::Metrics;
    use crate::store::{Store, StoreOptions};
    use crate::workers::tree_versions::TreeVersions;
    use crate::workers::wakeup::Wakeup;

    /// An error here would delay the first block after the import of the genesis.
    #[test]
    fn before_the_genesis_a_block_must_wait() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path(), StoreOptions::default()).unwrap());
        let wakeup = Arc::new(Wakeup::default());
        let metrics = Arc::<Metrics>::default();
        let versions = TreeVersions::open(&store, wakeup.clone(), &metrics).unwrap();
        let interval = Duration::from_secs(1);
        let share = Share::ALL;
        let line = WitnessLine {
            store,
            metrics,
            versions,
            wakeup,
            interval,
            until: u32::MAX,
            last_verified: 0,
            share,
        };
        let next = line.versions.next_to_hash();
        assert_eq!(next.number, 1);
        assert_eq!(hash_from(&line, 1, &next.view.unwrap()), Ok(false));
    }
}
