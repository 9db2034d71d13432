//! Random transfers, from accounts of their own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use num_bigint::BigUint;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::accounts::derive_from;
use super::devnet::Devnet;
use super::requests::{DepositRequest, EthSignatures, FastProcessing};
use super::tokens::TokenLike;
use super::wallet::Wallet;
use crate::domain::{AccountId, Address, PubKeyHash, TokenId};

/// Number of accounts that send.
const SENDERS: u32 = 8;
/// Index of the first one among the accounts of the mnemonic.
const FIRST_INDEX: u32 = 1_000_000;
/// Deposit of each, in the smallest unit of ETH.
const DEPOSIT: u128 = 1_000_000 * 10u128.pow(18);
/// Fee of a transaction: enough for every kind.
const FEE: u128 = 10u128.pow(13);
/// Largest amount of a transfer.
const MAX_AMOUNT: u64 = 1_000_000;
/// Of this number of transfers, one goes to a new account.
const NEW_ACCOUNT: u64 = 20;
/// Longest wait for a preparation, and delay after a failure.
const PATIENCE: Duration = Duration::from_secs(30);
const FAILURE_DELAY: Duration = Duration::from_millis(500);

/// The tasks that send.
pub(crate) struct Traffic {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Traffic {
    /// Starts to send the given number of transfers a second.
    pub(crate) fn start(devnet: &Devnet, mnemonic: &str, per_second: u32) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let accounts = derive_from(mnemonic, FIRST_INDEX, SENDERS.min(per_second)).unwrap_or_default();
        let wallets = accounts.iter().filter_map(Wallet::new);
        let interval = Duration::from_secs(1).mul_f64(accounts.len() as f64 / f64::from(per_second.max(1)));
        let addresses: Vec<Address> = accounts.iter().map(|account| account.address).collect();
        for (index, wallet) in (0..).zip(wallets) {
            let sender = Sender {
                devnet: devnet.clone(),
                wallet,
                recipients: addresses.clone(),
                dice: seed().wrapping_add(index),
            };
            tasks.spawn(sender.run(interval, stopped.clone()));
        }
        Self { stop, tasks }
    }

    /// Stops sending.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

fn seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

struct Sender {
    devnet: Devnet,
    wallet: Wallet,
    recipients: Vec<Address>,
    /// State of the random numbers.
    dice: u64,
}

impl Sender {
    async fn run(mut self, interval: Duration, mut stopped: watch::Receiver<bool>) {
        let sending = async {
            loop {
                // A return to an earlier state, for example, makes nonces wrong: begin again.
                if let Err(reason) = self.send_all(interval).await {
                    debug!(reason, "traffic begins again");
                }
                tokio::time::sleep(FAILURE_DELAY).await;
            }
        };
        tokio::select! {
            () = sending => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }

    /// Prepares the account and sends until something fails.
    async fn send_all(&mut self, interval: Duration) -> Result<(), String> {
        let (id, mut nonce) = self.prepare().await?;
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let to = self.recipient();
            let amount = u128::from(self.next() % MAX_AMOUNT);
            let (tx, signatures) = self.wallet.transfer(id, to, amount, FEE, nonce);
            self.devnet
                .submit(tx, signatures, FastProcessing::InTransaction)
                .await
                .map_err(|error| error.to_string())?;
            nonce += 1;
        }
    }

    /// Waits until the account exists, has ETH and its key; returns its id and next nonce.
    async fn prepare(&self) -> Result<(AccountId, u32), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let (mut id, mut key, mut nonce) = self.account().unwrap_or_default();
        if self.account().is_none() {
            let deposit = DepositRequest {
                to: self.wallet.address,
                token: TokenLike::Id(TokenId(0)),
                amount: BigUint::from(DEPOSIT),
                from: None,
            };
            self.devnet.deposit(deposit).await.map_err(|error| text(&error))?;
            (id, key, nonce) = self.wait_for(|_| true).await?;
        }
        if key != self.wallet.key_hash {
            let (address, key) = (self.wallet.address, self.wallet.key_hash);
            self.devnet.authorize(address, nonce.into(), key).await.map_err(|error| text(&error))?;
            let tx = self.wallet.set_key(id, nonce, FEE);
            let submitted = self.devnet.submit(tx, EthSignatures::One(None), FastProcessing::InTransaction);
            submitted.await.map_err(|error| text(&error))?;
            (id, _, nonce) = self.wait_for(|account| account.1 == key).await?;
        }
        Ok((id, nonce))
    }

    /// Waits until the account exists and is as expected.
    async fn wait_for(&self, is_ready: impl Fn(&AccountFacts) -> bool) -> Result<AccountFacts, String> {
        let mut changes = self.devnet.changes();
        let waits = async {
            loop {
                if let Some(account) = self.account().filter(&is_ready) {
                    return account;
                }
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waits).await;
        waited.map_err(|_| {
            warn!(address = %self.wallet.address, "an account of the traffic is not ready in time");
            "the account is not ready in time".to_owned()
        })
    }

    fn account(&self) -> Option<AccountFacts> {
        self.devnet.read(|ledger| {
            let (id, account) = ledger.committed().by_address(&self.wallet.address)?;
            Some((id, account.pub_key_hash, account.nonce.0))
        })
    }

    fn recipient(&mut self) -> Address {
        if self.next().is_multiple_of(NEW_ACCOUNT) {
            let mut address = [0xa0; 20];
            address[4..12].copy_from_slice(&self.next().to_be_bytes());
            return Address(address);
        }
        let index = self.next() as usize % self.recipients.len().max(1);
        self.recipients.get(index).copied().unwrap_or(self.wallet.address)
    }

    /// Returns the next random number, by SplitMix64.
    fn next(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.dice ^ (self.dice >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Id, key hash and next nonce of an account.
type AccountFacts = (AccountId, PubKeyHash, u32);
