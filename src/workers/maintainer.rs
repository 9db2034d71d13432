//! Maintainers: threads that build witnesses. Of `n` maintainers, number `k` builds block
//! `last verified + 1 + k`, then every `n`-th.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, error, info, info_span, warn};

use super::account_state::TreeState;
use super::hash_pool;
use super::quarantine;
use super::tree_versions::{HashedBlock, TreeVersions};
use super::wakeup::Wakeup;
use crate::allocator;
use crate::backoff::Backoff;
use crate::config::Share;
use crate::crypto::fr;
use crate::domain::{Block, ImportedBlock};
use crate::metrics::Metrics;
use crate::store::{Store, StoreError, WitnessCommit};
use crate::tree::{AccountTree, TreeView};
use crate::witness::{self, Cause, Detail, Planner, SignatureCheck, WitnessError};

/// Longest delay before the next attempt at a block.
const MAX_DELAY: Duration = Duration::from_secs(10);

/// Delay before the next attempt to store a witness.
const STORE_BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), MAX_DELAY);

/// Number of blocks after which free memory is returned to the system.
const TRIM_BLOCKS: u32 = 64;

/// Number of leaf updates that end a run of blocks hashed together. They fill every lane of every
/// core, and more would only delay the first block.
const RUN_UPDATES: usize = 256;

/// Number of updates that a block without a witness counts as: only its final values are hashed.
const FINAL_UPDATES: usize = RUN_UPDATES / 8;

/// The state that all maintainers share.
pub(crate) struct Shared {
    /// The store of blocks and witnesses.
    pub store: Arc<Store>,
    /// Metrics of the node.
    pub metrics: Arc<Metrics>,
    /// The tree versions.
    pub versions: TreeVersions,
    /// Wakes the maintainers and is notified by them.
    pub wakeup: Arc<Wakeup>,
    /// Longest wait if nothing wakes a maintainer, and unit of the start delay.
    pub interval: Duration,
    /// The last block to build; `u32::MAX` for no limit.
    pub until: u32,
    /// The last block that was verified before the start. Up to it, only trees are needed, not
    /// witnesses.
    pub last_verified: u32,
    /// The share of the blocks whose witnesses are built.
    pub share: Share,
}

impl Shared {
    /// Returns true if this server builds the witness of a block; else only the tree moves over it.
    fn builds(&self, number: u32) -> bool {
        number > self.last_verified && self.share.owns(number)
    }
}

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

/// Runs maintainer `offset` of `step` until the wakeup stops or the last block is built.
pub(crate) fn run(shared: &Shared, offset: u32, step: u32) {
    let first = shared.last_verified.saturating_add(1).saturating_add(offset);
    let mut number = first;
    // The start delay of the reference. A block that is ready ends it early.
    let delayed_until = Instant::now() + shared.interval * offset;
    loop {
        let before = shared.wakeup.generation();
        // The first maintainer also moves the tree over verified blocks.
        let ahead = if offset == 0 { shared.versions.head().saturating_add(1).min(number) } else { number };
        if shared.wakeup.is_halting() || ahead > shared.until {
            return;
        }
        if shared.store.check_space().is_err() {
            // The function that detects this logs it. Nothing wakes this thread when space is free
            // again.
            shared.wakeup.wait(before, shared.interval);
            continue;
        }
        if offset == 0 {
            catch_up(shared);
        }
        number = next_open(shared.versions.head(), number, step);
        match try_block(shared, number) {
            Ok(true) => {
                number = number.saturating_add(step);
            }
            Ok(false) => {
                let delay = delayed_until.saturating_duration_since(Instant::now());
                shared.wakeup.wait(before, shared.interval.max(delay));
            }
            // The error was logged where it occurred.
            Err(()) => shared.wakeup.sleep(MAX_DELAY.min(shared.interval.max(Duration::from_millis(200)))),
        }
    }
}

/// Returns the first block of this maintainer, from `number` on, whose tree is not committed yet.
fn next_open(head: u32, number: u32, step: u32) -> u32 {
    let behind = head.saturating_add(1).saturating_sub(number);
    number.saturating_add(behind.div_ceil(step).saturating_mul(step))
}

/// Builds the trees of blocks that were verified elsewhere before the start.
fn catch_up(shared: &Shared) {
    while !shared.wakeup.is_halting() {
        let number = shared.versions.head().saturating_add(1);
        if number > shared.last_verified.min(shared.until) {
            return;
        }
        if !matches!(try_block(shared, number), Ok(true)) {
            return;
        }
    }
}

