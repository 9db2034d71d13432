//! A devnet inside a test of its core.

use std::path::Path;
use std::time::Duration;

use num_bigint::BigUint;

use super::accounts::{TEST_MNEMONIC, derive};
use super::devnet::Devnet;
use super::ledger::Ledger;
use super::options::{DevnetOptions, Finality};
use super::requests::{DepositRequest, EthSignatures, FastProcessing};
use super::start::start;
use super::submit_error::SubmitError;
use super::tokens::{TokenLike, Tokens};
use super::wallet::Wallet;
use crate::config::{Config, Environment, Flags};
use crate::domain::{AccountId, Address, H256, TokenId, ZkSyncTx};

/// Fee that is enough for every kind, in ETH.
pub(super) const FEE: u128 = 10u128.pow(13);
/// An address without an account.
pub(super) const STRANGER: Address = Address([0x77; 20]);
const PATIENCE: Duration = Duration::from_secs(60);

/// Options with three accounts, a block time that no test waits for, and no provers.
pub(super) fn options() -> DevnetOptions {
    DevnetOptions {
        block_time: Duration::from_secs(3600),
        block_sizes: vec![26, 78],
        accounts: 3,
        balance: 100,
        mnemonic: TEST_MNEMONIC.to_owned(),
        tokens: Tokens::default(),
        provers: 0,
        prove_time: Duration::ZERO,
        finality: Finality::Instant,
        mempool_limit: 1000,
        fork_from: None,
    }
}

/// The default configuration with free ports.
pub(super) fn config() -> Config {
    let none = Environment::from_pairs::<&str, &str>([]);
    let mut config = Config::load(None, &none, &Flags::new()).unwrap();
    config.listen.set_port(0);
    config.admin_listen.set_port(0);
    config
}

/// Starts a devnet.
pub(super) async fn open(folder: &Path, options: DevnetOptions) -> Devnet {
    start(&config(), folder, options).await.unwrap().devnet
}

/// The wallets of the funded accounts, whose ids begin with 1.
pub(super) fn wallets() -> Vec<Wallet> {
    derive(TEST_MNEMONIC, 3).unwrap().iter().map(|account| Wallet::new(account).unwrap()).collect()
}

pub(super) async fn submit(
    devnet: &Devnet,
    (tx, signatures): (ZkSyncTx, EthSignatures),
) -> Result<H256, SubmitError> {
    devnet.submit(tx, signatures, FastProcessing::Argument(false)).await
}

/// Sets the signing key of account `index + 1`, whose nonce is 0.
pub(super) async fn set_key(devnet: &Devnet, index: usize) -> H256 {
    let wallet = &wallets()[index];
    devnet.authorize(wallet.address, 0.into(), wallet.key_hash).await.unwrap();
    let tx = wallet.set_key(AccountId(index as u32 + 1), 0, FEE);
    let hash = submit(devnet, (tx, EthSignatures::One(None))).await.unwrap();
    until(devnet, |ledger| ledger.tx(&hash).unwrap().op.is_some()).await;
    hash
}

/// Returns a transfer of account 1.
pub(super) fn transfer(to: Address, amount: u128, nonce: u32) -> (ZkSyncTx, EthSignatures) {
    wallets()[0].transfer(AccountId(1), to, amount, FEE, nonce)
}

/// Requests a deposit of ETH.
pub(super) fn deposit(to: Address, amount: u128) -> DepositRequest {
    DepositRequest { to, token: TokenLike::Id(TokenId(0)), amount: BigUint::from(amount), from: None }
}

/// Waits until the ledger is as expected.
pub(super) async fn until(devnet: &Devnet, is_ready: impl Fn(&Ledger) -> bool) {
    let mut changes = devnet.changes();
    let waits = async {
        while !devnet.read(&is_ready) {
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, waits).await.expect("the ledger is not as expected in time");
}

/// Balance of ETH of an address in the committed state.
pub(super) fn balance(devnet: &Devnet, address: Address) -> u128 {
    devnet.read(|ledger| {
        let account = ledger.committed().by_address(&address);
        account.map_or(0, |(_, account)| account.balance(TokenId(0)))
    })
}
