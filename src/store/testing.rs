//! Stores and contents for the tests of this module.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::durable::free_space::SystemSpace;
use super::*;
use crate::clock::ManualClock;
use crate::domain::AggregatedAction;
use crate::tree::source::{Change, ChangeSet};

/// 2026-01-01 in milliseconds.
pub(crate) const NOW: u64 = 1_767_225_600_000;

pub(crate) fn options(clock: &Arc<ManualClock>) -> StoreOptions {
    StoreOptions {
        cache_bytes: 4 << 20,
        flush_every_ms: 10_000,
        history: 3,
        gone_timeout: Duration::from_secs(60),
        max_attempts: Some(3),
        retry_backoff: Duration::ZERO,
        refusal_backoff: Duration::from_secs(10),
        max_jobs_per_prover: None,
        min_free_bytes: 0,
        space: Arc::new(SystemSpace),
        max_rejected: 4,
        hand_back: false,
        clock: clock.clone(),
        metrics: Arc::default(),
    }
}

pub(crate) fn open(dir: &Path) -> Store {
    Store::open(dir, options(&Arc::new(ManualClock::new(NOW)))).unwrap()
}

pub(crate) fn account(nonce: u32) -> AccountState {
    AccountState { nonce, pub_key_hash: [1; 20], address: [2; 20] }
}

/// Bytes that do not compress.
pub(crate) fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

pub(crate) const GENESIS_HASH: [u8; 32] = [8; 32];

/// Genesis with the accounts 0 and 1, and one tree entry.
pub(crate) fn put_genesis(store: &Store) {
    let load = store.load_genesis(GENESIS_HASH, 1).unwrap().unwrap();
    load.add([(0, account(0), vec![(0, 1_000)]), (1, account(0), vec![])], vec![]).unwrap();
    load.finish(genesis_end(store, 2)).unwrap();
}

/// The end of a genesis with this number of accounts.
pub(crate) fn genesis_end(store: &Store, accounts: u64) -> GenesisEnd {
    GenesisEnd {
        blob: store.prepare_blob(BlobLabel::block(BlobKind::Genesis, 0), b"{}").unwrap(),
        root: [9; 32],
        accounts,
        tree: vec![],
        roots: (b"root".to_vec(), b"0".to_vec()),
    }
}

/// Block n sets the nonce of account 0 to n and its balance of token 0 to 1000 − n, and creates
/// account 10 + n.
pub(crate) fn put_block(store: &Store, number: u32) -> Result<Imported, StoreError> {
    let changes = [
        AccountChange {
            id: 0,
            state: Some(account(number)),
            balances: vec![(0, 1_000 - u128::from(number))],
        },
        AccountChange { id: 10 + number, state: Some(account(0)), balances: vec![(7, 5)] },
    ];
    store.chain().put_block(NewBlock {
        number,
        root: [number as u8; 32],
        commitment: [(number as u8).wrapping_add(100); 32],
        chunks: 10,
        content_hash: [number as u8; 32],
        json: &noise(number, 5_000),
        extra: b"extra",
        changes: &changes,
        quarantine: None,
    })
}

/// The change set of the tree of block n: the root, and an entry of its own.
pub(crate) fn change_set(number: u32) -> ChangeSet {
    let text = |n: u32| Some(n.to_string().into_bytes());
    let own = Change { key: format!("n{number}").into_bytes(), old: None, new: Some(noise(number, 40)) };
    ChangeSet {
        changes: vec![Change { key: b"root".to_vec(), old: text(number - 1), new: text(number) }, own],
    }
}

pub(crate) fn witness_json(number: u32) -> Vec<u8> {
    format!("{{\"witness\":\"{}\"}}", hex::encode(noise(number, 4_000))).into_bytes()
}

pub(crate) fn commit_witness(store: &Store, number: u32) -> Result<(), StoreError> {
    let witness = Some(store.tree().prepare_witness(number, 10, |out| out.write_all(&witness_json(number)))?);
    store.tree().commit_witness(WitnessCommit {
        number,
        witness,
        required: true,
        change_set: &change_set(number),
        root: [number as u8; 32],
    })
}

/// Number of blob files of a folder.
pub(crate) fn files(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("blobs")).unwrap().count()
}

pub(crate) fn proof_json(seed: u32) -> Vec<u8> {
    format!("{{\"proof\":\"{}\"}}", hex::encode(noise(seed + 1_000, 3_000))).into_bytes()
}

/// Claims a job and publishes a proof for it.
pub(crate) fn publish_next(store: &Store) {
    let job = store.queue().claim("prover", Preference::default()).unwrap().unwrap();
    let json = proof_json(job.last);
    let proof = NewProof { job_id: job.id, first: job.first, last: job.last, json: &json };
    store.queue().publish(job.job_type, proof).unwrap();
}

pub(crate) fn operation(store: &Store, action: AggregatedAction, first: u32, last: u32) {
    let hash = [first as u8; 32];
    store.chain().put_aggregated_operation(action, first, last, hash, b"{\"operation\":1}").unwrap();
}

/// A store with witnessed blocks, block n of 10 chunks.
pub(crate) fn witnessed(dir: &Path, clock: &Arc<ManualClock>, blocks: u32) -> Store {
    let store = Store::open(dir, options(clock)).unwrap();
    put_genesis(&store);
    for n in 1..=blocks {
        put_block(&store, n).unwrap();
        commit_witness(&store, n).unwrap();
    }
    store
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(NOW))
}

pub(crate) fn proof(job_id: u32, first: u32, last: u32) -> NewProof<'static> {
    NewProof { job_id, first, last, json: br#"{"proof":1}"# }
}
