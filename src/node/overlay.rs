//! The changes that lead from the state after one block to that after another.

use std::collections::BTreeMap;

use super::error::LinkError;
use crate::domain::{AccountUpdate, AccountUpdates, to_u128};
use crate::tree::AccountHeader;
use crate::tree::build::InitialAccount;

/// The changed parts of accounts, by id.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    accounts: BTreeMap<u32, Patch>,
}

/// The changed parts of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Patch {
    /// True if the account does not exist.
    absent: bool,
    /// True if the account's values before do not count.
    fresh: bool,
    nonce: Option<u32>,
    address: Option<[u8; 20]>,
    pub_key_hash: Option<[u8; 20]>,
    balances: BTreeMap<u32, u128>,
}

impl Overlay {
    /// Adds the updates of the next block.
    pub(super) fn apply(&mut self, updates: &AccountUpdates) -> Result<(), LinkError> {
        for (id, update) in updates {
            let patch = self.accounts.entry(id.0).or_default();
            match update {
                AccountUpdate::Create { address, nonce } => patch.exist(address.0, nonce.0),
                AccountUpdate::Delete { .. } => patch.end(),
                AccountUpdate::UpdateBalance { new_nonce, balance_update: (token, _, new), .. } => {
                    patch.nonce = Some(new_nonce.0);
                    patch.balances.insert(token.0, to_u128(new).map_err(out_of_range)?);
                }
                AccountUpdate::ChangePubKeyHash { new_pub_key_hash, new_nonce, .. } => {
                    patch.nonce = Some(new_nonce.0);
                    patch.pub_key_hash = Some(new_pub_key_hash.0);
                }
                AccountUpdate::MintNFT { .. } | AccountUpdate::RemoveNFT { .. } => {}
            }
        }
        Ok(())
    }

    /// Takes back the updates of the last block.
    pub(super) fn undo(&mut self, updates: &AccountUpdates) -> Result<(), LinkError> {
        for (id, update) in updates.iter().rev() {
            let patch = self.accounts.entry(id.0).or_default();
            match update {
                AccountUpdate::Create { .. } => patch.end(),
                AccountUpdate::Delete { address, nonce } => patch.exist(address.0, nonce.0),
                AccountUpdate::UpdateBalance { old_nonce, balance_update: (token, old, _), .. } => {
                    patch.nonce = Some(old_nonce.0);
                    patch.balances.insert(token.0, to_u128(old).map_err(out_of_range)?);
                }
                AccountUpdate::ChangePubKeyHash { old_pub_key_hash, old_nonce, .. } => {
                    patch.nonce = Some(old_nonce.0);
                    patch.pub_key_hash = Some(old_pub_key_hash.0);
                }
                AccountUpdate::MintNFT { .. } | AccountUpdate::RemoveNFT { .. } => {}
            }
        }
        Ok(())
    }

    /// Returns the first changed account with an id from this one on.
    pub(super) fn first_from(&self, id: u32) -> Option<u32> {
        self.accounts.range(id..).next().map(|(id, _)| *id)
    }

    /// Changes the accounts with ids from `first` to before `end`, all of which are given by
    /// ascending id.
    pub(super) fn change(&self, accounts: &mut Vec<InitialAccount>, first: u32, end: u32) {
        for (&id, patch) in self.accounts.range(first..end) {
            match accounts.binary_search_by_key(&id, |account| account.id) {
                Ok(at) if patch.absent => drop(accounts.remove(at)),
                Ok(at) => {
                    if let Some(account) = accounts.get_mut(at) {
                        patch.change(account);
                    }
                }
                Err(_) if patch.absent => {}
                Err(at) => {
                    let mut account =
                        InitialAccount { id, header: AccountHeader::default(), balances: Vec::new() };
                    patch.change(&mut account);
                    accounts.insert(at, account);
                }
            }
        }
    }
}

impl Patch {
    fn exist(&mut self, address: [u8; 20], nonce: u32) {
        let (address, nonce) = (Some(address), Some(nonce));
        *self = Self { fresh: true, address, nonce, ..Self::default() };
    }

    fn end(&mut self) {
        *self = Self { absent: true, ..Self::default() };
    }

