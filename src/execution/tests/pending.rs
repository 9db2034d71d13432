//! Batches, limits of blocks, and time.

use super::super::*;
use crate::domain::tx::{ChangePubKey, ChangePubKeyEthAuthData, MintNft, Withdraw};
use crate::domain::{
    Account, AccountId, AccountMap, Address, Deposit, ExecutedOperations, ExecutedTx, FullExit, H256,
    MIN_NFT_TOKEN_ID, NFT_STORAGE_ACCOUNT_ID, NFT_TOKEN_ID, Nonce, PriorityOp, PubKeyHash, SignedZkSyncTx,
    TimeRange, TokenId, Transfer, TxSignature, ZkSyncPriorityOp, ZkSyncTx,
};
use chrono::{DateTime, Utc};

const KEY: PubKeyHash = PubKeyHash([5; 20]);
const TIME: u64 = 1_000;

fn address(id: u32) -> Address {
    Address([id as u8 | 0x10; 20])
}

fn at(seconds: u64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds as i64, 0).unwrap()
}

/// Accounts 0 (which receives the fees) to 3, all with the same key and `balance` of token 0.
fn executor(balance: u128, block_sizes: &[usize]) -> Executor {
    let mut accounts = AccountMap::new();
    for id in 0..4 {
        let mut account = Account { pub_key_hash: KEY, address: address(id), ..Account::default() };
        account.balances.insert(TokenId(0), balance.into());
        accounts.insert(AccountId(id), account);
    }
    let mut storage = Account { address: Address([0xff; 20]), ..Account::default() };
    storage.balances.insert(NFT_TOKEN_ID, MIN_NFT_TOKEN_ID.0.into());
    accounts.insert(NFT_STORAGE_ACCOUNT_ID, storage);
    let options = ExecutorOptions { block_sizes: block_sizes.to_vec(), fee_account: AccountId(0) };
    let mut executor = Executor::new(State::new(accounts).unwrap(), Head::default(), options).unwrap();
    executor.set_time(TIME);
    executor
}

/// A transaction that counts as signed with [`KEY`].
fn verified(tx: ZkSyncTx) -> VerifiedTx {
    let signed = SignedZkSyncTx { tx, eth_sign_data: None, created_at: at(TIME) };
    VerifiedTx::signed_by(signed, KEY, [None; 2])
}

fn transfer_of(from: u32, to: Address, amount: u128, fee: u128, nonce: u32) -> VerifiedTx {
    verified(ZkSyncTx::Transfer(Box::new(Transfer {
        account_id: AccountId(from),
        from: address(from),
        to,
        token: TokenId(0),
        amount: amount.into(),
        fee: fee.into(),
        nonce: Nonce(nonce),
        time_range: None,
        signature: TxSignature::default(),
    })))
}

fn transfer(from: u32, to: u32, nonce: u32) -> VerifiedTx {
    transfer_of(from, address(to), 1, 1, nonce)
}

fn mint(creator: u32, nonce: u32) -> VerifiedTx {
    verified(ZkSyncTx::MintNFT(Box::new(MintNft {
        creator_id: AccountId(creator),
        creator_address: address(creator),
        content_hash: H256([1; 32]),
        recipient: address(creator),
        fee: 1u8.into(),
        fee_token: TokenId(0),
        nonce: Nonce(nonce),
        signature: TxSignature::default(),
    })))
}

fn fast_withdrawal(from: u32, amount: u128, nonce: u32) -> VerifiedTx {
    verified(ZkSyncTx::Withdraw(Box::new(Withdraw {
        account_id: AccountId(from),
        from: address(from),
        to: address(from),
        token: TokenId(0),
        amount: amount.into(),
        fee: 0u8.into(),
        nonce: Nonce(nonce),
        signature: TxSignature::default(),
        fast: true,
        time_range: Some(TimeRange::default()),
    })))
}

/// The transaction with the highest gas of a commit.
fn key_change(id: u32, nonce: u32) -> VerifiedTx {
    verified(ZkSyncTx::ChangePubKey(Box::new(ChangePubKey {
        account_id: AccountId(id),
        account: address(id),
        new_pk_hash: KEY,
        fee_token: TokenId(0),
        fee: 0u8.into(),
        nonce: Nonce(nonce),
        signature: TxSignature::default(),
        eth_signature: None,
        eth_auth_data: Some(ChangePubKeyEthAuthData::Onchain {}),
        time_range: None,
        chain_id: None,
    })))
}

