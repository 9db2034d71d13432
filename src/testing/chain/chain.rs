//! An invented chain.

use super::wallet::Wallet;
use crate::domain::{AccountId, AccountMap, ImportedBlock};
use crate::execution::{Executor, ExecutorOptions, Head, State};
use chrono::{DateTime, Utc};

/// Time of the first block, in Unix seconds. Blocks follow at intervals of one minute.
const FIRST_BLOCK: u64 = 1_600_000_060;

/// A chain that is sealed block by block. The same calls give the same chain, and a clone continues
/// independently.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use zksync_witness_server::testing::{Chain, Wallet};
///
/// let alice = Wallet::new("alice");
/// let bob = Wallet::new("bob");
/// let mut chain = Chain::builder().account(&alice, &[(0, 1_000)]).build();
/// chain
///     .deposit(&bob, 1, 500)
///     .change_key(&bob, 0, 0)
///     .transfer(&alice, &bob, 0, 100, 2)
///     .mint_nft(&alice, &bob, [7; 32], 0, 3)
///     .swap(&bob, (&alice, 0, 10), (&bob, 1, 20), 1, 0);
/// let block = chain.seal();
/// assert_eq!(chain.balance(&bob, 0), 110);
/// assert_eq!(chain.balance(&bob, 65_536), 1);
/// assert_eq!(chain.nonce(&alice), 3);
///
/// // The genesis and the blocks are what a server imports.
/// assert_eq!(chain.genesis().len(), 3);
/// assert_eq!(block.block.chunks_used(), 6 + 6 + 2 + 5 + 5);
/// # }
/// ```
#[derive(Clone)]
pub struct Chain {
    pub(super) executor: Executor,
    genesis: AccountMap,
    /// The senders of [`Chain::next_block`].
    pub(super) signers: Vec<Wallet>,
    pub(super) transfers: u64,
}

impl Chain {
    /// Id of the account that receives the fees.
    pub(super) const FEE_ACCOUNT: AccountId = AccountId(0);

    pub(super) fn new(genesis: AccountMap, block_sizes: Vec<usize>, signers: Vec<Wallet>) -> Self {
        let state = State::new(genesis.clone()).unwrap();
        let options = ExecutorOptions { block_sizes, fee_account: Self::FEE_ACCOUNT };
        let mut executor = Executor::new(state, Head::default(), options).unwrap();
        executor.set_time(FIRST_BLOCK);
        Self { executor, genesis, signers, transfers: 0 }
    }

    /// Returns the accounts of the genesis, as a server imports them.
    pub fn genesis(&self) -> AccountMap {
        self.genesis.clone()
    }

    /// Returns the time of the pending block.
    pub(super) fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.executor.pending().timestamp() as i64, 0).unwrap()
    }

    /// Seals the pending block with a size in chunks, and starts the next one.
    pub(super) fn seal_with_size(&mut self, size: usize) -> ImportedBlock {
        let block = self.executor.seal_with_size(size).unwrap();
        self.executor.set_time(block.block.timestamp + 60);
        block
    }
}

mod testing {
    use super::Chain;
    use crate::crypto::Fr;
    use crate::domain::{AccountMap, Address, ImportedBlock, TokenId, to_u128};
    use crate::tree::AccountHeader;
    use crate::tree::build::InitialAccount;

    impl Chain {
        /// Seals the pending block, in the smallest size that it fits.
        pub fn seal(&mut self) -> ImportedBlock {
            let block = self.executor.seal().unwrap();
            self.executor.set_time(block.block.timestamp + 60);
            block
        }

        /// Returns the accounts of the genesis, as a tree is built from them.
        pub fn initial_accounts(&self) -> Vec<InitialAccount> {
            let accounts = self.genesis.iter().map(|(id, account)| InitialAccount {
                id: id.0,
                header: AccountHeader {
                    nonce: account.nonce.0,
                    pub_key_hash: account.pub_key_hash.0,
                    address: account.address.0,
                },
                balances: account.balances.iter().map(|(token, b)| (token.0, to_u128(b).unwrap())).collect(),
            });
            accounts.collect()
        }

        /// Returns all accounts after the last executed transaction.
        pub fn accounts(&self) -> &AccountMap {
            self.executor.state().accounts()
        }

        /// Returns the root after the last sealed block.
        pub fn root(&self) -> Fr {
            self.executor.state().root()
        }

        /// Returns the id of an account, or `None` if it does not exist.
        pub fn account_id(&self, address: impl Into<Address>) -> Option<u32> {
            self.executor.state().account_by_address(&address.into()).map(|(id, _)| id.0)
        }

        /// Returns the balance of an account after the last executed transaction.
        pub fn balance(&self, address: impl Into<Address>, token: u32) -> u128 {
            let account = self.executor.state().account_by_address(&address.into());
            account.map_or(0, |(_, account)| account.balance(TokenId(token)))
        }

        /// Returns the nonce of an account after the last executed transaction.
        pub fn nonce(&self, address: impl Into<Address>) -> u32 {
            let account = self.executor.state().account_by_address(&address.into());
            account.map_or(0, |(_, account)| account.nonce.0)
        }
    }
}
