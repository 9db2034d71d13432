//! The genesis of an invented chain.

use super::chain::Chain;
use super::wallet::Wallet;
use crate::domain::{
    Account, AccountId, AccountMap, Address, MIN_NFT_TOKEN_ID, NFT_STORAGE_ACCOUNT_ID, NFT_TOKEN_ID, TokenId,
};

/// The largest block, in chunks.
const LARGEST_BLOCK: usize = 1 << 16;

/// Collects the accounts of a genesis. Account 0, which receives the fees, and the account that
/// counts NFTs are always there.
pub struct ChainBuilder {
    pub(super) accounts: AccountMap,
    pub(super) signers: Vec<Wallet>,
    block_sizes: Vec<usize>,
}

impl Chain {
    /// Starts with the accounts of a genesis.
    pub fn builder() -> ChainBuilder {
        ChainBuilder::default()
    }
}

impl Default for ChainBuilder {
    fn default() -> Self {
        let mut accounts = AccountMap::new();
        let fee_account = Account { address: numbered(0), ..Account::default() };
        accounts.insert(Chain::FEE_ACCOUNT, fee_account);
        let mut storage = Account { address: Address([0xff; 20]), ..Account::default() };
        storage.balances.insert(NFT_TOKEN_ID, MIN_NFT_TOKEN_ID.0.into());
        accounts.insert(NFT_STORAGE_ACCOUNT_ID, storage);
        Self { accounts, signers: Vec::new(), block_sizes: vec![26, 78, 182, LARGEST_BLOCK] }
    }
}

impl ChainBuilder {
    /// Adds an account that can sign, with balances by token.
    pub fn account(mut self, wallet: &Wallet, balances: &[(u32, u128)]) -> Self {
        let account =
            Account { pub_key_hash: wallet.pub_key_hash(), address: wallet.address(), ..Account::default() };
        self.add(account, balances);
        self
    }

    /// Adds a locked account, which only receives.
    pub fn locked_account(mut self, address: impl Into<Address>, balances: &[(u32, u128)]) -> Self {
        self.add(Account { address: address.into(), ..Account::default() }, balances);
        self
    }

    /// Sets the sizes of blocks in chunks, ascending; by default 26, 78, 182 and 65536.
    pub fn block_sizes(mut self, sizes: &[usize]) -> Self {
        self.block_sizes = sizes.to_vec();
        self
    }

    /// Returns the chain with this genesis.
    ///
    /// # Panics
    /// If the block sizes do not ascend.
    pub fn build(self) -> Chain {
        Chain::new(self.accounts, self.block_sizes, self.signers)
    }

    pub(super) fn add(&mut self, mut account: Account, balances: &[(u32, u128)]) {
        let last = self.accounts.range(..NFT_STORAGE_ACCOUNT_ID).next_back();
        let id = AccountId(last.map_or(0, |(id, _)| id.0 + 1));
        let balances = balances.iter().map(|&(token, balance)| (TokenId(token), balance.into()));
        account.balances.extend(balances);
        self.accounts.insert(id, account);
    }
}

/// Returns the address of an account without a wallet: its number behind a fixed prefix.
pub(super) fn numbered(number: u32) -> Address {
    let mut address = [0xa5; 20];
    address[16..].copy_from_slice(&number.to_be_bytes());
    Address(address)
}