fn priority_op(serial_id: u64, data: ZkSyncPriorityOp) -> PriorityOp {
    let eth_hash = H256([serial_id as u8; 32]);
    PriorityOp { serial_id, data, deadline_block: 0, eth_hash, eth_block: 0, eth_block_index: None }
}

fn deposit(serial_id: u64, to: Address, amount: u128) -> PriorityOp {
    let from = address(9);
    let token = TokenId(0);
    priority_op(serial_id, ZkSyncPriorityOp::Deposit(Deposit { from, token, amount: amount.into(), to }))
}

fn tx(executed: &ExecutedOperations) -> &ExecutedTx {
    let ExecutedOperations::Tx(tx) = executed else { panic!("a priority operation") };
    tx
}

#[test]
fn a_failed_batch_leaves_nothing_but_its_failures() {
    let mut executor = executor(100, &[100]);
    executor.execute_tx(&transfer(1, 2, 0), at(TIME));
    let before = executor.clone();
    let fresh = Address([0x77; 20]);
    let batch = [transfer_of(1, fresh, 5, 0, 1), mint(2, 0), transfer(1, 2, 2), transfer(3, 2, 9)];
    let reason = "Batch execution failed, since tx #4 of batch failed with a reason: Nonce mismatch";
    assert_eq!(executor.execute_batch(&batch, 7, at(TIME)), Outcome::Failed(reason.into()));
    assert_eq!(executor.state().accounts(), before.state().accounts());
    assert_eq!(executor.state().account_by_address(&fresh), None);
    assert_eq!(executor.state().nft(TokenId(65_536)), None);
    assert_eq!(executor.state().next_account_id(), AccountId(4));
    assert_eq!(executor.pending().updates(), before.pending().updates());
    assert_eq!(executor.pending().chunks_left(), before.pending().chunks_left());
    let failed = executor.pending().failed();
    assert_eq!(failed.len(), 4);
    for executed in failed.iter().map(tx) {
        assert_eq!(executed.fail_reason.as_deref(), Some(reason));
        assert_eq!((executed.success, executed.block_index, executed.batch_id), (false, None, Some(7)));
        assert_eq!(executed.op, None);
    }

    // The id and the NFT are used by the next one.
    let batch = [transfer_of(1, fresh, 5, 0, 1), transfer_of(1, fresh, 5, 1, 2), mint(2, 0)];
    assert_eq!(executor.execute_batch(&batch, 8, at(TIME)), Outcome::Succeeded);
    assert_eq!(executor.state().account_by_address(&fresh).unwrap().0, AccountId(4));
    assert_eq!(executor.state().nft(TokenId(65_536)).unwrap().serial_id, 0);
    let operations: Vec<&ExecutedTx> = executor.pending().operations().iter().map(tx).collect();
    let places: Vec<_> = operations.iter().map(|tx| (tx.block_index.unwrap(), tx.batch_id)).collect();
    assert_eq!(places, [(0, None), (1, Some(8)), (2, Some(8)), (3, Some(8))]);
    assert_eq!(executor.pending().chunks_left(), 100 - 2 - 6 - 2 - 5);

    let block = executor.seal().unwrap().block;
    assert_eq!(block.block_transactions.len(), 8);
    assert!(block.block_transactions[..4].iter().all(|executed| tx(executed).success));
    // Fees of 1, 1 and 1 in the order of execution, not merged; that of 0 is left out.
    assert_eq!(executor.state().balance(AccountId(0), TokenId(0)), 103);
}

