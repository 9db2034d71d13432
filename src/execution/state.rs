//! Accounts by id and by address, NFTs by token id, and the account tree.

use crate::crypto::Fr;
use crate::domain::{
    Account, AccountId, AccountMap, AccountUpdate, AccountUpdates, Address, NFT_STORAGE_ACCOUNT_ID, Nft,
    TokenId, to_u128,
};
use crate::tree::build::InitialAccount;
use crate::tree::{AccountHeader, AccountTree, LeafUpdate, MemoryTree, TreeError, TreeView};
use num_traits::Zero;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The reason why accounts are not a state.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// A balance exceeds the 128 bits of the protocol.
    #[error("account {account} has more than 2^128 - 1 of token {token}")]
    Balance {
        /// Id of the account.
        account: AccountId,
        /// Id of the token.
        token: TokenId,
    },
    /// An account id is outside the used part of the tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// The accounts of a chain while blocks are executed.
///
/// The accounts are those after the last executed operation; the tree, whose hashes are expensive,
/// is that of the last sealed block. A clone copies the accounts, and the tree as soon as one of
/// both seals a block.
#[derive(Clone, Debug)]
pub(crate) struct State {
    accounts: AccountMap,
    by_address: HashMap<Address, AccountId>,
    nfts: BTreeMap<TokenId, Nft>,
    tree: Arc<MemoryTree>,
    root: Fr,
}

impl State {
    /// Builds the state of these accounts; those that equal the default are left out. The known
    /// NFTs are those in `minted_nfts` of the accounts.
    ///
    /// # Errors
    /// If a balance exceeds 128 bits or an account id 24 bits.
    pub(crate) fn new(mut accounts: AccountMap) -> Result<Self, StateError> {
        accounts.retain(|_, account| *account != Account::default());
        let initial = accounts.iter().map(|(id, account)| {
            let balance = |(token, balance): (&TokenId, _)| match to_u128(balance) {
                Ok(balance) => Ok((token.0, balance)),
                Err(_) => Err(StateError::Balance { account: *id, token: *token }),
            };
            let balances = account.balances.iter().map(balance).collect::<Result<_, _>>()?;
            Ok(InitialAccount { id: id.0, header: header(account), balances })
        });
        let tree = Arc::new(MemoryTree::build(&initial.collect::<Result<Vec<_>, StateError>>()?)?);
        let root = AccountTree::open(&TreeView::new(tree.clone()))?.root();
        let by_address = accounts.iter().map(|(id, account)| (account.address, *id)).collect();
        let minted = accounts.values().flat_map(|account| &account.minted_nfts);
        let nfts = minted.map(|(token, nft)| (*token, nft.clone())).collect();
        Ok(Self { accounts, by_address, nfts, tree, root })
    }

    /// Returns all accounts by id.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn accounts(&self) -> &AccountMap {
        &self.accounts
    }

    /// Returns an account.
    pub(crate) fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id)
    }

    /// Returns id and account of an address.
    pub(crate) fn account_by_address(&self, address: &Address) -> Option<(AccountId, &Account)> {
        let id = *self.by_address.get(address)?;
        Some((id, self.accounts.get(&id)?))
    }

    /// Returns a balance, 0 if the account does not exist.
    pub(crate) fn balance(&self, id: AccountId, token: TokenId) -> u128 {
        self.account(id).map_or(0, |account| account.balance(token))
    }

    /// Returns an NFT that was minted; its current owner makes no difference.
    pub(crate) fn nft(&self, token: TokenId) -> Option<&Nft> {
        self.nfts.get(&token)
    }

    /// Adds the record of an NFT; the balances alone do not hold the content hash.
    fn add_nft(&mut self, nft: Nft) {
        if let Some(creator) = self.accounts.get_mut(&nft.creator_id) {
            creator.minted_nfts.insert(nft.id, nft.clone());
        }
        self.nfts.insert(nft.id, nft);
    }

    /// Returns the id of the next new account (docs/protocol/07-execution.md §5.1).
    pub(crate) fn next_account_id(&self) -> AccountId {
        let last = self.accounts.range(..NFT_STORAGE_ACCOUNT_ID).next_back();
        AccountId(last.map_or(0, |(id, _)| id.0 + 1))
    }

    /// Returns the root of the account tree after the last sealed block.
    pub(crate) fn root(&self) -> Fr {
        self.root
    }

    /// Returns the account tree after the last sealed block.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn tree(&self) -> TreeView {
        TreeView::new(self.tree.clone())
    }

    /// Applies an update to the account, if it exists, without comparing old values
    /// (docs/protocol/02-types-json.md §7).
    pub(super) fn apply(&mut self, id: AccountId, update: &AccountUpdate) {
        match update {
            AccountUpdate::Create { address, nonce } => {
                let account = Account { address: *address, nonce: *nonce, ..Account::default() };
                self.accounts.insert(id, account);
                self.by_address.insert(*address, id);
            }
            AccountUpdate::Delete { address, .. } => {
                self.accounts.remove(&id);
                self.by_address.remove(address);
            }
            AccountUpdate::UpdateBalance { new_nonce, balance_update: (token, _, new), .. } => {
                let Some(account) = self.accounts.get_mut(&id) else { return };
                account.nonce = *new_nonce;
                if new.is_zero() {
                    account.balances.remove(token);
                } else {
                    account.balances.insert(*token, new.clone());
                }
            }
            AccountUpdate::ChangePubKeyHash { new_pub_key_hash, new_nonce, .. } => {
                let Some(account) = self.accounts.get_mut(&id) else { return };
                account.nonce = *new_nonce;
                account.pub_key_hash = *new_pub_key_hash;
            }
            AccountUpdate::MintNFT { token, .. } => self.add_nft(token.clone()),
            AccountUpdate::RemoveNFT { token, .. } => {
                if let Some(creator) = self.accounts.get_mut(&id) {
                    creator.minted_nfts.remove(&token.id);
                }
                self.nfts.remove(&token.id);
            }
        }
    }

    /// Removes an account that equals the default: it counts as absent, and is absent after a
    /// restart. Only one with the zero address can.
    pub(super) fn forget_default(&mut self, id: AccountId) {
        if self.account(id).is_some_and(|account| *account == Account::default()) {
            self.accounts.remove(&id);
            self.by_address.remove(&Address::default());
        }
    }

    /// Brings the tree up to the accounts after a block with these updates, and returns its root.
    ///
    /// # Errors
    /// If an account id does not fit the tree.
    pub(super) fn seal(&mut self, updates: &AccountUpdates) -> Result<Fr, TreeError> {
        let touched: BTreeSet<(AccountId, TokenId)> = updates
            .iter()
            // If the header alone changes, a leaf update of any token shows it.
            .map(|(id, update)| (*id, update.token().unwrap_or_default()))
            .collect();
        let leaf = |(id, token): (AccountId, TokenId)| LeafUpdate {
            version: 1,
            account: id.0,
            token: token.0,
            header: self.account(id).map(header).unwrap_or_default(),
            balance: self.balance(id, token),
        };
        let leaves: Vec<LeafUpdate> = touched.into_iter().map(leaf).collect();
        let versions = AccountTree::open(&TreeView::new(self.tree.clone()))?.apply(&leaves, &[])?;
        Arc::make_mut(&mut self.tree).apply(&versions.change_set(0, 1));
        self.root = versions.root(1);
        Ok(self.root)
    }
}

fn header(account: &Account) -> AccountHeader {
    AccountHeader { nonce: account.nonce.0, pub_key_hash: account.pub_key_hash.0, address: account.address.0 }
}
