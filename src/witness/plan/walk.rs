//! The walk of a plan through the block: plain account state under the updates made so far.

use std::collections::HashMap;

use thiserror::Error;

use super::Branch;
use crate::tree::{AccountHeader, LeafUpdate, Version};
use crate::witness::Cause;

/// Ids from here on are outside the used subtree (spec 01 §1).
const ACCOUNTS: u32 = 1 << 24;

/// The plain state could not be read.
#[derive(Clone, Debug, Error)]
#[error("{0}")]
pub struct StateError(pub String);

/// Plain account state before a block. An account that equals the default counts as absent.
pub trait State {
    /// Header of an account.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn account(&self, account: u32) -> Result<Option<AccountHeader>, StateError>;
    /// Balance in a token, 0 when there is none.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn balance(&self, account: u32, token: u32) -> Result<u128, StateError>;
    /// Balances other than zero in tokens `0..tokens`, ascending.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn balances(&self, account: u32, tokens: u32) -> Result<Vec<(u32, u128)>, StateError>;
}

/// Where a plan has got to: the state, the version it is in, and the updates that led there.
pub struct Walk<'a> {
    before: &'a dyn State,
    headers: HashMap<u32, Option<AccountHeader>>,
    balances: HashMap<(u32, u32), u128>,
    updates: Vec<LeafUpdate>,
    version: Version,
}

impl<'a> Walk<'a> {
    /// Starts at version 0, the state before the block.
    pub fn new(before: &'a dyn State) -> Self {
        Self { before, headers: HashMap::new(), balances: HashMap::new(), updates: Vec::new(), version: 0 }
    }

    /// The current version: S0, S1, … of spec 04 §3.1.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Header of an account, `None` when it is absent.
    pub fn account(&mut self, account: u32) -> Result<Option<AccountHeader>, Cause> {
        if account >= ACCOUNTS {
            return Err(Cause::AccountOutOfRange(account));
        }
        if let Some(header) = self.headers.get(&account) {
            return Ok(*header);
        }
        let header = self.before.account(account)?;
        self.headers.insert(account, header);
        Ok(header)
    }

    /// Balance of an account in a token.
    pub fn balance(&mut self, account: u32, token: u32) -> Result<u128, Cause> {
        if let Some(balance) = self.balances.get(&(account, token)) {
            return Ok(*balance);
        }
        let balance = self.before.balance(account, token)?;
        self.balances.insert((account, token), balance);
        Ok(balance)
    }

    /// `B(account, token)` in the current version: witness, balance and both paths.
    pub fn branch(&mut self, account: u32, token: u32) -> Result<Branch, Cause> {
        let header = self.account(account)?.unwrap_or_default();
        Ok(Branch { account, token, header, balance: self.balance(account, token)?, paths: self.version })
    }

    /// One leaf update: changes header and balance, and goes on to the next version.
    pub fn update(
        &mut self,
        account: u32,
        token: u32,
        change: impl FnOnce(&mut AccountHeader, &mut Balance) -> Result<(), Cause>,
    ) -> Result<(), Cause> {
        self.version += 1;
        self.write(account, token, change)
    }

    /// Credits all fees at once: they share one version, since only the state after the last one is ever shown.
    pub fn credit_fees(&mut self, account: u32, fees: &[(u32, u128)]) -> Result<(), Cause> {
        self.version += 1;
        for &(token, fee) in fees.iter().filter(|(_, fee)| *fee != 0) {
            self.write(account, token, |_, balance| balance.add(fee))?;
        }
        Ok(())
    }

    fn write(
        &mut self,
        account: u32,
        token: u32,
        change: impl FnOnce(&mut AccountHeader, &mut Balance) -> Result<(), Cause>,
    ) -> Result<(), Cause> {
        let mut header = self.account(account)?.unwrap_or_default();
        let mut balance = Balance { account, token, value: self.balance(account, token)? };
        change(&mut header, &mut balance)?;
        let balance = balance.value;
        // An account that becomes non-default springs into being; one that is all default and empty stays absent.
        let known = self.headers.insert(account, Some(header)).flatten().is_some();
        if !known && header == AccountHeader::default() && balance == 0 {
            self.headers.insert(account, None);
        }
        self.balances.insert((account, token), balance);
        self.updates.push(LeafUpdate { version: self.version, account, token, header, balance });
        Ok(())
    }

    /// Balances of an account in tokens `0..tokens` in the current version, by token.
    pub fn dense_balances(&self, account: u32, tokens: u32) -> Result<Vec<u128>, Cause> {
        let mut dense = vec![0; tokens as usize];
        for (token, balance) in self.before.balances(account, tokens)? {
            if let Some(slot) = dense.get_mut(token as usize) {
                *slot = balance;
            }
        }
        for (&(owner, token), &balance) in &self.balances {
            if let (true, Some(slot)) = (owner == account, dense.get_mut(token as usize)) {
                *slot = balance;
            }
        }
        Ok(dense)
    }

    /// Ends a block: gives its updates, in order. The walk can go on with the next block.
    pub fn take_updates(&mut self) -> Result<Vec<LeafUpdate>, Cause> {
        // An account that is all default and empty now is absent from here on, as in a tree that is read anew.
        let default: Vec<u32> = self
            .headers
            .iter()
            .filter(|(_, header)| **header == Some(AccountHeader::default()))
            .map(|(account, _)| *account)
            .collect();
        for account in default {
            if self.is_empty(account)? {
                self.headers.insert(account, None);
            }
        }
        Ok(std::mem::take(&mut self.updates))
    }

    /// Whether an account has no balance in any token.
    fn is_empty(&self, account: u32) -> Result<bool, Cause> {
        let now = |token| self.balances.get(&(account, token)).copied();
        let mut before = self.before.balances(account, u32::MAX)?.into_iter();
        Ok(before.all(|(token, _)| now(token) == Some(0))
            && self.balances.iter().all(|((owner, _), balance)| *owner != account || *balance == 0))
    }
}

/// A balance under change, with checked arithmetic.
pub struct Balance {
    account: u32,
    token: u32,
    /// The amount.
    pub value: u128,
}

impl Balance {
    /// Adds to the balance.
    pub fn add(&mut self, amount: u128) -> Result<(), Cause> {
        let (account, token) = (self.account, self.token);
        self.value = self.value.checked_add(amount).ok_or(Cause::Overflow { account, token })?;
        Ok(())
    }

    /// Takes from the balance.
    pub fn take(&mut self, needed: u128) -> Result<(), Cause> {
        let (account, token, balance) = (self.account, self.token, self.value);
        self.value =
            balance.checked_sub(needed).ok_or(Cause::NotEnough { account, token, balance, needed })?;
        Ok(())
    }
}

/// Counts the account's nonce up after checking the transaction's.
pub fn use_nonce(header: &mut AccountHeader, account: u32, nonce: u32) -> Result<(), Cause> {
    if header.nonce != nonce {
        return Err(Cause::NonceMismatch { account, nonce, expected: header.nonce });
    }
    header.nonce = nonce.checked_add(1).ok_or(Cause::NonceOverflow(account))?;
    Ok(())
}
