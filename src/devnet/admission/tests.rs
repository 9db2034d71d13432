//! Each check of admission, and that the first failing one decides.

use std::sync::RwLock;

use num_bigint::BigUint;

use super::context::Admission;
use super::signature_queue::SignatureQueue;
use crate::devnet::ledger::{AccountType, Ledger};
use crate::devnet::requests::{EthSignatures, FastProcessing, Toggle2Fa};
use crate::devnet::submit_error::SubmitError;
use crate::devnet::testing::{FEE, STRANGER, wallets};
use crate::devnet::time::date;
use crate::devnet::tokens::Tokens;
use crate::domain::tx::{Close, ForcedExit, Withdraw};
use crate::domain::{
    Account, AccountId, AccountMap, Address, Nonce, PubKeyHash, TokenId, TxEthSignature, TxSignature,
    ZkSyncTx,
};
use crate::execution::ethereum::{TokenText, batch_messages, message, two_factor_message};

const NOW_MS: u64 = 1_700_000_000_000;

struct World {
    ledger: RwLock<Ledger>,
    tokens: Tokens,
    signatures: SignatureQueue,
}

impl World {
    /// The accounts of the wallets with their keys, ids 1 to 3 and nonces 5.
    fn new() -> Self {
        let account = |index: usize| Account {
            address: wallets()[index].address,
            pub_key_hash: wallets()[index].key_hash,
            nonce: Nonce(5),
            ..Account::default()
        };
        let accounts: AccountMap =
            (0..3).map(|index| (AccountId(index as u32 + 1), account(index))).collect();
        Self {
            ledger: RwLock::new(Ledger::new(accounts)),
            tokens: Tokens::default(),
            signatures: SignatureQueue::default(),
        }
    }

    fn admission(&self) -> Admission<'_> {
        Admission {
            ledger: &self.ledger,
            tokens: &self.tokens,
            signatures: &self.signatures,
            largest_block: 26,
            now: date(NOW_MS),
        }
    }

    fn set_type(&self, account: u32, account_type: AccountType) {
        self.ledger.write().unwrap().set_account_type(AccountId(account), account_type);
    }

    fn single(&self, tx: ZkSyncTx, signature: Option<TxEthSignature>) -> Result<(), SubmitError> {
        self.admission().single(tx, &EthSignatures::One(signature), FastProcessing::Argument(false)).map(drop)
    }
}

fn eth(token: TokenId) -> Option<TokenText> {
    let decimals = if token.0 == 2 { 6 } else { 18 };
    Tokens::default().by_id(token).map(|token| TokenText { symbol: token.symbol.clone(), decimals })
}

/// Signs with both keys of a wallet.
fn signed(index: usize, mut tx: ZkSyncTx) -> (ZkSyncTx, Option<TxEthSignature>) {
    let wallet = &wallets()[index];
    let signature = |bytes: Result<Vec<u8>, _>| {
        bytes.map_or_else(|_: crate::domain::WireError| TxSignature::default(), |bytes| wallet.sign(&bytes))
    };
    match &mut tx {
        ZkSyncTx::Transfer(tx) => tx.signature = signature(tx.signed_bytes()),
        ZkSyncTx::Withdraw(tx) => tx.signature = signature(tx.signed_bytes()),
        ZkSyncTx::ForcedExit(tx) => tx.signature = signature(tx.signed_bytes()),
        _ => {}
    }
    let text = message(&tx, &eth);
    (tx, text.and_then(|text| wallet.sign_on_ethereum(&text)))
}

fn transfer(change: impl FnOnce(&mut crate::domain::Transfer)) -> (ZkSyncTx, Option<TxEthSignature>) {
    let (tx, _) = wallets()[0].transfer(AccountId(1), STRANGER, 1000, FEE, 5);
    let ZkSyncTx::Transfer(mut tx) = tx else { panic!() };
    change(&mut tx);
    signed(0, ZkSyncTx::Transfer(tx))
}

fn withdraw(fast: bool) -> (ZkSyncTx, Option<TxEthSignature>) {
    let tx = Withdraw {
        account_id: AccountId(1),
        from: wallets()[0].address,
        to: STRANGER,
        token: TokenId(0),
        amount: BigUint::from(123_456_789_012u64),
        fee: BigUint::from(FEE),
        nonce: Nonce(5),
        signature: TxSignature::default(),
        fast,
        time_range: Some(crate::domain::TimeRange::default()),
    };
    signed(0, ZkSyncTx::Withdraw(Box::new(tx)))
}

