//! Maintainers: the threads that write the witnesses of hashed blocks, compress and store them, and
//! commit the blocks in order.

use std::time::{Duration, Instant};

use tracing::{debug, info, info_span, warn};

use super::tree_versions::HashedBlock;
use super::witness_line::WitnessLine;
use crate::allocator;
use crate::backoff::Backoff;
use crate::crypto::fr;
use crate::store::{StoreError, WitnessCommit};

/// Delay before the next attempt to store a witness.
const STORE_BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));

/// Number of blocks after which free memory is returned to the system.
const TRIM_BLOCKS: u32 = 64;

/// Finishes hashed blocks until the wakeup stops or the last block is committed.
pub(super) fn run(line: &WitnessLine) {
    loop {
        let before = line.wakeup.generation();
        if line.wakeup.is_halting() || line.versions.head() >= line.until {
            return;
        }
        let Some(ready) = line.versions.take_next() else {
            line.wakeup.wait(before, line.interval);
            continue;
        };
        let block = &ready.imported.block;
        let span = info_span!("block", number = block.block_number.0, chunks = block.block_chunks_size);
        span.in_scope(|| finish(line, &ready));
    }
}

/// Stores the witness and commits the block, with retries until it succeeds or the wakeup stops.
fn finish(line: &WitnessLine, ready: &HashedBlock) {
    let start = Instant::now();
    let number = ready.imported.block.block_number.0;
    let mut attempt = 0u32;
    loop {
        while line.store.check_space().is_err() {
            if line.wakeup.is_halting() {
                return;
            }
            line.wakeup.sleep(line.interval);
        }
        match commit(line, ready) {
            Ok(Some(bytes)) => {
                line.versions.committed(number);
                let finishing = start.elapsed();
                measure(line, number, ready.hashing, finishing);
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
                line.wakeup.sleep(STORE_BACKOFF.delay(attempt));
            }
        }
        if line.wakeup.is_halting() {
            return;
        }
    }
}

/// Records the times of a committed block.
fn measure(line: &WitnessLine, number: u32, hashing: Duration, finishing: Duration) {
    let metrics = &line.metrics;
    metrics.witness_generator.observe("build_witness", hashing);
    metrics.witness_generator.observe("store_witness", finishing);
    metrics.witness_generator.observe("prepare_witness_and_save_it", hashing + finishing);
    if let Ok(Some(age)) = line.store.chain().age_of_block(number) {
        metrics.process_block.observe("witnessed", age);
    }
}

/// Stores the witness and, once the block is next, its tree; returns the size of the witness, or
/// `None` if the wakeup stopped.
fn commit(line: &WitnessLine, ready: &HashedBlock) -> Result<Option<u64>, StoreError> {
    let HashedBlock { imported, hashed, changes, .. } = ready;
    let block = &imported.block;
    let number = block.block_number.0;
    let operations = u32::try_from(block.block_chunks_size).unwrap_or(u32::MAX);
    let write = || line.store.tree().prepare_witness(number, operations, |out| hashed.write_json(block, out));
    // After a revert, the tree may move over blocks that have their witnesses.
    let required = line.builds(number);
    let needed = required && line.store.tree().witness(number)?.is_none();
    let witness = if needed { Some(write()?) } else { None };
    let bytes = witness.as_ref().map_or(0, |witness| witness.blob.blob_ref().raw_len());
    loop {
        let before = line.wakeup.generation();
        if line.versions.turn_to_commit(number) {
            break;
        }
        if line.wakeup.is_halting() {
            return Ok(None);
        }
        line.wakeup.wait(before, line.interval);
    }
    let root = fr::to_bytes(&block.new_root_hash);
    match line.store.tree().commit_witness(WitnessCommit {
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