/// Builds and stores the witness of a block, if the block is next; returns false if it must wait.
fn try_block(shared: &Shared, number: u32) -> Result<bool, ()> {
    if number > shared.until {
        return Ok(false);
    }
    let span = info_span!("block", number, chunks = tracing::field::Empty);
    let _entered = span.enter();
    if let Some((view, room)) = shared.versions.turn_to_hash(number) {
        let run = hash_pool::run_for_witnesses(|| run_from(shared, number, room, &view));
        match &run {
            Err(AttemptError::Transient(cause)) => shared.store.tree().fault.set(number, cause),
            _ => shared.store.tree().fault.clear(),
        }
        match run {
            Ok(run) if run.is_empty() => return Ok(false),
            // From here on, the tree versions contain these blocks, so they must be finished.
            Ok(run) => shared.versions.hashed(run),
            Err(AttemptError::Transient(reason)) => {
                warn!(reason, "building the witness of the block failed and is retried");
                return Err(());
            }
            Err(AttemptError::Permanent(reason)) => {
                return put_in_quarantine(shared, number, &reason).map(|()| false);
            }
        }
    }
    let Some(ready) = shared.versions.take(number) else { return Ok(false) };
    span.record("chunks", ready.imported.block.block_chunks_size);
    finish(shared, &ready);
    Ok(true)
}

fn put_in_quarantine(shared: &Shared, number: u32, reason: &WitnessError) -> Result<(), ()> {
    error!(%reason, "the block is quarantined: revert to the block before it and import it again");
    let quarantine = quarantine::of(reason);
    shared.store.chain().set_quarantine(number, quarantine).map_err(|error| {
        warn!(%error, "storing the quarantine failed and is retried");
    })
}

/// Hashes block `first` together with the stored blocks after it, at most `room` in total, so that
/// they fill the hash engine. Returns an empty run if the first block is missing or quarantined. An
/// error in a later block ends the run before it, and occurs again when that block is the first.
fn run_from(
    shared: &Shared,
    first: u32,
    room: u32,
    view: &TreeView,
) -> Result<Vec<HashedBlock>, AttemptError> {
    // Before the genesis, a missing tree is not an error.
    if shared.store.chain().block(first)?.is_none() {
        return Ok(Vec::new());
    }
    let start = Instant::now();
    let in_first = |cause: Cause| WitnessError { block: first, operation: None, cause };
    let tree = AccountTree::open(view).map_err(|error| in_first(error.into()))?;
    let state = TreeState(&tree);
    let mut planner = Planner::new(&state);
    let mut blocks = Vec::new();
    let mut plans = Vec::new();
    let mut updates = 0;
    for number in first..first.saturating_add(room).min(shared.until.saturating_add(1)) {
        let planned = load(shared, number).and_then(|loaded| {
            let Some((imported, signatures)) = loaded else { return Ok(None) };
            let plan = planner.next(&imported.block, &signatures)?;
            Ok(Some((imported, plan)))
        });
        match planned {
            Ok(Some((imported, plan))) => {
                updates += if shared.builds(number) { plan.updates.len() } else { FINAL_UPDATES };
                blocks.push(imported);
                plans.push(plan);
            }
            Err(error) if number == first => return Err(error),
            Ok(None) | Err(_) => break,
        }
        if updates >= RUN_UPDATES {
            break;
        }
    }
    let detail = |block: &Block| match shared.builds(block.block_number.0) {
        true => Detail::Witness,
        false => Detail::FinalValues,
    };
    let run = blocks.iter().zip(plans).map(|(imported, plan)| {
        let block = &imported.block;
        (block, plan, detail(block))
    });
    let hashed = witness::hash_mixed_run(run.collect(), &tree)?;
    let ready = blocks.into_iter().zip(hashed).map(|(imported, hashed)| {
        let changes = hashed.change_set();
        HashedBlock { imported, hashed, changes, hashing: start.elapsed() }
    });
    Ok(ready.collect())
}