fn forced_exit(initiator: u32, target: Address) -> (ZkSyncTx, Option<TxEthSignature>) {
    let tx = ForcedExit {
        initiator_account_id: AccountId(initiator),
        target,
        token: TokenId(0),
        fee: BigUint::from(FEE),
        nonce: Nonce(5),
        signature: TxSignature::default(),
        time_range: Some(crate::domain::TimeRange::default()),
    };
    signed(0, ZkSyncTx::ForcedExit(Box::new(tx)))
}

#[test]
fn the_first_failing_check_of_a_transaction_decides() {
    let world = World::new();
    let check = |(tx, signature): (ZkSyncTx, Option<TxEthSignature>)| world.single(tx, signature);
    assert_eq!(check(transfer(|_| {})), Ok(()));
    assert_eq!(check(withdraw(false)), Ok(()));
    assert_eq!(check(forced_exit(1, wallets()[1].address)), Ok(()));

    let close = Close {
        account: STRANGER,
        nonce: Nonce(5),
        signature: TxSignature::default(),
        time_range: crate::domain::TimeRange::default(),
    };
    assert_eq!(check((ZkSyncTx::Close(Box::new(close)), None)), Err(SubmitError::CloseDisabled));
    assert_eq!(check(forced_exit(1, STRANGER)), Err(SubmitError::NoTarget));
    assert_eq!(check(forced_exit(99, wallets()[1].address)), Err(SubmitError::UnknownAccount));
    assert_eq!(check(transfer(|tx| tx.token = TokenId(9))), Err(SubmitError::UnknownToken));
    assert_eq!(check(transfer(|tx| tx.token = TokenId(70_000))), Err(SubmitError::UnknownToken));
    assert_eq!(check(transfer(|tx| tx.fee = BigUint::from(0u8))), Err(SubmitError::FeeTooLow));
    // The fee of a transfer to a known account is a third of that to a new one.
    let cheap = |to: Address| transfer(move |tx| (tx.to, tx.fee) = (to, BigUint::from(2 * 10u64.pow(12))));
    assert_eq!(check(cheap(wallets()[1].address)), Ok(()));
    assert_eq!(check(cheap(STRANGER)), Err(SubmitError::FeeTooLow));
    let (tx, _) = transfer(|_| {});
    assert_eq!(check((tx.clone(), None)), Err(SubmitError::MissingEthSignature));
    let (_, foreign) = withdraw(false);
    assert_eq!(check((tx.clone(), foreign)), Err(SubmitError::WrongEthSignature));
    let contract = TxEthSignature::Eip1271Signature(crate::domain::Eip1271Signature(vec![1; 65]));
    assert_eq!(check((tx, Some(contract))), Err(SubmitError::WrongEthSignature));
    let unpackable = check(transfer(|tx| tx.amount = BigUint::from(10u64.pow(12) + 1)));
    assert_eq!(unpackable, Err(SubmitError::Incorrect("Specified amount is not packable".to_owned())));
    let (ZkSyncTx::Transfer(mut unsigned), signature) = transfer(|_| {}) else { panic!() };
    unsigned.signature = TxSignature::default();
    let outcome = check((ZkSyncTx::Transfer(unsigned), signature));
    assert!(matches!(outcome, Ok(()) | Err(SubmitError::Incorrect(_))), "{outcome:?}");
    assert_eq!(check(transfer(|tx| tx.nonce = Nonce(4))), Err(SubmitError::NonceTooLow));
    // Execution decides about these.
    assert_eq!(check(transfer(|tx| tx.nonce = Nonce(9))), Ok(()));
    assert_eq!(check(transfer(|tx| tx.amount = BigUint::from(10u128.pow(30)))), Ok(()));
}

