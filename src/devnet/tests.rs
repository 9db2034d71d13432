//! The core of a devnet, from its start to the end of a block.

use std::time::Duration;

use super::control_error::ControlError;
use super::ledger::TxStatus;
use super::options::{DevnetOptions, Finality};
use super::submit_error::SubmitError;
use super::testing::{
    FEE, STRANGER, balance, deposit, open, options, set_key, submit, transfer, until, wallets,
};
use crate::domain::{AccountId, AggregatedAction, ImportedBlock, TokenId};
use crate::witness::check_signatures;

const ETH: u128 = 10u128.pow(18);

#[tokio::test(flavor = "multi_thread")]
async fn a_new_chain_has_the_funded_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let devnet = open(folder.path(), options()).await;
    devnet.read(|ledger| {
        assert_eq!((ledger.last_sealed(), ledger.last_final(), ledger.mempool_size()), (0, 0, 0));
        for (index, account) in (1..).zip(devnet.accounts()) {
            let (id, state) = ledger.committed().by_address(&account.address).unwrap();
            assert_eq!(id, AccountId(index));
            let balances: Vec<u128> = (0..4).map(|token| state.balance(TokenId(token))).collect();
            assert_eq!(balances, [100 * ETH, 100 * ETH, 100_000_000, 10_000_000_000]);
            assert_eq!(ledger.verified().by_id(id), Some(state));
        }
    });
    devnet.stop().await;
    assert!(matches!(devnet.deposit(deposit(STRANGER, 1)).await, Err(ControlError::Unavailable(_))));
    let refused = submit(&devnet, transfer(STRANGER, 1, 0)).await;
    assert!(matches!(refused, Err(SubmitError::Unavailable(_) | SubmitError::Incorrect(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_are_executed_sealed_proven_and_final() {
    let folder = tempfile::tempdir().unwrap();
    let quick = DevnetOptions {
        block_time: Duration::from_millis(50),
        provers: 2,
        finality: Finality::Proof,
        ..options()
    };
    let devnet = open(folder.path(), quick).await;
    let key = set_key(&devnet, 0).await;
    let sent = submit(&devnet, transfer(STRANGER, 5, 1)).await.unwrap();
    let failing = submit(&devnet, transfer(STRANGER, 5, 7)).await.unwrap();
    let receipt = devnet.deposit(deposit(STRANGER, 9)).await.unwrap();
    assert_eq!(receipt.serial_id, 0);
    let is_final = |hash| {
        move |ledger: &super::ledger::Ledger| {
            ledger.tx(&hash).is_some_and(|tx| ledger.status(tx) == TxStatus::Finalized)
        }
    };
    until(&devnet, is_final(key)).await;
    until(&devnet, is_final(sent)).await;
    until(&devnet, is_final(receipt.eth_hash)).await;
    devnet.read(|ledger| {
        let failed = ledger.tx(&failing).unwrap();
        assert_eq!(ledger.status(failed), TxStatus::Rejected);
        assert_eq!(failed.fail_reason.as_deref(), Some("Nonce mismatch"));
        let (_, stranger) = ledger.verified().by_address(&STRANGER).unwrap();
        assert_eq!(stranger.balance(TokenId(0)), 14);
        // The fees of both successful transactions are paid out.
        let fees = ledger.committed().by_id(AccountId(0)).unwrap().balance(TokenId(0));
        assert_eq!(fees, 2 * FEE);
        assert_eq!(ledger.txs_of(&STRANGER).len(), 3);
        assert_eq!(ledger.total_transactions(), 3);
        let block = ledger.tx(&sent).unwrap().block.unwrap();
        assert!(ledger.block(block).unwrap().transactions.contains(&sent));
        assert!(ledger.block(block).unwrap().verify_tx_hash.is_some());
    });
    let node = devnet.node().unwrap();
    let head = node.store().chain().head().unwrap();
    for action in AggregatedAction::ALL {
        let operation = node.store().chain().aggregated_operation_covering(action, 1).unwrap();
        assert!(operation.is_some(), "{action}");
    }
    assert_eq!(node.store().chain().last_verified_block().unwrap(), head);
    for number in 1..=head {
        let json = node.store().chain().block_json(number).unwrap().unwrap();
        let block: ImportedBlock = serde_json::from_slice(&json).unwrap();
        let outcomes: Vec<u8> = check_signatures(&block.block).iter().map(|check| *check as u8).collect();
        assert_eq!(node.store().chain().block_extra(number).unwrap(), Some(outcomes), "block {number}");
    }
    drop(node);
    devnet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_gives_the_same_pending_block() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let devnet = open(first.path(), options()).await;
    set_key(&devnet, 0).await;
    devnet.seal_now().await.unwrap();
    let mut hashes = Vec::new();
    for nonce in 1..4 {
        hashes.push(submit(&devnet, transfer(STRANGER, u128::from(nonce), nonce)).await.unwrap());
        hashes.push(devnet.deposit(deposit(wallets()[1].address, 3)).await.unwrap().tx_hash);
    }
    hashes.push(submit(&devnet, transfer(STRANGER, 1, 9)).await.unwrap());
    until(&devnet, |ledger| ledger.pending().len() == 7).await;
    devnet.advance_time(1000).await.unwrap();
    let before = devnet.read(|ledger| (ledger.pending().to_vec(), ledger.total_transactions()));
    devnet.stop().await;

    // Two restarts from the same state seal the same block.
    copy(first.path(), second.path());
    let mut blocks = Vec::new();
    for folder in [&first, &second] {
        let devnet = open(folder.path(), options()).await;
        assert_eq!(devnet.read(|ledger| (ledger.pending().to_vec(), ledger.total_transactions())), before);
        assert_eq!(balance(&devnet, STRANGER), 6);
        assert_eq!(devnet.seal_now().await.unwrap(), Some(2));
        let node = devnet.node().unwrap();
        blocks.push(node.store().chain().block_json(2).unwrap().unwrap());
        assert!(node.store().inbox().unwrap().iter().all(|(key, _)| !b"rpm".contains(&key[0])));
        drop(node);
        let receipt = devnet.deposit(deposit(STRANGER, 1)).await.unwrap();
        assert_eq!(receipt.serial_id, 3);
        devnet.stop().await;
    }
    assert!(blocks[0] == blocks[1]);
    let text = String::from_utf8(blocks.remove(0)).unwrap();
    assert_eq!(text.matches("\"success\":true").count(), 3);
    assert_eq!(text.matches("Nonce mismatch").count(), 1);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    crate::store::wait_until_closed(from).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_files(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn copy_files(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_files(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_final_at_once_or_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let devnet = open(folder.path(), options()).await;
    devnet.deposit(deposit(STRANGER, 1)).await.unwrap();
    assert_eq!(devnet.seal_now().await.unwrap(), Some(1));
    assert_eq!(devnet.seal_now().await.unwrap(), None);
    until(&devnet, |ledger| ledger.last_final() == 1).await;
    assert!(matches!(devnet.finalize(None).await, Err(ControlError::Invalid(_))));
    devnet.stop().await;

    let folder = tempfile::tempdir().unwrap();
    let devnet = open(folder.path(), DevnetOptions { finality: Finality::Manual, ..options() }).await;
    assert_eq!(devnet.mine(3).await.unwrap(), 3);
    assert_eq!(devnet.read(|ledger| (ledger.last_sealed(), ledger.last_final())), (3, 0));
    assert!(matches!(devnet.finalize(Some(4)).await, Err(ControlError::NotFound(_))));
    assert_eq!(devnet.finalize(Some(2)).await.unwrap(), 2);
    assert_eq!(devnet.read(|ledger| ledger.last_final()), 2);
    assert_eq!(devnet.finalize(Some(1)).await.unwrap(), 2);
    assert_eq!(devnet.finalize(None).await.unwrap(), 3);
    devnet.stop().await;
    let devnet = open(folder.path(), DevnetOptions { finality: Finality::Manual, ..options() }).await;
    assert_eq!(devnet.read(|ledger| (ledger.last_sealed(), ledger.last_final())), (3, 3));
    devnet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_holds_blocks_pending_block_mempool_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let devnet = open(folder.path(), options()).await;
    set_key(&devnet, 0).await;
    devnet.seal_now().await.unwrap();
    submit(&devnet, transfer(STRANGER, 5, 1)).await.unwrap();
    until(&devnet, |ledger| ledger.pending().len() == 1).await;
    let snapshot = devnet.snapshot().await.unwrap();
    submit(&devnet, transfer(STRANGER, 7, 2)).await.unwrap();
    devnet.set_time(4_000_000_000).await.unwrap();
    devnet.mine(3).await.unwrap();
    assert!(devnet.now_ms() >= 4_000_000_000_000);
    let later = devnet.snapshot().await.unwrap();
    for _ in 0..2 {
        devnet.revert(snapshot).await.unwrap();
        assert_eq!(balance(&devnet, STRANGER), 5);
        assert!(devnet.now_ms() < 4_000_000_000_000);
        devnet.read(|ledger| {
            assert_eq!((ledger.last_sealed(), ledger.pending().len()), (1, 1));
        });
        assert!(matches!(devnet.revert(later).await, Err(ControlError::NotFound(_))));
        // The chain goes another way now.
        submit(&devnet, transfer(STRANGER, 1, 2)).await.unwrap();
        until(&devnet, |ledger| ledger.pending().len() == 2).await;
        assert_eq!(devnet.seal_now().await.unwrap(), Some(2));
        assert_eq!(balance(&devnet, STRANGER), 6);
    }
    devnet.reset().await.unwrap();
    assert_eq!(balance(&devnet, STRANGER), 0);
    devnet.read(|ledger| {
        assert_eq!((ledger.last_sealed(), ledger.pending().len()), (0, 0));
        assert!(ledger.committed().by_address(&STRANGER).is_none());
    });
    assert!(matches!(devnet.revert(snapshot).await, Err(ControlError::NotFound(_))));
    set_key(&devnet, 0).await;
    devnet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn automine_seals_each_request() {
    let folder = tempfile::tempdir().unwrap();
    let devnet = open(folder.path(), options()).await;
    devnet.set_automine(true);
    set_key(&devnet, 0).await;
    for nonce in 1..4 {
        let hash = submit(&devnet, transfer(STRANGER, 1, nonce)).await.unwrap();
        devnet.read(|ledger| {
            assert_eq!(ledger.tx(&hash).unwrap().block, Some(nonce + 1));
            assert_eq!(ledger.last_sealed(), nonce + 1);
        });
    }
    devnet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn automine_waits_for_a_transaction_that_failed_before() {
    let folder = tempfile::tempdir().unwrap();
    let devnet = open(folder.path(), options()).await;
    devnet.set_automine(true);
    set_key(&devnet, 0).await;
    let hash = submit(&devnet, transfer(STRANGER, 101 * ETH, 1)).await.unwrap();
    assert_eq!(devnet.read(|ledger| ledger.status(ledger.tx(&hash).unwrap())), TxStatus::Rejected);
    devnet.deposit(deposit(wallets()[0].address, 5 * ETH)).await.unwrap();
    assert_eq!(submit(&devnet, transfer(STRANGER, 101 * ETH, 1)).await.unwrap(), hash);
    assert!(devnet.read(|ledger| ledger.tx(&hash).unwrap().op.is_some()));
    assert!(matches!(devnet.mine(0).await, Err(ControlError::Invalid(_))));
    devnet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_waits_for_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let devnet = open(folder.path(), options()).await;
    set_key(&devnet, 0).await;
    devnet.seal_now().await.unwrap();
    let wallet = &wallets()[0];
    let now = devnet.now_ms() / 1000;
    let (tx, signatures) = wallet.transfer(AccountId(1), STRANGER, 5, FEE, 1);
    let crate::domain::ZkSyncTx::Transfer(mut tx) = tx else { panic!() };
    tx.time_range = Some(crate::domain::TimeRange { valid_from: now + 1000, valid_until: now + 2000 });
    tx.signature = wallet.sign(&tx.signed_bytes().unwrap());
    let hash = submit(&devnet, (crate::domain::ZkSyncTx::Transfer(tx), signatures)).await.unwrap();
    devnet.mine(1).await.unwrap();
    assert_eq!(devnet.read(|ledger| ledger.mempool().count()), 1);
    assert_eq!(devnet.read(|ledger| ledger.status(ledger.tx(&hash).unwrap())), TxStatus::Queued);
    devnet.advance_time(1500).await.unwrap();
    until(&devnet, |ledger| ledger.tx(&hash).unwrap().op.is_some()).await;
    let block = devnet.seal_now().await.unwrap().unwrap();
    let json = devnet.node().unwrap().store().chain().block_json(block).unwrap().unwrap();
    let sealed: crate::domain::ImportedBlock = serde_json::from_slice(&json).unwrap();
    assert!(sealed.block.timestamp >= now + 1500);
    devnet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_fails_and_a_block_is_held_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let proven = DevnetOptions { provers: 2, finality: Finality::Proof, ..options() };
    let devnet = open(folder.path(), proven).await;
    devnet.hold_block(1, true);
    assert_eq!(devnet.held_blocks(), [1]);
    devnet.mine(2).await.unwrap();
    let node = devnet.node().unwrap();
    let is_proven = |block| node.store().queue().has_single_proof(block).unwrap();
    while !is_proven(2) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!is_proven(1));
    devnet.hold_block(1, false);
    until(&devnet, |ledger| ledger.last_final() == 2).await;
    devnet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mempool_is_bounded_and_a_repeated_transaction_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let devnet = open(folder.path(), DevnetOptions { mempool_limit: 2, ..options() }).await;
    set_key(&devnet, 0).await;
    devnet.seal_now().await.unwrap();
    let later = |nonce: u32| {
        let wallet = &wallets()[0];
        let (tx, signatures) = wallet.transfer(AccountId(1), STRANGER, 5, FEE, nonce);
        let crate::domain::ZkSyncTx::Transfer(mut tx) = tx else { panic!() };
        tx.time_range =
            Some(crate::domain::TimeRange { valid_from: 9_000_000_000, valid_until: 9_000_000_001 });
        tx.signature = wallet.sign(&tx.signed_bytes().unwrap());
        (crate::domain::ZkSyncTx::Transfer(tx), signatures)
    };
    let first = submit(&devnet, later(1)).await.unwrap();
    assert_eq!(submit(&devnet, later(1)).await.unwrap(), first);
    assert_eq!(devnet.read(|ledger| ledger.mempool_size()), 1);
    submit(&devnet, later(2)).await.unwrap();
    assert_eq!(submit(&devnet, later(3)).await, Err(SubmitError::MempoolFull(2)));
    devnet.stop().await;
    let devnet = open(folder.path(), options()).await;
    assert_eq!(devnet.read(|ledger| ledger.mempool_size()), 2);
    devnet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_layer_one_that_the_contract_would_refuse_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let devnet = open(folder.path(), options()).await;
    use super::requests::FullExitRequest;
    use super::tokens::TokenLike;
    use crate::domain::Address;
    for request in [
        deposit(Address::default(), 1),
        deposit(Address([0xff; 20]), 1),
        deposit(STRANGER, 0),
        deposit(STRANGER, u128::MAX),
        super::requests::DepositRequest {
            amount: num_bigint::BigUint::from(1u8) << 128u32,
            ..deposit(STRANGER, 1)
        },
        super::requests::DepositRequest {
            token: TokenLike::Symbol("DAI".to_owned()),
            amount: num_bigint::BigUint::from(1u8) << 104u32,
            ..deposit(STRANGER, 1)
        },
    ] {
        let refused = devnet.deposit(request.clone()).await;
        assert!(matches!(refused, Err(ControlError::Invalid(_))), "{request:?}: {refused:?}");
    }
    let unknown =
        super::requests::DepositRequest { token: TokenLike::Id(TokenId(9)), ..deposit(STRANGER, 1) };
    assert!(matches!(devnet.deposit(unknown).await, Err(ControlError::NotFound(_))));
    let exit = |account: u32, token: u32| FullExitRequest {
        account_id: AccountId(account),
        token: TokenLike::Id(TokenId(token)),
        eth_address: None,
    };
    for (account, token) in [(99, 0), (1, 9), (1, 65_535), (1, (1 << 31) - 2)] {
        let refused = devnet.full_exit(exit(account, token)).await;
        assert!(matches!(refused, Err(ControlError::NotFound(_))), "{account} {token}: {refused:?}");
    }
    for account in [(1 << 24) - 1, 1 << 24] {
        let refused = devnet.full_exit(exit(account, 0)).await;
        assert!(matches!(refused, Err(ControlError::Invalid(_))), "{account}: {refused:?}");
    }
    // Serial ids have no gaps.
    assert_eq!(devnet.full_exit(exit(2, 0)).await.unwrap().serial_id, 0);
    let foreign = FullExitRequest { eth_address: Some(STRANGER), ..exit(3, 0) };
    assert_eq!(devnet.full_exit(foreign).await.unwrap().serial_id, 1);
    devnet.seal_now().await.unwrap();
    assert_eq!(balance(&devnet, wallets()[1].address), 0);
    assert_eq!(balance(&devnet, wallets()[2].address), 100 * ETH);
    devnet.stop().await;
}
