//! Changes of the state, with the account updates that describe them.

use super::failure::Failure;
use super::state::State;
use crate::domain::{AccountId, AccountUpdate, AccountUpdates, Address, Nft, Nonce, PubKeyHash, TokenId};

/// Changes the state and appends an update for each change. The caller undoes them if the operation
/// fails.
pub(super) struct Recorder<'a> {
    state: &'a mut State,
    updates: &'a mut AccountUpdates,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(state: &'a mut State, updates: &'a mut AccountUpdates) -> Self {
        Self { state, updates }
    }

    /// Returns the state with the changes made so far.
    pub(super) fn state(&self) -> &State {
        self.state
    }

    /// Creates an account.
    pub(super) fn create(&mut self, id: AccountId, address: Address) {
        self.record(id, AccountUpdate::Create { address, nonce: Nonce(0) });
    }

    /// Adds to a balance; the nonce stays.
    pub(super) fn add(&mut self, id: AccountId, token: TokenId, amount: u128) -> Result<(), Failure> {
        let balance = self.state.balance(id, token);
        let sum = balance.checked_add(amount).ok_or(Failure::BalanceOverflow)?;
        self.set_balance(id, token, sum, self.nonce(id)?)
    }

    /// Subtracts from a balance; the nonce stays.
    pub(super) fn take(&mut self, id: AccountId, token: TokenId, amount: u128) -> Result<(), Failure> {
        self.set_balance(id, token, self.less(id, token, amount)?, self.nonce(id)?)
    }

    /// Subtracts from a balance and raises the nonce.
    pub(super) fn pay(&mut self, id: AccountId, token: TokenId, amount: u128) -> Result<(), Failure> {
        self.set_balance(id, token, self.less(id, token, amount)?, next(self.nonce(id)?)?)
    }

    /// Sets a new key and raises the nonce.
    pub(super) fn change_key(&mut self, id: AccountId, key: PubKeyHash) -> Result<(), Failure> {
        let account = self.state.account(id).ok_or(Failure::AccountDoesNotExist)?;
        let update = AccountUpdate::ChangePubKeyHash {
            old_pub_key_hash: account.pub_key_hash,
            new_pub_key_hash: key,
            old_nonce: account.nonce,
            new_nonce: next(account.nonce)?,
        };
        self.record(id, update);
        Ok(())
    }

    /// Adds an NFT to those of its creator, whose nonce was `nonce` before the transaction.
    pub(super) fn mint(&mut self, nft: Nft, nonce: Nonce) {
        self.record(nft.creator_id, AccountUpdate::MintNFT { token: nft, nonce });
    }

    fn nonce(&self, id: AccountId) -> Result<Nonce, Failure> {
        self.state.account(id).map(|account| account.nonce).ok_or(Failure::AccountDoesNotExist)
    }

    fn less(&self, id: AccountId, token: TokenId, amount: u128) -> Result<u128, Failure> {
        self.state.balance(id, token).checked_sub(amount).ok_or(Failure::NotEnoughBalance)
    }

    fn set_balance(
        &mut self,
        id: AccountId,
        token: TokenId,
        new: u128,
        new_nonce: Nonce,
    ) -> Result<(), Failure> {
        let old_nonce = self.nonce(id)?;
        let balance_update = (token, self.state.balance(id, token).into(), new.into());
        self.record(id, AccountUpdate::UpdateBalance { old_nonce, new_nonce, balance_update });
        Ok(())
    }

    fn record(&mut self, id: AccountId, update: AccountUpdate) {
        self.state.apply(id, &update);
        self.updates.push((id, update));
    }
}

/// Undoes the last updates, until `length` are left.
pub(super) fn undo(state: &mut State, updates: &mut AccountUpdates, length: usize) {
    while updates.len() > length {
        let Some((id, update)) = updates.pop() else { return };
        state.apply(id, &update.reversed());
    }
}

fn next(nonce: Nonce) -> Result<Nonce, Failure> {
    nonce.0.checked_add(1).map(Nonce).ok_or(Failure::NonceMismatch)
}
