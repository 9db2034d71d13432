//! Stores with many proven blocks whose hashes were not computed: each block, witness and proof
//! consists of given bytes. The hashes of as many blocks would take hours.

use std::io::Write as _;
use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::Context;

use super::options::Options;
use zksync_witness_server::testing::internals::domain::job::JobType;
use zksync_witness_server::testing::internals::store::{
    AddOutcome, BlobKind, BlobLabel, GenesisEnd, NewBlock, NewProof, Preference, Store, StoreOptions,
    WitnessCommit,
};
use zksync_witness_server::testing::internals::tree::ChangeSet;

/// The content of each block.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    /// The block, and its witness.
    pub body: &'a [u8],
    /// Its proof.
    pub proof: &'a [u8],
}

/// Returns `/dev/shm` if it has `bytes` free, where a store is filled faster, otherwise the scratch
/// folder. What is measured on these stores does not depend on syncs.
pub fn scratch(options: &Options, bytes: u64) -> &Path {
    let in_memory = Path::new("/dev/shm");
    let free = rustix::fs::statvfs(in_memory).map_or(0, |system| system.f_bavail * system.f_frsize);
    if free >= bytes { in_memory } else { &options.scratch }
}

/// Creates a store with an empty genesis.
///
/// # Errors
/// Fails if the folder fails.
pub fn create(folder: &Path) -> anyhow::Result<Store> {
    let store = Store::open(folder, StoreOptions { history: 1, ..StoreOptions::default() })?;
    let genesis = store.load_genesis([0; 32], 1)?.context("the new store already has a genesis")?;
    genesis.finish(GenesisEnd {
        blob: store.prepare_blob(BlobLabel::block(BlobKind::Genesis, 0), b"{}")?,
        root: [0; 32],
        accounts: 0,
        tree: Vec::new(),
        roots: (b"roots".to_vec(), Vec::new()),
    })?;
    Ok(store)
}

/// Stores the next blocks, each with a witness and an idle job.
///
/// # Errors
/// Fails if the folder fails.
pub fn add(store: &Store, numbers: RangeInclusive<u32>, content: Content<'_>) -> anyhow::Result<()> {
    numbers.into_iter().try_for_each(|number| add_job(store, number, content).map(drop))
}

/// Stores the next blocks like [`add`], and publishes as many proofs, of the oldest idle jobs.
///
/// # Errors
/// Fails if the folder fails.
pub fn add_proven(store: &Store, numbers: RangeInclusive<u32>, content: Content<'_>) -> anyhow::Result<()> {
    for number in numbers {
        add_job(store, number, content)?;
        let queue = store.queue();
        let job =
            queue.claim("history", Preference::default())?.context("the added job cannot be claimed")?;
        let proof = NewProof { job_id: job.id, first: job.first, last: job.last, json: content.proof };
        queue.publish(JobType::Single, proof)?;
    }
    Ok(())
}

fn add_job(store: &Store, number: u32, content: Content<'_>) -> anyhow::Result<u32> {
    store.chain().put_block(NewBlock {
        number,
        root: [0; 32],
        commitment: [0; 32],
        chunks: 26,
        content_hash: [1; 32],
        json: content.body,
        extra: b"",
        changes: &[],
        quarantine: None,
    })?;
    let witness = Some(store.tree().prepare_witness(number, 26, |out| out.write_all(content.body))?);
    let change_set = ChangeSet::default();
    store.tree().commit_witness(WitnessCommit {
        number,
        witness,
        required: true,
        change_set: &change_set,
        root: [0; 32],
    })?;
    match store.queue().add_single_job(number)? {
        AddOutcome::Added(id) | AddOutcome::Exists(id) => Ok(id),
    }
}
