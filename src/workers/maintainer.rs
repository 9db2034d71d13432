//! Maintainers: threads that build witnesses. Maintainer `k` of `n` takes blocks `last verified + 1 + k`, then every `n`-th.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, error, info, info_span, warn};

use super::chain::{Chain, Ready};
use super::state::InTree;
use super::wakeup::Wakeup;
use crate::backoff::Backoff;
use crate::crypto::fr;
use crate::domain::ImportedBlock;
use crate::metrics::Metrics;
use crate::store::{Quarantine, Store, StoreError, WitnessCommit};
use crate::tree::{AccountTree, TreeView};
use crate::witness::{self, Cause, Planner, SignatureCheck, WitnessError};

/// Delays between attempts to store a witness.
const STORE_BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), MAX_DELAY);
/// Longest delay between two attempts at a block after an error of the store.
const MAX_DELAY: Duration = Duration::from_secs(10);

/// A run of blocks that are hashed together ends once it has so many leaf updates: they fill every lane of every core, and more would
/// only keep the first block waiting.
const RUN_UPDATES: usize = 256;

/// What all maintainers share.
pub struct Shared {
    /// Blocks and witnesses.
    pub store: Arc<Store>,
    /// Counters and timers.
    pub metrics: Arc<Metrics>,
    /// Tree versions.
    pub chain: Chain,
    /// Wakes them, and is rung by them.
    pub wakeup: Arc<Wakeup>,
    /// Fallback interval, and unit of the start delay.
    pub interval: Duration,
    /// Blocks after this one are left alone; `u32::MAX` for no limit.
    pub until: u32,
    /// Blocks up to this one were verified before the start: their trees are needed, their witnesses are not.
    pub last_verified: u32,
}

/// Why a round failed.
#[derive(Debug)]
enum Trouble {
    /// The block cannot have a witness.
    Block(WitnessError),
    /// Trying again may help.
    Passing(String),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Passing(error.to_string())
    }
}

impl From<WitnessError> for Trouble {
    fn from(error: WitnessError) -> Self {
        if error.is_permanent() { Self::Block(error) } else { Self::Passing(error.to_string()) }
    }
}

/// Runs maintainer `offset` of `step` until the wakeup stops or the last block is done.
pub fn run(shared: &Shared, offset: u32, step: u32) {
    let first = shared.last_verified.saturating_add(1).saturating_add(offset);
    let mut number = first;
    // The start delay of the reference; a block that is ready ends it early.
    let delayed_until = Instant::now() + shared.interval * offset;
    loop {
        let before = shared.wakeup.generation();
        if shared.wakeup.is_stopping() || number > shared.until {
            return;
        }
        if shared.store.check_space().is_err() {
            // Said where it is found out. Nobody rings when space returns.
            shared.wakeup.wait(before, shared.interval);
            continue;
        }
        if offset == 0 {
            catch_up(shared);
        }
        number = next_open(shared.chain.head(), number, step);
        match try_block(shared, number) {
            Ok(true) => number = number.saturating_add(step),
            Ok(false) => {
                let delay = delayed_until.saturating_duration_since(Instant::now());
                shared.wakeup.wait(before, shared.interval.max(delay));
            }
            // Reported where it happened.
            Err(()) => shared.wakeup.sleep(MAX_DELAY.min(shared.interval.max(Duration::from_millis(200)))),
        }
    }
}

/// Skips blocks whose tree is committed already.
fn next_open(head: u32, number: u32, step: u32) -> u32 {
    let behind = head.saturating_add(1).saturating_sub(number);
    number.saturating_add(behind.div_ceil(step).saturating_mul(step))
}

/// Moves the tree over blocks that were verified elsewhere before the start.
fn catch_up(shared: &Shared) {
    while !shared.wakeup.is_stopping() {
        let number = shared.chain.head().saturating_add(1);
        if number > shared.last_verified.min(shared.until) {
            return;
        }
        if !matches!(try_block(shared, number), Ok(true)) {
            return;
        }
    }
}

