//! The chains of the reference, executed again: the transactions of each block give the same
//! operations, account updates, failures, roots, commitments and outcomes of signature checks, byte
//! for byte.

use super::super::*;
use crate::domain::{AccountMap, Block, ExecutedOperations, ImportedBlock};
use crate::testing::vectors::{files, read};
use crate::witness::{CheckedSignatures, SignatureCheck, check_signatures, known_outcomes};
use std::path::{Path, PathBuf};

/// Executes the transactions of a block. A block does not say between which operations a
/// transaction failed: `failed_first` puts those before all operations, otherwise they come last.
fn execute(executor: &mut Executor, block: &Block, failed_first: bool) -> Result<CheckedSignatures, String> {
    let mut checked = CheckedSignatures::new();
    executor.set_time(block.timestamp);
    let (operations, failed): (Vec<_>, Vec<_>) =
        block.block_transactions.iter().partition(|executed| executed.op().is_some());
    let (first, second) = if failed_first { (failed, operations) } else { (operations, failed) };
    for executed in first.into_iter().chain(second) {
        match executed {
            ExecutedOperations::PriorityOp(op) => {
                let outcome = executor.execute_priority_op(&op.priority_op, op.created_at);
                assert_eq!(outcome, Ok(Outcome::Succeeded));
            }
            ExecutedOperations::Tx(tx) => {
                let verified = VerifiedTx::new(tx.signed_tx.clone());
                checked.extend(verified.hash().map(|hash| (hash, verified.version())));
                let outcome = executor.execute_tx(&verified, tx.created_at);
                let expected = tx.fail_reason.clone().map_or(Outcome::Succeeded, Outcome::Failed);
                if outcome != expected {
                    return Err(format!("{outcome:?} instead of {expected:?}: {:?}", tx.signed_tx.tx));
                }
            }
        }
    }
    Ok(checked)
}

/// Returns the number of transactions.
fn replay(genesis: &[u8], blocks: &[PathBuf]) -> usize {
    let accounts: AccountMap = serde_json::from_slice(genesis).unwrap();
    let mut state = State::new(accounts).unwrap();
    let mut head = Head::default();
    let mut transactions = 0;
    for file in blocks {
        let expected: ImportedBlock = serde_json::from_slice(&read(file)).unwrap();
        let block = &expected.block;
        head.next_priority_op = block.processed_priority_ops.0;
        // A failed transaction may have come before the block was full.
        let block_sizes = vec![block.block_chunks_size, block.block_chunks_size + 11];
        let options = ExecutorOptions { block_sizes, fee_account: block.fee_account };
        let mut executor = Executor::new(state, head, options).unwrap();
        let before = executor.clone();
        let checked = execute(&mut executor, block, false).unwrap_or_else(|other| {
            executor = before;
            execute(&mut executor, block, true).unwrap_or_else(|error| panic!("{other}; {error}"))
        });
        let outcomes = check_signatures(block);
        assert_eq!(known_outcomes(block, &checked).as_ref(), Some(&outcomes), "{}", file.display());
        if outcomes.iter().any(|outcome| *outcome != SignatureCheck::NotNeeded) {
            assert_eq!(known_outcomes(block, &CheckedSignatures::new()), None);
        }
        let sealed = executor.seal().unwrap();
        for (ours, theirs) in sealed.accounts_updated.iter().zip(&expected.accounts_updated) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(sealed, expected);
        assert_eq!(serde_json::to_string(&sealed).unwrap(), serde_json::to_string(&expected).unwrap());
        transactions += block.block_transactions.len();
        head.number = block.block_number;
        head.timestamp = block.timestamp;
        state = executor.into_state();
    }
    transactions
}

/// Replays every chain folder below `root`, and returns the number of chains and of transactions.
fn replay_all(root: &Path) -> (usize, usize) {
    let genesis = files(root).into_iter().find(|file| file.to_string_lossy().contains("genesis.json"));
    if let Some(genesis) = genesis {
        println!("{}", root.display());
        return (1, replay(&read(&genesis), &files(&root.join("blocks"))));
    }
    let folders = files(root).into_iter().filter(|path| path.is_dir());
    folders.map(|folder| replay_all(&folder)).fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1))
}

#[test]
fn every_chain_of_the_reference_is_executed_to_the_same_blocks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (chains, transactions) = replay_all(&root.join("tests/vectors/chains"));
    assert!(chains >= 82 && transactions >= 106, "{chains} chains, {transactions} transactions");
    let (_, transactions) = replay_all(&root.join("data/sample-chain"));
    assert!(transactions > 90, "{transactions} transactions");
}

#[test]
#[ignore = "vectors: all of the folder WITNESS_VECTORS"]
fn every_chain_of_the_vectors_folder_is_executed_to_the_same_blocks() {
    let root = PathBuf::from(std::env::var_os("WITNESS_VECTORS").expect("WITNESS_VECTORS is set"));
    let (chains, transactions) = replay_all(&root);
    println!("{chains} chains, {transactions} transactions");
    assert!(chains >= 83);
}
