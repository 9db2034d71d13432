//! A random chain.

use std::sync::LazyLock;

use chrono::DateTime;

use super::check;
use super::choices::Choices;
use crate::domain::{
    Account, AccountId, AccountMap, Address, Deposit, FullExit, H256, ImportedBlock, MIN_NFT_TOKEN_ID,
    NFT_STORAGE_ACCOUNT_ID, NFT_TOKEN_ID, Nonce, PriorityOp, PubKeyHash, SignedZkSyncTx, TokenId,
    ZkSyncPriorityOp, ZkSyncTx,
};
use crate::execution::{Executor, ExecutorOptions, Head, Outcome, State, VerifiedTx};
use crate::testing::Wallet;

/// Wallets; those from [`WITH_ACCOUNT`] on have no account in the genesis.
pub(super) static WALLETS: LazyLock<Vec<Wallet>> =
    LazyLock::new(|| (0..8).map(|id| Wallet::new(&format!("wallet {id}"))).collect());
pub(super) const WITH_ACCOUNT: usize = 6;
const LOCKED: Address = Address([0x10; 20]);
/// An address without an account.
const FRESH: Address = Address([0x20; 20]);

/// A random chain. Account 0, which receives the fees, is a party like all others.
pub struct RandomChain {
    pub(super) executor: Executor,
    genesis: AccountMap,
    signs: bool,
    time: i64,
    batches: i64,
}

impl RandomChain {
    /// Starts a chain whose transactions are signed.
    pub fn signed() -> Self {
        Self::new(true)
    }

    /// Starts a chain whose transactions count as signed, without the cost of signatures.
    pub fn unsigned() -> Self {
        Self::new(false)
    }

    fn new(signs: bool) -> Self {
        let mut genesis = AccountMap::new();
        let mut add = |id: usize, address, pub_key_hash, balances: &[(u32, u128)]| {
            let balances = balances.iter().map(|&(token, b)| (TokenId(token), b.into())).collect();
            let account = Account { pub_key_hash, address, balances, ..Account::default() };
            genesis.insert(AccountId(id as u32), account);
        };
        for (id, wallet) in WALLETS[..WITH_ACCOUNT].iter().enumerate() {
            // Token 2 is close to its bound at some accounts.
            let most = u128::MAX - 1_000 * id as u128;
            let balances = [(0, 1_000_000), (1, 500 * id as u128), (2, if id < 2 { most } else { 0 })];
            add(id, wallet.address(), wallet.pub_key_hash(), &balances);
        }
        add(9, LOCKED, PubKeyHash::default(), &[(0, 77), (1, 1)]);
        let counter = u128::from(MIN_NFT_TOKEN_ID.0);
        add(
            NFT_STORAGE_ACCOUNT_ID.0 as usize,
            Address([0xff; 20]),
            PubKeyHash::default(),
            &[(NFT_TOKEN_ID.0, counter)],
        );
        let state = State::new(genesis.clone()).unwrap();
        let options = ExecutorOptions { block_sizes: vec![12, 26, 40], fee_account: AccountId(0) };
        let executor = Executor::new(state, Head::default(), options).unwrap();
        let mut chain = Self { executor, genesis, signs, time: 1_000, batches: 0 };
        chain.executor.set_time(1_000);
        chain
    }

    /// Returns the accounts of the genesis.
    pub fn genesis(&self) -> AccountMap {
        self.genesis.clone()
    }

    /// Executes one item, and checks what became of it. Returns the block that was sealed before it
    /// or in its place.
    pub fn step(&mut self, choices: &mut Choices<'_>) -> Option<ImportedBlock> {
        let before = check::Before::new(&self.executor);
        let at = DateTime::from_timestamp(self.time, 0).unwrap();
        let outcome = match choices.below(16) {
            0 => return Some(self.seal()),
            1 => {
                self.time += choices.below(100) as i64;
                self.executor.set_time(self.time as u64);
                return None;
            }
            2 | 3 => {
                let op = self.priority_op(choices);
                self.executor
                    .execute_priority_op(&op, at)
                    .unwrap_or_else(|error| Outcome::Failed(error.to_string()))
            }
            4 | 5 => {
                self.batches += 1;
                let mut txs = Vec::new();
                for _ in 0..1 + choices.below(4) {
                    let tx = self.transaction(choices, &txs);
                    txs.push(tx);
                }
                let outcome = self.executor.execute_batch(&txs, self.batches, at);
                // A batch ends as a whole.
                if let Outcome::Failed(_) = &outcome {
                    let failed = self.executor.pending().failed();
                    assert!(failed.len() >= txs.len());
                }
                outcome
            }
            _ => {
                let tx = self.transaction(choices, &[]);
                self.executor.execute_tx(&tx, at)
            }
        };
        before.check(&self.executor, &outcome);
        (outcome == Outcome::BlockFull).then(|| self.seal())
    }