/// Builds and stores the witness of a block if it is its turn; `Ok(false)` when there is nothing to do yet.
fn try_block(shared: &Shared, number: u32) -> Result<bool, ()> {
    if number > shared.until {
        return Ok(false);
    }
    let span = info_span!("block", number, chunks = tracing::field::Empty);
    let _entered = span.enter();
    if let Some((view, room)) = shared.chain.turn_to_hash(number) {
        match run_from(shared, number, room, &view) {
            Ok(run) if run.is_empty() => return Ok(false),
            // From here on the chain counts on these blocks: they are finished, whatever it takes.
            Ok(run) => shared.chain.hashed(run),
            Err(Trouble::Passing(reason)) => {
                warn!(reason, "the witness of the block could not be built now, it will be tried again");
                return Err(());
            }
            Err(Trouble::Block(reason)) => return quarantine(shared, number, &reason).map(|()| false),
        }
    }
    let Some(ready) = shared.chain.take(number) else { return Ok(false) };
    span.record("chunks", ready.imported.block.block_chunks_size);
    finish(shared, &ready);
    Ok(true)
}

fn quarantine(shared: &Shared, number: u32, reason: &WitnessError) -> Result<(), ()> {
    error!(%reason, "the block is quarantined: revert to the block before it and import it again");
    let quarantine = Quarantine {
        op_index: reason.operation.map(|(index, _)| u32::try_from(index).unwrap_or(u32::MAX)),
        op_kind: reason.operation.map(|(_, kind)| kind.to_string()),
        cause: reason.cause.to_string(),
        at_ms: 0,
    };
    shared.store.chain().set_quarantine(number, Some(quarantine)).map_err(|error| {
        warn!(%error, "the quarantine could not be recorded, it will be tried again");
    })
}

/// Hashes block `first` and as many of those behind it as are there, at most `room`: together they fill the hash engine. Empty when
/// the block is not there, or not to be witnessed. Trouble with a block behind the first ends the run before it; it comes up again when
/// that block is the first.
fn run_from(shared: &Shared, first: u32, room: u32, view: &TreeView) -> Result<Vec<Ready>, Trouble> {
    // Before the genesis there is no tree to open either, and that is no trouble.
    if shared.store.chain().block(first)?.is_none() {
        return Ok(Vec::new());
    }
    let start = Instant::now();
    let in_first = |cause: Cause| WitnessError { block: first, operation: None, cause };
    let tree = AccountTree::open(view).map_err(|error| in_first(error.into()))?;
    let state = InTree(&tree);
    let mut planner = Planner::new(&state);
    let (mut blocks, mut plans, mut updates) = (Vec::new(), Vec::new(), 0);
    for number in first..first.saturating_add(room).min(shared.until.saturating_add(1)) {
        let planned = load(shared, number).and_then(|loaded| {
            let Some((imported, signatures)) = loaded else { return Ok(None) };
            let plan = planner.next(&imported.block, &signatures)?;
            Ok(Some((imported, plan)))
        });
        match planned {
            Ok(Some((imported, plan))) => {
                updates += plan.updates.len();
                blocks.push(imported);
                plans.push(plan);
            }
            Err(trouble) if number == first => return Err(trouble),
            Ok(None) | Err(_) => break,
        }
        if updates >= RUN_UPDATES {
            break;
        }
    }
    let run = blocks.iter().map(|imported| &imported.block).zip(plans).collect();
    let hashed = witness::hash_run(run, &tree)?;
    let ready = blocks.into_iter().zip(hashed).map(|(imported, hashed)| {
        let (delta, hashing) = (hashed.change_set(), start.elapsed());
        Ready { imported, hashed, delta, hashing }
    });
    Ok(ready.collect())
}

