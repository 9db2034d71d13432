//! Blocks that change a thousand accounts and as many nodes of the tree: far more than a
//! transaction holds, and enough for sled to move its pages and overwrite its segments repeatedly.
//! The power fails during that, and everything acknowledged is stored.
//!
//! Nothing is hashed: the writer is this test program, started again with `POWER_WRITER`, and works
//! on a store alone. It continues with the folder that the power failure left.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use zksync_witness_server::testing::dice::Dice;
use zksync_witness_server::testing::internals::domain::job::JobType;
use zksync_witness_server::testing::internals::store::{
    AccountChange, AccountState, BlobKind, BlobLabel, GenesisEnd, NewBlock, NewProof, Preference, Store,
    StoreOptions, WitnessCommit,
};
use zksync_witness_server::testing::internals::tree::source::{Change, ChangeSet};

use crate::support::{disk::Disk, heavy, number, power::Power, this_test};

const ACCOUNTS: u32 = 2000;
const TOKEN: u32 = 3;
/// Further power failures at earlier moments of a round.
const EARLIER: usize = 2;
const ROOTS: &[u8] = &[0];

fn open(folder: &Path) -> Store {
    let options =
        StoreOptions { history: 4, cache_bytes: 4 << 20, flush_every_ms: 50, ..StoreOptions::default() };
    Store::open(&folder.join("data"), options).unwrap()
}

/// Returns true if a block changes an account: each changes every second one.
fn is_changed(id: u32, block: u32) -> bool {
    block > 0 && (id + block).is_multiple_of(2)
}

/// Returns the last block up to `head` that changed an account; 0 if none did.
fn changed_by(id: u32, head: u32) -> u32 {
    (head.saturating_sub(1)..=head).rev().find(|block| is_changed(id, *block)).unwrap_or(0)
}

fn account(id: u32, head: u32) -> AccountState {
    AccountState { nonce: changed_by(id, head), pub_key_hash: [id as u8; 20], address: [7; 20] }
}

fn balance(id: u32, head: u32) -> u128 {
    1_000_000 + u128::from(id) + (u128::from(changed_by(id, head)) << 40)
}

fn node_key(id: u32) -> Vec<u8> {
    [&[9][..], &id.to_be_bytes()].concat()
}

fn node(id: u32, head: u32) -> Vec<u8> {
    [id, changed_by(id, head)].map(u32::to_be_bytes).concat().repeat(8)
}

fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut dice = Dice::new(seed.into());
    (0..len).map(|_| dice.roll() as u8).collect()
}

fn block_body(number: u32) -> Vec<u8> {
    noise(number, 30_000)
}

fn proof(number: u32) -> Vec<u8> {
    noise(number ^ 0xffff, 1_000 + number as usize % 4_000)
}

fn genesis(store: &Store) {
    let Some(load) = store.load_genesis([8; 32], 512).unwrap() else { return };
    let accounts = (0..ACCOUNTS).map(|id| (id, account(id, 0), vec![(TOKEN, balance(id, 0))]));
    load.add(accounts, (0..ACCOUNTS).map(|id| (node_key(id), node(id, 0))).collect()).unwrap();
    let body = store.prepare_blob(BlobLabel::block(BlobKind::Genesis, 0), b"{}").unwrap();
    let roots = (ROOTS.to_vec(), 0u32.to_be_bytes().to_vec());
    load.finish(GenesisEnd { blob: body, root: [0; 32], accounts: ACCOUNTS.into(), tree: vec![], roots })
        .unwrap();
}

fn import(store: &Store, number: u32) {
    let change = |id| AccountChange {
        id,
        state: Some(account(id, number)),
        balances: vec![(TOKEN, balance(id, number))],
    };
    let changes: Vec<AccountChange> =
        (0..ACCOUNTS).filter(|id| is_changed(*id, number)).map(change).collect();
    let new = NewBlock {
        number,
        root: [number as u8; 32],
        commitment: [number as u8; 32],
        chunks: 10,
        content_hash: [number as u8; 32],
        json: &block_body(number),
        extra: b"extra",
        changes: &changes,
        quarantine: None,
    };
    store.chain().put_block(new).unwrap();
}

fn witness(store: &Store, number: u32) {
    let change =
        |id| Change { key: node_key(id), old: Some(node(id, number - 1)), new: Some(node(id, number)) };
    let mut changes: Vec<Change> = (0..ACCOUNTS).filter(|id| is_changed(*id, number)).map(change).collect();
    let root = |number: u32| Some(number.to_be_bytes().to_vec());
    changes.push(Change { key: ROOTS.to_vec(), old: root(number - 1), new: root(number) });
    let witness =
        Some(store.tree().prepare_witness(number, 10, |out| out.write_all(&block_body(number))).unwrap());
    let change_set = ChangeSet { changes };
    store
        .tree()
        .commit_witness(WitnessCommit {
            number,
            witness,
            required: true,
            change_set: &change_set,
            root: [number as u8; 32],
        })
        .unwrap();
}