#[test]
fn fast_processing_is_requested_beside_the_transaction_or_in_it() {
    let world = World::new();
    let check = |(tx, signature), fast| {
        world.admission().single(tx, &EthSignatures::One(signature), fast).map(|tx| tx.tx().clone())
    };
    let is_fast = |tx: ZkSyncTx| matches!(tx, ZkSyncTx::Withdraw(tx) if tx.fast);
    assert!(is_fast(check(withdraw(false), FastProcessing::Argument(true)).unwrap()));
    assert!(!is_fast(check(withdraw(false), FastProcessing::Argument(false)).unwrap()));
    assert_eq!(check(withdraw(true), FastProcessing::Argument(true)), Err(SubmitError::FastInTransaction));
    assert!(is_fast(check(withdraw(true), FastProcessing::InTransaction).unwrap()));
    let refused = check(transfer(|_| {}), FastProcessing::Argument(true));
    assert_eq!(refused, Err(SubmitError::NoFastProcessing));
    check(forced_exit(1, wallets()[1].address), FastProcessing::Argument(true)).unwrap();
}

#[test]
fn the_type_of_an_account_decides_about_its_ethereum_signatures() {
    let world = World::new();
    let (tx, signature) = transfer(|_| {});
    let check = |signature| world.single(tx.clone(), signature);
    world.set_type(1, AccountType::Create2);
    assert_eq!(check(signature.clone()), Err(SubmitError::Create2Signature));
    assert_eq!(check(None), Ok(()));
    world.set_type(1, AccountType::No2Fa(None));
    assert_eq!((check(None), check(signature.clone())), (Ok(()), Ok(())));
    world.set_type(1, AccountType::No2Fa(Some(wallets()[0].key_hash)));
    assert_eq!(check(None), Ok(()));
    world.set_type(1, AccountType::No2Fa(Some(PubKeyHash([1; 20]))));
    assert_eq!(check(None), Err(SubmitError::MissingEthSignature));
    assert_eq!(check(signature), Ok(()));
}

#[test]
fn a_key_without_another_authorisation_needs_that_of_layer_one() {
    let world = World::new();
    let wallet = &wallets()[1];
    let tx = wallet.set_key(AccountId(2), 5, FEE);
    assert_eq!(world.single(tx.clone(), None), Err(SubmitError::NotAuthorized));
    let authorise = |nonce: u32, key| {
        world.ledger.write().unwrap().authorise_key(wallet.address, Nonce(nonce), key);
    };
    authorise(4, wallet.key_hash);
    authorise(5, PubKeyHash([1; 20]));
    assert_eq!(world.single(tx.clone(), None), Err(SubmitError::NotAuthorized));
    authorise(5, wallet.key_hash);
    assert_eq!(world.single(tx, None), Ok(()));
}