/// A block with the outcomes of its signature checks; `None` when it is not there, or not to be witnessed.
fn load(shared: &Shared, number: u32) -> Result<Option<(ImportedBlock, Vec<SignatureCheck>)>, Trouble> {
    let store = &shared.store;
    let Some(record) = store.chain().block(number)? else { return Ok(None) };
    if record.quarantine.is_some() {
        return Ok(None);
    }
    let passing = |what: &str| Trouble::Passing(format!("{what} of block {number} is missing or damaged"));
    let body = store.chain().block_body(number)?.ok_or_else(|| passing("the body"))?;
    let imported: ImportedBlock = serde_json::from_slice(&body).map_err(|_| passing("the body"))?;
    let extra = store.chain().block_extra(number)?.ok_or_else(|| passing("the signature outcome"))?;
    let signatures: Result<Vec<SignatureCheck>, Cause> = extra.into_iter().map(TryInto::try_into).collect();
    Ok(Some((imported, signatures.map_err(|_| passing("the signature outcome"))?)))
}

/// Writes the witness and commits, again and again until it succeeds or the wakeup stops.
fn finish(shared: &Shared, ready: &Ready) {
    let start = Instant::now();
    let number = ready.imported.block.block_number.0;
    let mut attempt = 0;
    loop {
        while shared.store.check_space().is_err() {
            if shared.wakeup.is_stopping() {
                return;
            }
            shared.wakeup.sleep(shared.interval);
        }
        match commit(shared, ready) {
            Ok(Some(bytes)) => {
                shared.chain.committed(number);
                let (hashing, finishing) = (ready.hashing, start.elapsed());
                measure(shared, number, hashing, finishing);
                let [hashing, finishing] = [hashing, finishing].map(|time| time.as_millis() as u64);
                info!(hashing_ms = hashing, finishing_ms = finishing, bytes, "witness stored");
                return;
            }
            Ok(None) => debug!("stopped before the witness was stored; it will be built again"),
            Err(error) => {
                warn!(%error, block = number, "the witness could not be stored now, it will be tried again");
                attempt += 1;
                shared.wakeup.sleep(STORE_BACKOFF.delay(attempt));
            }
        }
        if shared.wakeup.is_stopping() {
            return;
        }
    }
}

/// Counts a block that is done.
fn measure(shared: &Shared, number: u32, hashing: Duration, finishing: Duration) {
    let metrics = &shared.metrics;
    metrics.witness_generator.observe("build_witness", hashing);
    metrics.witness_generator.observe("store_witness", finishing);
    metrics.witness_generator.observe("prepare_witness_and_save_it", hashing + finishing);
    if let Ok(Some(age)) = shared.store.chain().age_of_block(number) {
        metrics.process_block.observe("witnessed", age);
    }
}

/// Gives the size of the witness; `None` when the wakeup stopped.
fn commit(shared: &Shared, ready: &Ready) -> Result<Option<u64>, StoreError> {
    let Ready { imported, hashed, delta, .. } = ready;
    let block = &imported.block;
    let number = block.block_number.0;
    let operations = u32::try_from(block.block_chunks_size).unwrap_or(u32::MAX);
    let write =
        || shared.store.tree().prepare_witness(number, operations, |out| hashed.write_json(block, out));
    let witness = if number <= shared.last_verified { None } else { Some(write()?) };
    let bytes = witness.as_ref().map_or(0, |witness| witness.body.blob_ref().raw_len());
    loop {
        let before = shared.wakeup.generation();
        if shared.chain.turn_to_commit(number) {
            break;
        }
        if shared.wakeup.is_stopping() {
            return Ok(None);
        }
        shared.wakeup.wait(before, shared.interval);
    }
    let root = fr::to_bytes(&block.new_root_hash);
    match shared.store.tree().commit_witness(WitnessCommit { number, witness, delta, root }) {
        // Recorded by a try that failed later: the tree is applied now.
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

    /// It would count as trouble otherwise, after which the maintainers pause and hear no wakeup.
    #[test]
    fn before_the_genesis_there_is_nothing_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path(), StoreOptions::default()).unwrap());
        let wakeup = Arc::new(Wakeup::default());
        let metrics = Arc::<Metrics>::default();
        let chain = Chain::open(&store, wakeup.clone(), &metrics).unwrap();
        let interval = Duration::from_secs(1);
        let shared = Shared { store, metrics, chain, wakeup, interval, until: u32::MAX, last_verified: 0 };
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