/// Publishes a proof for every block without one.
fn prove(store: &Store, head: u32) {
    for number in (1..=head).filter(|number| !store.queue().has_single_proof(*number).unwrap()) {
        store.queue().add_single_job(number).unwrap();
    }
    store.queue().release("prover").unwrap();
    while let Some(job) = store.queue().claim("prover", Preference::default()).unwrap() {
        let proof = proof(job.first);
        store
            .queue()
            .publish(
                JobType::Single,
                NewProof { job_id: job.id, first: job.first, last: job.last, json: &proof },
            )
            .unwrap();
    }
}

/// Not a test: the writer, which runs until it is killed.
#[test]
fn the_writer() {
    let (Ok(_), Ok(folder)) = (env::var("POWER_WRITER"), env::var("POWER_ROOT")) else { return };
    let store = open(Path::new(&folder));
    genesis(&store);
    loop {
        let number = store.tree().head().unwrap() + 1;
        if store.chain().head().unwrap() < number {
            import(&store, number);
        }
        witness(&store, number);
        prove(&store, number);
        // `println!` would be captured by the test harness.
        writeln!(std::io::stdout(), "stored {number}").unwrap();
    }
}

/// Checks that everything up to the acknowledged block is stored and consistent; returns the last
/// stored block.
fn look(folder: &Path, acknowledged: u32, when: &str) -> u32 {
    let store = open(folder);
    let (head, tree_head) = (store.chain().head().unwrap(), store.tree().head().unwrap());
    assert!(acknowledged <= tree_head && tree_head <= head, "{when}: {acknowledged}, {tree_head}, {head}");
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new(), "{when}");
    for number in 1..=head {
        assert!(
            store.chain().block_json(number).unwrap() == Some(block_body(number)),
            "{when}: block {number}"
        );
        let stored = store.queue().single_proof(number).unwrap();
        let good = stored.as_ref().map_or(number > acknowledged, |stored| *stored == proof(number));
        assert!(good, "{when}: proof {number}");
    }
    if store.chain().genesis().unwrap().is_none() {
        return 0;
    }
    for id in 0..ACCOUNTS {
        assert_eq!(store.chain().account(id).unwrap(), Some(account(id, head)), "{when}: account {id}");
        assert_eq!(store.chain().balance(id, TOKEN).unwrap(), balance(id, head), "{when}: balance of {id}");
    }
    let nodes: BTreeMap<_, _> =
        store.tree().source().range(&[0], &[0xff], usize::MAX).unwrap().into_iter().collect();
    let mut expected: BTreeMap<_, _> = (0..ACCOUNTS).map(|id| (node_key(id), node(id, tree_head))).collect();
    expected.insert(ROOTS.to_vec(), tree_head.to_be_bytes().to_vec());
    assert!(nodes == expected, "{when}: the tree is not the one after block {tree_head}");
    head
}

fn survive(rounds: u32) {
    let _heavy = heavy();
    let mut dice = Dice::from_environment("CRASH_SEED");
    let power = Power::new();
    let mut acknowledged = 0;
    for round in 1..=rounds {
        let mut disk = Disk::of(power.root());
        let before = disk.clone();
        let mut writer = this_test(module_path!(), "the_writer");
        writer.env("POWER_WRITER", "store").stdout(Stdio::piped());
        power.record(&mut writer);
        let mut child = writer.spawn().unwrap();
        // Number of a block, and length of the journal when it was known to be stored.
        let mut known = Vec::new();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut stored = lines.filter_map(|line| line.strip_prefix("stored ")?.parse::<u32>().ok());
        for _ in 0..dice.between(1, 8) {
            known.push((stored.next().expect("the writer ended early"), power.moment()));
        }
        std::thread::sleep(std::time::Duration::from_millis(dice.between(0, 100)));
        child.kill().unwrap();
        child.wait().unwrap();
        let last = stored.last().or(known.last().map(|(number, _)| *number)).unwrap();
        let events = power.replay(&mut disk);
        for _ in 0..EARLIER {
            let (folder, moment) = power.fail_earlier(&before, &events, &mut dice);
            let until =
                known.iter().rev().find(|(_, at)| *at <= moment).map_or(acknowledged, |(number, _)| *number);
            look(folder.path(), until, &format!("round {round}, at an earlier moment"));
        }
        power.fail(&disk, &mut dice);
        let head = look(power.root(), last, &format!("round {round}"));
        println!("round {round}: {last} blocks were acknowledged, {head} are stored");
        acknowledged = last;
    }
}

#[test]
fn large_changes_survive_6_rounds() {
    survive(6);
}

#[test]
#[ignore = "long: 200 rounds take half an hour"]
fn large_changes_survive_200_rounds() {
    survive(number("CRASH_ROUNDS", 200));
}
