//! All chains of `tests/vectors/chains`, from the plan to the JSON, byte for byte.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::crypto::fr;
use crate::crypto::rescue::{self, Engine};
use crate::domain::{AccountMap, Block, ExecutedOperations, ImportedBlock, ZkSyncOp, to_u128};
use crate::testing::Memory;
use crate::testing::vectors::{files, read};
use crate::tree::build::InitialAccount;
use crate::tree::{AccountHeader, AccountTree, TreeView};
use crate::workers::TreeState;

fn genesis(json: &[u8]) -> Memory {
    let accounts: AccountMap = serde_json::from_slice(json).unwrap();
    let accounts: Vec<InitialAccount> = accounts
        .into_iter()
        .map(|(id, account)| InitialAccount {
            id: id.0,
            header: AccountHeader {
                nonce: account.nonce.0,
                pub_key_hash: account.pub_key_hash.0,
                address: account.address.0,
            },
            balances: account.balances.iter().map(|(token, b)| (token.0, to_u128(b).unwrap())).collect(),
        })
        .collect();
    Memory::build(&accounts)
}

/// Assembles the whole witness in memory.
fn assembled(hashed: &Hashed, block: &Block) -> ProverData {
    let mut witness = hashed.without_operations(block);
    witness.operations = hashed.plan().operations.iter().flat_map(|op| hashed.operation(op)).collect();
    witness.operations.extend(std::iter::repeat_n(hashed.noop(), hashed.plan().padding));
    witness
}

/// Checks each block of a chain; returns their number.
fn check(chain: &Path, memory: &Arc<Memory>, blocks: &Path) -> usize {
    let expected = files(&chain.join("expected"));
    for (file, expected) in files(blocks).iter().zip(&expected) {
        let imported: ImportedBlock = serde_json::from_slice(&read(file)).unwrap();
        let block: &Block = &imported.block;
        let view = TreeView::new(memory.clone());
        let tree = AccountTree::open(&view).unwrap();
        let plan = plan(block, &check_signatures(block), &TreeState(&tree)).unwrap();
        let hashed = hash(block, plan, &tree).unwrap_or_else(|error| panic!("{}: {error}", chain.display()));
        let mut witness = Vec::new();
        hashed.write_json(block, &mut witness).unwrap();
        let assembled = assembled(&hashed, block);
        assert_eq!(assembled.operations.len(), block.block_chunks_size);
        assert!(
            witness == serde_json::to_vec(&assembled).unwrap(),
            "{}: the JSON of block {} differs from the assembled witness",
            chain.display(),
            block.block_number
        );
        let expected = read(expected);
        if witness != expected {
            let (ours, theirs): (ProverData, ProverData) =
                (serde_json::from_slice(&witness).unwrap(), serde_json::from_slice(&expected).unwrap());
            for (index, (our, their)) in ours.operations.iter().zip(&theirs.operations).enumerate() {
                assert_eq!(our, their, "{}: chunk {index} of block {}", chain.display(), block.block_number);
            }
            let (mut ours, mut theirs) = (ours, theirs);
            ours.operations.clear();
            theirs.operations.clear();
            assert_eq!(ours, theirs, "{}: block {}", chain.display(), block.block_number);
            panic!("{}: block {} differs only in the bytes of its JSON", chain.display(), block.block_number);
        }
        memory.apply(&hashed.change_set());
    }
    expected.len()
}

/// Hashes the blocks of the mixed chain in runs, one of which has a wrong root in the middle.
#[test]
fn blocks_that_are_hashed_together_have_the_same_witnesses() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sample = root.join("data/sample-chain");
    let expected = files(&root.join("tests/vectors/chains/chain_mixed/expected"));
    let blocks: Vec<Block> = files(&sample.join("blocks"))
        .iter()
        .map(|file| serde_json::from_slice::<ImportedBlock>(&read(file)).unwrap().block)
        .collect();
    let memory = Arc::new(genesis(&read(&sample.join("genesis.json"))));
    let mut done = 0;
    for (length, broken) in [(3, None), (4, Some(2)), (3, None)] {
        let mut run = blocks[done..done + length].to_vec();
        if let Some(broken) = broken {
            run[broken].new_root_hash = fr::from_u64(1);
        }
        let view = TreeView::new(memory.clone());
        let tree = AccountTree::open(&view).unwrap();
        let state = TreeState(&tree);
        let mut planner = Planner::new(&state);
        let plans = run.iter().map(|block| planner.next(block, &check_signatures(block)).unwrap());
        let plans: Vec<Plan> = plans.collect();
        let hashed = hash_run(run.iter().zip(plans).collect(), &tree).unwrap();
        assert_eq!(hashed.len(), broken.unwrap_or(length));
        for (block, hashed) in run.iter().zip(&hashed) {
            let mut witness = Vec::new();
            hashed.write_json(block, &mut witness).unwrap();
            assert!(witness == read(&expected[done]), "block {}", block.block_number);
            memory.apply(&hashed.change_set());
            done += 1;
        }
    }
    assert_eq!(done, blocks.len());
}

