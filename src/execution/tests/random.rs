//! Random chains of every kind of transaction: conservation of tokens, nonces, and blocks that the
//! import accepts and whose witness has their root.

use crate::domain::ExecutedOperations;
use crate::store::{Store, StoreOptions};
use crate::testing::random_chain::{Choices, RandomChain, execute};
use crate::workers::{Imported, import};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Imports the chain of a seed, and counts its operations by kind and its failures by reason.
fn import_chain(seed: u64, steps: usize, seen: &mut BTreeMap<String, usize>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let mut chain = RandomChain::signed();
    import::genesis(&store, &serde_json::to_vec(&chain.genesis()).unwrap(), &|_, _| {}).unwrap();
    let mut choices = Choices::from_seed(seed);
    let mut blocks: Vec<_> = (0..steps).filter_map(|_| chain.step(&mut choices)).collect();
    blocks.push(chain.seal());
    for block in blocks {
        let (_, outcome) = import::block(&store, &serde_json::to_vec(&block).unwrap()).unwrap();
        assert!(matches!(outcome, Imported::Stored), "seed {seed}: {outcome:?}");
        for executed in &block.block.block_transactions {
            let name = match executed {
                ExecutedOperations::Tx(tx) => tx.fail_reason.clone(),
                ExecutedOperations::PriorityOp(_) => None,
            };
            let name = name.unwrap_or_else(|| executed.op().unwrap().kind().to_owned());
            *seen.entry(name).or_default() += 1;
        }
    }
}

#[test]
fn random_chains_are_imported() {
    let mut seen = BTreeMap::new();
    for seed in 0..3 {
        import_chain(seed, 120, &mut seen);
    }
    println!("{seen:#?}");
    let kinds = ["Deposit", "Transfer", "Withdraw", "FullExit", "MintNFTOp", "Swap", "ChangePubKeyOffchain"];
    for kind in kinds {
        assert!(seen.contains_key(kind), "no {kind} in {seen:#?}");
    }
}

#[test]
#[ignore = "runs for 10 minutes"]
fn many_random_chains_are_imported() {
    let mut seen = BTreeMap::new();
    for seed in 1_000..1_100 {
        import_chain(seed, 400, &mut seen);
    }
    println!("{seen:#?}");
    let kinds = ["TransferToNew", "ForcedExit", "WithdrawNFT"];
    assert!(kinds.iter().all(|kind| seen.contains_key(*kind)), "{seen:#?}");
    assert!(seen.len() > 40, "{seen:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn chains_of_any_bytes_keep_the_rules(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        execute(&bytes);
    }
}