#[test]
fn the_first_failing_check_of_a_batch_decides() {
    let world = World::new();
    let check = |txs: Vec<(ZkSyncTx, Option<TxEthSignature>)>, signatures: &[TxEthSignature]| {
        let txs = txs.into_iter().map(|(tx, signature)| (tx, EthSignatures::One(signature))).collect();
        world.admission().batch(txs, signatures).map(|txs| txs.len())
    };
    let nonce = |nonce: u32| transfer(move |tx| tx.nonce = Nonce(nonce));
    assert_eq!(check(vec![nonce(5), nonce(6)], &[]), Ok(2));
    assert_eq!(check(vec![], &[]), Err(SubmitError::EmptyBatch));
    assert_eq!(check(vec![nonce(5); 201], &[]), Err(SubmitError::BatchTooLarge));
    let any = nonce(5).1.unwrap();
    assert_eq!(check(vec![nonce(5)], &vec![any.clone(); 11]), Err(SubmitError::TooManyEthSignatures));

    // One transaction pays for all: 6 chunks for the new account, 2 for the next transfer to it.
    let paying =
        |nonce: u32, fee: u64| transfer(move |tx| (tx.nonce, tx.fee) = (Nonce(nonce), BigUint::from(fee)));
    assert_eq!(check(vec![paying(5, 8 * 10u64.pow(12)), paying(6, 0)], &[]), Ok(2));
    assert_eq!(
        check(vec![paying(5, 7 * 10u64.pow(12)), paying(6, 0)], &[]),
        Err(SubmitError::BatchFeeTooLow)
    );
    assert_eq!(check(vec![paying(5, 0), paying(6, 0)], &[]), Err(SubmitError::BatchFeeTooLow));
    // Fees in several tokens pay for chunks each, so that fees that were quoted one by one are enough.
    let usdc = |fee: u64| {
        transfer(move |tx| (tx.nonce, tx.token, tx.fee) = (Nonce(6), TokenId(2), BigUint::from(fee)))
    };
    assert_eq!(check(vec![paying(5, 6 * 10u64.pow(12)), usdc(2)], &[]), Ok(2));
    assert_eq!(check(vec![paying(5, 10u64.pow(12)), usdc(7)], &[]), Ok(2));
    assert_eq!(check(vec![paying(5, 10u64.pow(12)), usdc(6)], &[]), Err(SubmitError::BatchFeeTooLow));

    // A signature of the whole batch replaces those of its transactions.
    let unsigned = |index: u32| (nonce(index).0, None);
    assert_eq!(check(vec![nonce(5), unsigned(6)], &[]), Err(SubmitError::MissingEthSignature));
    let both = [nonce(5).0, nonce(6).0];
    let senders: Vec<_> = both.iter().map(|tx| (tx, wallets()[0].address)).collect();
    let texts = batch_messages(&senders, &eth).unwrap();
    for text in &texts {
        let of_batch = wallets()[0].sign_on_ethereum(text).unwrap();
        assert_eq!(check(vec![unsigned(5), unsigned(6)], &[of_batch]), Ok(2));
    }
    let foreign = wallets()[1].sign_on_ethereum(&texts[0]).unwrap();
    assert_eq!(check(vec![nonce(5), nonce(6)], &[foreign]), Err(SubmitError::WrongEthSignature));
    assert_eq!(
        check(vec![nonce(5), nonce(6)], std::slice::from_ref(&any)),
        Err(SubmitError::WrongEthSignature)
    );

    assert_eq!(check(vec![nonce(5), nonce(4)], &[]), Err(SubmitError::NonceTooLow));
    // 13 transfers to known accounts fill the largest block, 14 do not fit.
    let known = |count: u32| -> Vec<_> {
        let to = wallets()[1].address;
        (5..5 + count).map(|nonce| transfer(move |tx| (tx.nonce, tx.to) = (Nonce(nonce), to))).collect()
    };
    assert_eq!(check(known(13), &[]), Ok(13));
    assert_eq!(check(known(14), &[]), Err(SubmitError::BatchTooLarge));
    world.set_type(1, AccountType::Create2);
    assert_eq!(check(vec![unsigned(5)], &[any]), Err(SubmitError::Create2Signature));
    assert_eq!(check(vec![unsigned(5)], &[]), Ok(1));
}

#[test]
fn two_factor_authentication_is_switched_by_the_owner() {
    let world = World::new();
    let request = |enable: bool, timestamp: u64, pub_key_hash: Option<PubKeyHash>, signer: usize| {
        let text = two_factor_message(enable, timestamp, pub_key_hash.as_ref());
        let signature = wallets()[signer].sign_on_ethereum(&text).unwrap();
        Toggle2Fa { enable, timestamp, account_id: AccountId(1), signature, pub_key_hash }
    };
    let check = |request: &Toggle2Fa| world.admission().two_factor(request);
    assert_eq!(check(&request(true, NOW_MS, None, 0)), Ok(AccountType::Owned));
    assert_eq!(check(&request(false, NOW_MS + 2_399_000, None, 0)), Ok(AccountType::No2Fa(None)));
    let key = Some(PubKeyHash([3; 20]));
    assert_eq!(check(&request(false, NOW_MS, key, 0)), Ok(AccountType::No2Fa(key)));
    assert_eq!(check(&request(true, NOW_MS, key, 0)), Err(SubmitError::TwoFactorForKey));
    for late in [NOW_MS - 2_401_000, NOW_MS + 2_401_000] {
        assert_eq!(check(&request(true, late, None, 0)), Err(SubmitError::Timestamp));
    }
    assert_eq!(check(&request(true, NOW_MS, None, 1)), Err(SubmitError::WrongEthSignature));
    let unknown = Toggle2Fa { account_id: AccountId(9), ..request(true, NOW_MS, None, 0) };
    assert_eq!(check(&unknown), Err(SubmitError::UnknownAccount));
    world.set_type(1, AccountType::Create2);
    assert_eq!(check(&request(true, NOW_MS, None, 0)), Err(SubmitError::TwoFactorOfCreate2));
}