/// Reads a block with the outcomes of its signature checks; returns `None` if it is missing or
/// quarantined.
fn load(shared: &Shared, number: u32) -> Result<Option<(ImportedBlock, Vec<SignatureCheck>)>, AttemptError> {
    let store = &shared.store;
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

/// Stores the witness and commits the block, with retries until it succeeds or the wakeup stops.
fn finish(shared: &Shared, ready: &HashedBlock) {
    let start = Instant::now();
    let number = ready.imported.block.block_number.0;
    let mut attempt = 0u32;
    loop {
        while shared.store.check_space().is_err() {
            if shared.wakeup.is_halting() {
                return;
            }
            shared.wakeup.sleep(shared.interval);
        }
        match commit(shared, ready) {
            Ok(Some(bytes)) => {
                shared.versions.committed(number);
                let finishing = start.elapsed();
                measure(shared, number, ready.hashing, finishing);
                let hashing_ms = ready.hashing.as_millis() as u64;
                info!(hashing_ms, finishing_ms = finishing.as_millis() as u64, bytes, "witness stored");
                if number.is_multiple_of(TRIM_BLOCKS) {
                    allocator::trim();
                }
                return;
            }
            Ok(None) => debug!("stopped before the witness was stored; the next start builds it again"),
            Err(error) => {
                warn!(%error, block = number, "storing the witness failed and is retried");
                attempt = attempt.saturating_add(1);
                shared.wakeup.sleep(STORE_BACKOFF.delay(attempt));
            }
        }
        if shared.wakeup.is_halting() {
            return;
        }
    }
}

/// Records the times of a committed block.
fn measure(shared: &Shared, number: u32, hashing: Duration, finishing: Duration) {
    let metrics = &shared.metrics;
    metrics.witness_generator.observe("build_witness", hashing);
    metrics.witness_generator.observe("store_witness", finishing);
    metrics.witness_generator.observe("prepare_witness_and_save_it", hashing + finishing);
    if let Ok(Some(age)) = shared.store.chain().age_of_block(number) {
        metrics.process_block.observe("witnessed", age);
    }
}

/// Stores the witness and, once the block is next, its tree; returns the size of the witness, or
/// `None` if the wakeup stopped.
fn commit(shared: &Shared, ready: &HashedBlock) -> Result<Option<u64>, StoreError> {
    let HashedBlock { imported, hashed, changes, .. } = ready;
    let block = &imported.block;
    let number = block.block_number.0;
    let operations = u32::try_from(block.block_chunks_size).unwrap_or(u32::MAX);
    let write =
        || shared.store.tree().prepare_witness(number, operations, |out| hashed.write_json(block, out));
    // After a revert, the tree may move over blocks that have their witnesses.
    let required = shared.builds(number);
    let needed = required && shared.store.tree().witness(number)?.is_none();
    let witness = if needed { Some(write()?) } else { None };
    let bytes = witness.as_ref().map_or(0, |witness| witness.blob.blob_ref().raw_len());
    loop {
        let before = shared.wakeup.generation();
        if shared.versions.turn_to_commit(number) {
            break;
        }
        if shared.wakeup.is_halting() {
            return Ok(None);
        }
        shared.wakeup.wait(before, shared.interval);
    }
    let root = fr::to_bytes(&block.new_root_hash);
    match shared.store.tree().commit_witness(WitnessCommit {
        number,
        witness,
        required,
        change_set: changes,
        root,
    }) {
        // An earlier attempt recorded the block and failed later. The tree is applied now.
        Err(StoreError::OutOfOrder { expected, .. }) if number.checked_add(1) == Some(expected) => {
            Ok(Some(bytes))
        }
        outcome => outcome.map(|()| Some(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreOptions;

    /// An error here would delay the maintainers after the import of the genesis.
    #[test]
    fn before_the_genesis_a_block_must_wait() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path(), StoreOptions::default()).unwrap());
        let wakeup = Arc::new(Wakeup::default());
        let metrics = Arc::<Metrics>::default();
        let versions = TreeVersions::open(&store, wakeup.clone(), &metrics).unwrap();
        let interval = Duration::from_secs(1);
        let share = Share::ALL;
        let shared =
            Shared { store, metrics, versions, wakeup, interval, until: u32::MAX, last_verified: 0, share };
        assert_eq!(try_block(&shared, 1), Ok(false));
    }

    #[test]
    fn a_maintainer_skips_committed_blocks_in_its_stride() {
        assert_eq!(next_open(0, 1, 4), 1);
        assert_eq!(next_open(1, 1, 4), 5);
        assert_eq!(next_open(4, 1, 4), 5);
        assert_eq!(next_open(5, 1, 4), 9);
        assert_eq!(next_open(10, 2, 1), 11);
        assert_eq!(next_open(u32::MAX, 1, 4), u32::MAX);
    }
}