#[test]
fn a_batch_waits_for_a_block_or_fails_if_no_block_is_large_enough() {
    let mut executor = executor(100, &[4, 10]);
    executor.execute_tx(&transfer(1, 2, 0), at(TIME));
    let batch: Vec<VerifiedTx> = (1..6).map(|nonce| transfer(1, 2, nonce)).collect();
    assert_eq!(executor.execute_batch(&batch, 1, at(TIME)), Outcome::BlockFull);
    assert_eq!(executor.execute_batch(&batch[..4], 1, at(TIME)), Outcome::Succeeded);
    assert_eq!(executor.execute_tx(&transfer(1, 2, 5), at(TIME)), Outcome::BlockFull);
    assert_eq!(executor.seal().unwrap().block.block_chunks_size, 10);
    assert_eq!(executor.execute_tx(&transfer(1, 2, 5), at(TIME)), Outcome::Succeeded);
    assert_eq!(executor.seal().unwrap().block.block_chunks_size, 4);
    let reason = "Batch will not fit in any of supported block sizes";
    let batch: Vec<VerifiedTx> = (6..12).map(|nonce| transfer(1, 2, nonce)).collect();
    assert_eq!(executor.execute_batch(&batch, 2, at(TIME)), Outcome::Failed(reason.into()));
    // A new recipient counts six chunks once.
    let fresh = Address([0x77; 20]);
    let batch =
        [transfer_of(1, fresh, 1, 0, 6), transfer_of(1, fresh, 1, 0, 7), transfer_of(1, fresh, 1, 0, 8)];
    assert_eq!(executor.execute_batch(&batch, 3, at(TIME)), Outcome::Succeeded);
    assert_eq!(executor.pending().chunks_left(), 0);
}

#[test]
fn gas_bounds_blocks_and_batches() {
    let mut executor = executor(100, &[10_000]);
    // 1.3 · (51,000 + 25,000 · n) is at most 4,000,000 up to n = 121.
    for nonce in 0..120 {
        assert_eq!(executor.execute_tx(&key_change(1, nonce), at(TIME)), Outcome::Succeeded);
    }
    let two = [key_change(1, 120), key_change(1, 121)];
    assert_eq!(executor.execute_batch(&two, 1, at(TIME)), Outcome::BlockFull);
    assert_eq!(executor.state().account(AccountId(1)).unwrap().nonce, Nonce(120));
    assert_eq!(executor.execute_tx(&two[0], at(TIME)), Outcome::Succeeded);
    assert_eq!(executor.execute_tx(&two[1], at(TIME)), Outcome::BlockFull);
    let too_many: Vec<VerifiedTx> = (121..243).map(|nonce| key_change(1, nonce)).collect();
    let reason = "Amount of gas required to process batch is too big";
    assert_eq!(executor.execute_batch(&too_many, 2, at(TIME)), Outcome::Failed(reason.into()));
    assert_eq!(executor.state().account(AccountId(1)).unwrap().nonce, Nonce(121));
    assert_eq!(executor.seal().unwrap().block.chunks_used(), 121 * 6);
    assert_eq!(executor.execute_batch(&too_many[..121], 3, at(TIME)), Outcome::Succeeded);
}

#[test]
fn balances_and_fees_stay_within_128_bits() {
    let max = u128::MAX;
    let mut executor = executor(max / 4, &[100]);
    assert_eq!(
        executor.execute_priority_op(&deposit(0, address(2), max), at(TIME)),
        Err(PriorityOpError::Overflow)
    );
    let rest = max - max / 4;
    assert_eq!(executor.execute_priority_op(&deposit(0, address(2), rest), at(TIME)), Ok(Outcome::Succeeded));
    let overflow = Outcome::Failed("Balance would exceed 128 bits".into());
    assert_eq!(executor.execute_tx(&transfer(1, 2, 0), at(TIME)), overflow);
    // The fee account has room for a fee of 10, and then for nothing else.
    let room = max - max / 4 - 10;
    assert_eq!(executor.execute_priority_op(&deposit(1, address(0), room), at(TIME)), Ok(Outcome::Succeeded));
    assert_eq!(executor.execute_tx(&transfer_of(1, address(3), 1, 11, 0), at(TIME)), overflow);
    assert_eq!(executor.execute_tx(&transfer_of(1, address(3), 1, 10, 0), at(TIME)), Outcome::Succeeded);
    assert_eq!(executor.execute_tx(&transfer_of(1, address(3), 1, 1, 1), at(TIME)), overflow);
    assert_eq!(executor.execute_tx(&transfer_of(1, address(0), 1, 0, 1), at(TIME)), overflow);
    assert_eq!(
        executor.execute_priority_op(&deposit(2, address(0), 1), at(TIME)),
        Err(PriorityOpError::Overflow)
    );
    executor.seal().unwrap();
    assert_eq!(executor.state().balance(AccountId(0), TokenId(0)), max);
}