    fn change(&self, account: &mut InitialAccount) {
        if self.fresh {
            account.header = AccountHeader::default();
            account.balances.clear();
        }
        let header = &mut account.header;
        header.nonce = self.nonce.unwrap_or(header.nonce);
        header.address = self.address.unwrap_or(header.address);
        header.pub_key_hash = self.pub_key_hash.unwrap_or(header.pub_key_hash);
        let mut balances: BTreeMap<u32, u128> = account.balances.drain(..).collect();
        balances.extend(&self.balances);
        account.balances = balances.into_iter().filter(|(_, balance)| *balance != 0).collect();
    }
}

fn out_of_range(error: impl ToString) -> LinkError {
    LinkError::row("account_balance_updates", error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::{AccountId, Address, Nonce, PubKeyHash, TokenId};

    fn account(id: u32, nonce: u32, key: u8, balances: &[(u32, u128)]) -> InitialAccount {
        let header = AccountHeader { nonce, pub_key_hash: [key; 20], address: [id as u8; 20] };
        InitialAccount { id, header, balances: balances.to_vec() }
    }

    fn balance(id: u32, nonces: (u32, u32), token: u32, old: u128, new: u128) -> (AccountId, AccountUpdate) {
        let update = AccountUpdate::UpdateBalance {
            old_nonce: Nonce(nonces.0),
            new_nonce: Nonce(nonces.1),
            balance_update: (TokenId(token), old.into(), new.into()),
        };
        (AccountId(id), update)
    }

    #[test]
    fn updates_lead_from_one_state_to_the_other_and_back() {
        let before = vec![account(1, 4, 9, &[(0, 10), (7, 1)]), account(5, 0, 0, &[])];
        let after =
            vec![account(1, 6, 8, &[(0, u128::MAX)]), account(3, 0, 0, &[(2, 5)]), account(5, 0, 0, &[])];
        let key = AccountUpdate::ChangePubKeyHash {
            old_pub_key_hash: PubKeyHash([9; 20]),
            new_pub_key_hash: PubKeyHash([8; 20]),
            old_nonce: Nonce(5),
            new_nonce: Nonce(6),
        };
        let create = AccountUpdate::Create { address: Address([3; 20]), nonce: Nonce(0) };
        let updates = vec![
            balance(1, (4, 5), 0, 10, 3),
            (AccountId(1), key),
            balance(1, (6, 6), 0, 3, u128::MAX),
            (AccountId(3), create),
            balance(3, (0, 0), 2, 0, 5),
            balance(1, (6, 6), 7, 1, 0),
        ];
        let mut forward = Overlay::default();
        forward.apply(&updates).unwrap();
        let mut accounts = before.clone();
        forward.change(&mut accounts, 0, 10);
        assert_eq!(accounts, after);
        assert_eq!((forward.first_from(2), forward.first_from(4)), (Some(3), None));
        let mut back = Overlay::default();
        back.undo(&updates).unwrap();
        back.change(&mut accounts, 0, 10);
        assert_eq!(accounts, before);
        // Only the given ids are changed.
        let mut part = vec![before[0].clone()];
        forward.change(&mut part, 0, 2);
        assert_eq!(part, [after[0].clone()]);
    }

    #[test]
    fn an_account_that_ends_and_begins_again_has_nothing_of_before() {
        let mut overlay = Overlay::default();
        let end = AccountUpdate::Delete { address: Address([1; 20]), nonce: Nonce(4) };
        let begin = AccountUpdate::Create { address: Address([2; 20]), nonce: Nonce(0) };
        overlay.apply(&vec![(AccountId(1), end)]).unwrap();
        let mut accounts = vec![account(1, 4, 9, &[(0, 10)])];
        overlay.change(&mut accounts, 0, 10);
        assert_eq!(accounts, []);
        overlay.apply(&vec![(AccountId(1), begin)]).unwrap();
        let mut accounts = vec![account(1, 4, 9, &[(0, 10)])];
        overlay.change(&mut accounts, 0, 10);
        let header = AccountHeader { nonce: 0, pub_key_hash: [0; 20], address: [2; 20] };
        assert_eq!(accounts, [InitialAccount { id: 1, header, balances: vec![] }]);
    }
}