    /// Seals the pending block, and checks that import and witness accept it.
    pub fn seal(&mut self) -> ImportedBlock {
        let before = check::Sealing::new(&self.executor);
        let block = self.executor.seal().unwrap();
        before.check(&self.executor, &block);
        self.executor.set_time(self.time as u64);
        block
    }

    /// Returns a transaction with its signers. `batch` are the transactions before it that are not
    /// yet executed.
    fn transaction(&self, choices: &mut Choices<'_>, batch: &[VerifiedTx]) -> VerifiedTx {
        let (mut tx, signer) = self.random_tx(choices, batch);
        let created_at = DateTime::from_timestamp(self.time, 0).unwrap();
        if self.signs {
            let fits = tx.full_bytes().is_ok();
            if fits {
                signer.sign_tx(&mut tx);
            }
            return VerifiedTx::new(SignedZkSyncTx { tx, eth_sign_data: None, created_at });
        }
        let orders = match &tx {
            ZkSyncTx::Swap(tx) => [&tx.orders.0, &tx.orders.1].map(|order| self.key_of(order.account_id)),
            _ => [None; 2],
        };
        let signed = SignedZkSyncTx { tx, eth_sign_data: None, created_at };
        VerifiedTx::signed_by(signed, signer.pub_key_hash(), orders)
    }

    fn key_of(&self, id: AccountId) -> Option<PubKeyHash> {
        self.executor.state().account(id).map(|account| account.pub_key_hash)
    }

    /// Returns an address of any kind.
    pub(super) fn address(&self, choices: &mut Choices<'_>) -> Address {
        match choices.below(24) {
            0 => Address::default(),
            1 => Address([0xff; 20]),
            2 => FRESH,
            3 => Address([choices.below(256) as u8; 20]),
            4 | 5 => LOCKED,
            6 | 7 => WALLETS[choices.below(WALLETS.len())].address(),
            _ => WALLETS[choices.below(WITH_ACCOUNT)].address(),
        }
    }

    /// Returns the nonce that an account has after the transactions of a batch.
    pub(super) fn nonce(&self, id: AccountId, batch: &[VerifiedTx]) -> Nonce {
        let nonce = self.executor.state().account(id).map_or(0, |account| account.nonce.0);
        let used = batch.iter().filter(|tx| check::sender(tx.tx()) == id).count();
        Nonce(nonce + used as u32)
    }

    fn priority_op(&self, choices: &mut Choices<'_>) -> PriorityOp {
        let token = TokenId(choices.pick(&[0, 0, 1, 2, 1_023, 1_024, 65_536, 65_537, NFT_TOKEN_ID.0]));
        let data = if choices.below(3) == 0 {
            let account_id =
                AccountId(choices.pick(&[0, 1, 2, 5, 9, 10, 16_777_214, NFT_STORAGE_ACCOUNT_ID.0]));
            let own = self.executor.state().account(account_id).map(|account| account.address);
            let eth_address = own.filter(|_| !choices.once_in(4)).unwrap_or_else(|| self.address(choices));
            ZkSyncPriorityOp::FullExit(FullExit {
                account_id,
                eth_address,
                token,
                is_legacy: choices.once_in(50),
            })
        } else {
            let to = self.address(choices);
            let amount = choices.amount(1_000).into();
            ZkSyncPriorityOp::Deposit(Deposit { from: FRESH, token, amount, to })
        };
        PriorityOp {
            serial_id: self.executor.pending().next_priority_op(),
            data,
            deadline_block: 35_000,
            eth_hash: H256([7; 32]),
            eth_block: 5,
            eth_block_index: None,
        }
    }
}