/// Hashes every second block of the mixed chain by its final values, in one run.
#[test]
fn a_block_without_a_witness_changes_the_tree_in_the_same_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sample = root.join("data/sample-chain");
    let expected = files(&root.join("tests/vectors/chains/chain_mixed/expected"));
    let blocks: Vec<Block> = files(&sample.join("blocks"))
        .iter()
        .map(|file| serde_json::from_slice::<ImportedBlock>(&read(file)).unwrap().block)
        .collect();
    let view = TreeView::new(Arc::new(genesis(&read(&sample.join("genesis.json")))));
    let tree = AccountTree::open(&view).unwrap();
    let state = TreeState(&tree);
    let run = |detail: &dyn Fn(u32) -> Detail| {
        let mut planner = Planner::new(&state);
        let run = blocks.iter().map(|block| {
            let plan = planner.next(block, &check_signatures(block)).unwrap();
            (block, plan, detail(block.block_number.0))
        });
        hash_mixed_run(run.collect(), &tree).unwrap()
    };
    let whole = run(&|_| Detail::Witness);
    for first in [0, 1] {
        let is_shown = |number: u32| number % 2 == first;
        let mixed = run(&|number| if is_shown(number) { Detail::Witness } else { Detail::FinalValues });
        assert_eq!(mixed.len(), blocks.len());
        for (index, (block, hashed)) in blocks.iter().zip(&mixed).enumerate() {
            assert_eq!(hashed.change_set(), whole[index].change_set(), "block {}", block.block_number);
            if is_shown(block.block_number.0) {
                let mut witness = Vec::new();
                hashed.write_json(block, &mut witness).unwrap();
                assert!(witness == read(&expected[index]), "block {}", block.block_number);
            }
        }
    }
    let mut broken = blocks[..2].to_vec();
    broken[1].new_root_hash = fr::from_u64(1);
    let mut planner = Planner::new(&state);
    let plans = broken
        .iter()
        .map(|block| (block, planner.next(block, &check_signatures(block)).unwrap(), Detail::FinalValues));
    assert_eq!(hash_mixed_run(plans.collect(), &tree).unwrap().len(), 1);
}

#[test]
fn signatures_of_several_blocks_have_the_outcomes_of_each_block() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = files(&root.join("tests/vectors/chains")).into_iter().map(|chain| chain.join("blocks"));
    let folders = folders.filter(|blocks| blocks.exists()).chain([root.join("data/sample-chain/blocks")]);
    let mut blocks: Vec<Block> = folders
        .flat_map(|blocks| files(&blocks))
        .map(|file| serde_json::from_slice::<ImportedBlock>(&read(&file)).unwrap().block)
        .collect();
    for executed in blocks.iter_mut().flat_map(|block| &mut block.block_transactions) {
        // Another nonce than the signed one.
        if let ExecutedOperations::Tx(tx) = executed
            && let Some(ZkSyncOp::ForcedExit(op)) = &mut tx.op
        {
            op.tx.nonce.0 += 1;
        }
    }
    let together = check_signatures_of(&blocks.iter().collect::<Vec<_>>());
    let one_by_one: Vec<_> = blocks.iter().map(check_signatures).collect();
    assert_eq!(together, one_by_one);
    use SignatureCheck::{Invalid, Legacy, NotNeeded, V1};
    for outcome in [NotNeeded, Legacy, V1, Invalid] {
        assert!(together.iter().flatten().any(|found| *found == outcome), "no {outcome:?}");
    }
    assert!(together.iter().any(Vec::is_empty), "no empty block");
}

/// Checks all chains by each of the engines; returns the number of blocks. The engine is that of the
/// whole process, but the results of other tests do not depend on it.
fn check_all(engines: &[Engine]) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sample = root.join("data/sample-chain");
    let best = rescue::engine();
    let mut checked = 0;
    for chain in files(&root.join("tests/vectors/chains")) {
        let (first, blocks) = match chain.ends_with("chain_mixed") {
            true => (sample.join("genesis.json"), sample.join("blocks")),
            false => (chain.join("genesis.json.zst"), chain.join("blocks")),
        };
        let genesis = genesis(&read(&first));
        for engine in engines {
            rescue::force_engine(*engine).unwrap();
            checked += check(&chain, &Arc::new(genesis.clone()), &blocks);
        }
        rescue::force_engine(best).unwrap();
    }
    checked
}

#[test]
fn witnesses_equal_the_reference() {
    let blocks = check_all(&[rescue::engine()]);
    assert!(blocks > 76, "{blocks} blocks");
}

#[test]
#[ignore = "needs a minute: hashes all chains by each engine"]
fn witnesses_equal_the_reference_by_each_engine() {
    let engines = Engine::ALL.into_iter().filter(|engine| *engine != Engine::Franklin);
    let engines: Vec<Engine> = engines.filter(|engine| rescue::is_available(*engine)).collect();
    let blocks = check_all(&engines);
    assert!(blocks > 76 * engines.len(), "{blocks} blocks by {engines:?}");
}
