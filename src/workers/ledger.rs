//! The accounts after any block, from genesis and the account updates of the blocks alone: what the stored state is checked against.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::genesis::{self, Accounts};
use super::import::ImportError;
use crate::domain::{AccountUpdate, AccountUpdates, to_u128};
use crate::store::AccountState;

/// An account with its balances other than zero, by token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// `None` when there is no such account.
    pub state: Option<AccountState>,
    /// In the token's smallest unit.
    pub balances: BTreeMap<u32, u128>,
}

/// In memory: the genesis as JSON, where each account is in it, and the accounts that blocks have touched.
pub struct Ledger<'a> {
    body: &'a [u8],
    accounts: Accounts<'a>,
    touched: BTreeMap<u32, Held>,
}

impl<'a> Ledger<'a> {
    /// The state of a genesis.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(body: &'a [u8]) -> Result<Self, ImportError> {
        Ok(Self { body, accounts: genesis::accounts(body)?, touched: BTreeMap::new() })
    }

    /// Goes on by a block.
    ///
    /// # Errors
    /// An amount that is too large.
    pub fn apply(&mut self, updates: &AccountUpdates) -> Result<(), ImportError> {
        for (id, update) in updates {
            if !self.touched.contains_key(&id.0) {
                self.touched.insert(id.0, self.account(id.0)?);
            }
            let Some(held) = self.touched.get_mut(&id.0) else { continue };
            match update {
                AccountUpdate::Create { address, nonce } => {
                    let state = AccountState { nonce: nonce.0, pub_key_hash: [0; 20], address: address.0 };
                    held.state = Some(state);
                }
                AccountUpdate::Delete { .. } => held.state = None,
                AccountUpdate::UpdateBalance { new_nonce, balance_update: (token, _, new), .. } => {
                    if let Some(state) = &mut held.state {
                        state.nonce = new_nonce.0;
                    }
                    let too_large = |source| ImportError::GenesisAmount { account: id.0, source };
                    match to_u128(new).map_err(too_large)? {
                        0 => drop(held.balances.remove(&token.0)),
                        amount => drop(held.balances.insert(token.0, amount)),
                    }
                }
                AccountUpdate::ChangePubKeyHash { new_pub_key_hash, new_nonce, .. } => {
                    if let Some(state) = &mut held.state {
                        (state.nonce, state.pub_key_hash) = (new_nonce.0, new_pub_key_hash.0);
                    }
                }
                AccountUpdate::MintNFT { .. } | AccountUpdate::RemoveNFT { .. } => {}
            }
        }
        Ok(())
    }

    /// An account.
    ///
    /// # Errors
    /// When the genesis holds something else in its place.
    pub fn account(&self, id: u32) -> Result<Held, ImportError> {
        if let Some(held) = self.touched.get(&id) {
            return Ok(held.clone());
        }
        let found = self.accounts.binary_search_by_key(&id, |(id, _)| *id).ok();
        let raw: Option<&(u32, &RawValue)> = found.and_then(|at| self.accounts.get(at));
        let Some((_, raw)) = raw else { return Ok(Held::default()) };
        let account = genesis::initial(id, &genesis::account(self.body, raw)?)?;
        let header = account.header;
        let state =
            AccountState { nonce: header.nonce, pub_key_hash: header.pub_key_hash, address: header.address };
        Ok(Held { state: Some(state), balances: account.balances.into_iter().collect() })
    }

    /// Ids of all accounts there ever were, ascending.
    pub fn ids(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.accounts.iter().map(|(id, _)| *id).collect();
        ids.extend(self.touched.keys());
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}