#[test]
fn priority_operations_that_a_contract_refuses_change_nothing() {
    let mut executor = executor(100, &[8, 10]);
    let mut refused = |op: PriorityOp| executor.execute_priority_op(&op, at(TIME)).unwrap_err();
    assert_eq!(refused(deposit(1, address(1), 1)), PriorityOpError::OutOfOrder { expected: 0, got: 1 });
    let data = |account, token, is_legacy| {
        let account_id = AccountId(account);
        let token = TokenId(token);
        ZkSyncPriorityOp::FullExit(FullExit { account_id, eth_address: address(account), token, is_legacy })
    };
    let storage = NFT_STORAGE_ACCOUNT_ID;
    assert_eq!(refused(priority_op(0, data(storage.0, 0, false))), PriorityOpError::Account(storage));
    let special = NFT_TOKEN_ID;
    assert_eq!(refused(priority_op(0, data(1, special.0, false))), PriorityOpError::Token(special));
    assert_eq!(refused(priority_op(0, data(1, 0, true))), PriorityOpError::Legacy);
    let too_large = PriorityOpError::TooLarge { needed: 11, largest: 10 };
    assert_eq!(refused(priority_op(0, data(1, 0, false))), too_large);
    let token = TokenId(1_024);
    let deposit = Deposit { from: address(1), token, amount: 1u8.into(), to: address(1) };
    assert_eq!(refused(priority_op(0, ZkSyncPriorityOp::Deposit(deposit))), PriorityOpError::Token(token));
    assert_eq!(executor.pending().next_priority_op(), 0);
}

#[test]
fn an_account_that_equals_the_default_is_absent() {
    let mut executor = executor(100, &[26, 52]);
    let zero = Address::default();
    let mut execute = |op: PriorityOp| {
        assert_eq!(executor.execute_priority_op(&op, at(TIME)), Ok(Outcome::Succeeded));
        executor.state().account_by_address(&zero).map(|(id, account)| (id.0, account.balance(TokenId(0))))
    };
    assert_eq!(execute(deposit(0, zero, 0)), None);
    assert_eq!(execute(deposit(1, zero, 0)), None);
    assert_eq!(execute(deposit(2, zero, 5)), Some((4, 5)));
    let exit = FullExit { account_id: AccountId(4), eth_address: zero, token: TokenId(0), is_legacy: false };
    assert_eq!(execute(priority_op(3, ZkSyncPriorityOp::FullExit(exit))), None);
    assert_eq!(execute(deposit(4, address(5), 1)), None);
    assert_eq!(executor.state().account_by_address(&address(5)).unwrap().0, AccountId(4));
    let root = executor.seal().unwrap().block.new_root_hash;
    assert_eq!(State::new(executor.state().accounts().clone()).unwrap().root(), root);
}

#[test]
fn time_is_fixed_by_the_first_operation_and_never_decreases() {
    let mut executor = executor(100, &[26]);
    executor.set_time(2_000);
    executor.execute_tx(&transfer(1, 2, 5), at(2_000));
    executor.set_time(3_000);
    executor.execute_tx(&transfer(1, 2, 0), at(3_000));
    executor.set_time(4_000);
    assert_eq!(executor.seal().unwrap().block.timestamp, 3_000);
    executor.set_time(2_500);
    assert_eq!(executor.pending().timestamp(), 3_000);
}

#[test]
fn a_fast_withdrawal_marks_the_block_even_if_it_fails() {
    let mut executor = executor(100, &[26]);
    assert!(!executor.pending().is_fast());
    let outcome = executor.execute_tx(&fast_withdrawal(1, 1_000, 0), at(TIME));
    assert_eq!(outcome, Outcome::Failed("Not enough balance".into()));
    assert!(executor.pending().is_fast());
    executor.seal().unwrap();
    assert!(!executor.pending().is_fast());
    executor.execute_batch(&[fast_withdrawal(1, 1, 0)], 1, at(TIME));
    assert!(!executor.pending().is_fast());
}

#[test]
fn an_executor_needs_sizes_and_a_fee_account() {
    let state = || executor(1, &[10]).into_state();
    let options = |block_sizes: &[usize], fee_account| {
        let options =
            ExecutorOptions { block_sizes: block_sizes.to_vec(), fee_account: AccountId(fee_account) };
        Executor::new(state(), Head::default(), options).map(drop)
    };
    assert_eq!(options(&[10, 20], 0), Ok(()));
    for sizes in [&[][..], &[0], &[10, 10], &[20, 10]] {
        assert_eq!(options(sizes, 0), Err(ExecutorError::BlockSizes(sizes.to_vec())));
    }
    assert_eq!(options(&[10], 7), Err(ExecutorError::NoFeeAccount(AccountId(7))));
}
