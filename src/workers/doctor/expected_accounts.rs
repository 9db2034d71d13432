//! The accounts that follow from genesis and the account updates of the blocks: the reference for
//! the check of the stored state.

use std::collections::BTreeMap;

use crate::domain::{AccountUpdate, AccountUpdates, to_u128};
use crate::store::AccountState;
use crate::workers::import::{GenesisAccounts, ImportError};

/// An account with its non-zero balances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AccountWithBalances {
    /// `None` if the account does not exist.
    pub state: Option<AccountState>,
    /// Balances by token, in the token's smallest unit.
    pub balances: BTreeMap<u32, u128>,
}

/// The expected accounts after a block. The genesis as JSON, and the accounts that blocks have
/// changed, are in memory.
pub(super) struct ExpectedAccounts<'a> {
    genesis: GenesisAccounts<'a>,
    changed: BTreeMap<u32, AccountWithBalances>,
}

impl<'a> ExpectedAccounts<'a> {
    /// Starts with the accounts of a genesis.
    pub(crate) fn new(genesis: &'a [u8]) -> Result<Self, ImportError> {
        Ok(Self { genesis: GenesisAccounts::new(genesis)?, changed: BTreeMap::new() })
    }

    /// Applies the account updates of the next block. Fails if an amount exceeds 128 bits.
    pub(crate) fn apply(&mut self, updates: &AccountUpdates) -> Result<(), ImportError> {
        for (id, update) in updates {
            if !self.changed.contains_key(&id.0) {
                self.changed.insert(id.0, self.account(id.0)?);
            }
            let Some(account) = self.changed.get_mut(&id.0) else { continue };
            match update {
                AccountUpdate::Create { address, nonce } => {
                    let state = AccountState { nonce: nonce.0, pub_key_hash: [0; 20], address: address.0 };
                    account.state = Some(state);
                }
                AccountUpdate::Delete { .. } => account.state = None,
                AccountUpdate::UpdateBalance { new_nonce, balance_update: (token, _, new), .. } => {
                    if let Some(state) = &mut account.state {
                        state.nonce = new_nonce.0;
                    }
                    let too_large = |source| ImportError::GenesisAmount { account: id.0, source };
                    match to_u128(new).map_err(too_large)? {
                        0 => drop(account.balances.remove(&token.0)),
                        amount => drop(account.balances.insert(token.0, amount)),
                    }
                }
                AccountUpdate::ChangePubKeyHash { new_pub_key_hash, new_nonce, .. } => {
                    if let Some(state) = &mut account.state {
                        state.nonce = new_nonce.0;
                        state.pub_key_hash = new_pub_key_hash.0;
                    }
                }
                AccountUpdate::MintNFT { .. } | AccountUpdate::RemoveNFT { .. } => {}
            }
        }
        Ok(())
    }

    pub(crate) fn account(&self, id: u32) -> Result<AccountWithBalances, ImportError> {
        if let Some(account) = self.changed.get(&id) {
            return Ok(account.clone());
        }
        let Some(initial) = self.genesis.get(id)? else { return Ok(AccountWithBalances::default()) };
        Ok(AccountWithBalances {
            state: Some(AccountState::from(initial.header)),
            balances: initial.balances.into_iter().collect(),
        })
    }

    /// Returns the ids of all accounts that existed at any time, ascending.
    pub(crate) fn ids(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.genesis.all().iter().map(|(id, _)| *id).collect();
        ids.extend(self.changed.keys());
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}
