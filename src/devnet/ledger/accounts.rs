//! Accounts after a block, by id and by address.

use std::collections::{BTreeMap, HashMap};

use num_traits::Zero;

use crate::domain::{Account, AccountId, AccountMap, AccountUpdate, Address};

/// Accounts after a block.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accounts {
    by_id: BTreeMap<AccountId, Entry>,
    by_address: HashMap<Address, AccountId>,
}

#[derive(Debug, Clone)]
struct Entry {
    account: Account,
    /// The last block that changed the account.
    last_block: u32,
}

impl Accounts {
    /// Returns the accounts of a genesis.
    pub(crate) fn new(accounts: AccountMap) -> Self {
        let by_address = accounts.iter().map(|(id, account)| (account.address, *id)).collect();
        let entry = |account| Entry { account, last_block: 0 };
        Self { by_id: accounts.into_iter().map(|(id, account)| (id, entry(account))).collect(), by_address }
    }

    /// Returns an account, with the NFTs that it minted. Balances of zero are left out; the one
    /// that counts NFTs is present.
    pub(crate) fn by_id(&self, id: AccountId) -> Option<&Account> {
        self.by_id.get(&id).map(|entry| &entry.account)
    }

    /// Returns the account of an address.
    pub(crate) fn by_address(&self, address: &Address) -> Option<(AccountId, &Account)> {
        let id = *self.by_address.get(address)?;
        Some((id, self.by_id(id)?))
    }

    /// Returns the number of the last block that changed an account; 0 for genesis.
    pub(crate) fn last_update_in_block(&self, id: AccountId) -> u32 {
        self.by_id.get(&id).map_or(0, |entry| entry.last_block)
    }

    /// Returns all accounts by id, that which stores the content of NFTs included.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (AccountId, &Account)> {
        self.by_id.iter().map(|(id, entry)| (*id, &entry.account))
    }

    /// Applies an update of a block.
    pub(super) fn apply(&mut self, id: AccountId, update: &AccountUpdate, block: u32) {
        if let AccountUpdate::Delete { address, .. } = update {
            self.by_id.remove(&id);
            self.by_address.remove(address);
            return;
        }
        let empty = || Entry { account: Account::default(), last_block: block };
        let entry = self.by_id.entry(id).or_insert_with(empty);
        entry.last_block = block;
        let account = &mut entry.account;
        match update {
            AccountUpdate::Create { address, nonce } => {
                account.address = *address;
                account.nonce = *nonce;
                self.by_address.insert(*address, id);
            }
            AccountUpdate::UpdateBalance { new_nonce, balance_update: (token, _, new), .. } => {
                account.nonce = *new_nonce;
                if new.is_zero() {
                    account.balances.remove(token);
                } else {
                    account.balances.insert(*token, new.clone());
                }
            }
            AccountUpdate::ChangePubKeyHash { new_pub_key_hash, new_nonce, .. } => {
                account.pub_key_hash = *new_pub_key_hash;
                account.nonce = *new_nonce;
            }
            AccountUpdate::MintNFT { token, .. } => {
                account.minted_nfts.insert(token.id, token.clone());
            }
            AccountUpdate::RemoveNFT { token, .. } => {
                account.minted_nfts.remove(&token.id);
            }
            AccountUpdate::Delete { .. } => {}
        }
    }
}
