//! Contradictions between genesis, blocks, accounts and tree, each found at its place.

use std::path::Path;

use super::check;
use crate::crypto::fr;
use crate::domain::job::JobType;
use crate::store::{Finding, ImportedProof, Inspection, Store, StoreOptions};
use crate::testing::Chain;
use crate::tree::{TreeId, record};
use crate::workers::{Node, NodeOptions, import};

/// Three blocks, of which two are witnessed, so that accounts and tree are at different blocks.
fn grown(dir: &Path) {
    let store = std::sync::Arc::new(Store::open(dir, StoreOptions::default()).unwrap());
    let mut chain = Chain::with_accounts(9, 2);
    import::genesis(&store, &serde_json::to_vec(&chain.genesis()).unwrap(), &|_, _| {}).unwrap();
    for _ in 0..3 {
        import::block(&store, &serde_json::to_vec(&chain.next_block(4)).unwrap()).unwrap();
    }
    let node = Node::new(store.clone(), NodeOptions { witness_generators: 1, ..NodeOptions::default() });
    node.start_maintainers(2).unwrap();
    while store.tree().head().unwrap() < 2 {
        assert!(!node.has_failed());
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    node.stop();
    store.sync().unwrap();
}

fn found(dir: &Path) -> Vec<Finding> {
    let inspection = Inspection::open(dir, StoreOptions::default()).unwrap();
    check(&inspection, &|_, _, _| {}).unwrap()
}

/// The expected place of the finding; table, key and new value of the changed entry.
type Case<'a> = (&'a str, &'a str, Vec<u8>, Option<&'a [u8]>);

#[test]
fn each_contradiction_is_found_at_its_place() {
    let balance = 5u128.to_be_bytes();
    let pair = record::encode_pair(&[fr::from_u64(1), fr::from_u64(2)]);
    let account = |id: u32, rest: &[u8]| [&id.to_be_bytes()[..], rest].concat();
    let cases: [Case<'_>; 8] = [
        ("account 1", "accounts", account(1, &[]), None),
        ("account 2", "accounts", account(2, &[0, 0, 0, 0]), Some(&balance)),
        ("table `accounts`", "accounts", account(99, &[0, 0, 0, 0]), Some(&balance)),
        ("account 2 of the tree", "account_tree", record::balance_key(2, 0), Some(&balance)),
        ("account tree", "account_tree", record::account_key(3), None),
        (
            "table `account_tree`, key 030100000000",
            "account_tree",
            record::junction_key(TreeId::Accounts, 1, 0),
            Some(&pair),
        ),
        ("table `account_tree`", "account_tree", record::junction_key(TreeId::Accounts, 9, 77), Some(&pair)),
        ("table `account_tree`, key 00", "account_tree", record::ROOTS.to_vec(), Some(&pair)),
    ];
    let dir = tempfile::tempdir().unwrap();
    grown(dir.path());
    assert_eq!(found(dir.path()), vec![]);
    for (place, table, key, value) in cases {
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        let before = store.tamper(table, &key, None);
        if let Some(value) = value {
            store.tamper(table, &key, Some(&crate::store::sealed(value)));
        }
        store.sync().unwrap();
        drop(store);
        let found = found(dir.path());
        assert!(found.iter().any(|finding| finding.place == place), "{place}: {found:#?}");
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        store.tamper(table, &key, before.as_deref());
        store.sync().unwrap();
    }
    assert_eq!(found(dir.path()), vec![]);
}

#[test]
fn an_invalid_proof_is_found() {
    let dir = tempfile::tempdir().unwrap();
    grown(dir.path());
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let proof = ImportedProof { first: 2, last: 2, prover: None, stored_at_ms: 0, json: b"{}".to_vec() };
    store.queue().import_proof(JobType::Single, &proof).unwrap();
    store.sync().unwrap();
    drop(store);
    let found = found(dir.path());
    assert!(matches!(&found[..], [one] if one.place == "proof of the blocks 2 to 2"), "{found:#?}");
}
