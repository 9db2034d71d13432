//! Account state during a plan, with the updates made so far.

use std::collections::HashMap;

use super::chunk::Branch;
use crate::tree::{AccountHeader, LeafUpdate, Version};
use crate::witness::error::Cause;
use crate::witness::state::State;

/// Number of accounts in the used subtree (docs/protocol/01-primitives.md §1).
const ACCOUNTS: u32 = 1 << 24;

/// The current state of a plan, its version, and the updates since the start of the block.
pub(crate) struct Walk<'a> {
    before: &'a dyn State,
    headers: HashMap<u32, Option<AccountHeader>>,
    balances: HashMap<(u32, u32), u128>,
    updates: Vec<LeafUpdate>,
    version: Version,
}

impl<'a> Walk<'a> {
    /// Starts at version 0, the state before the first block.
    pub(super) fn new(before: &'a dyn State) -> Self {
        Self { before, headers: HashMap::new(), balances: HashMap::new(), updates: Vec::new(), version: 0 }
    }

    /// Returns the current version: S0, S1, … of docs/protocol/04-witness.md §3.1.
    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Returns the header of an account; `None` if it is absent.
    pub(super) fn account(&mut self, account: u32) -> Result<Option<AccountHeader>, Cause> {
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

    /// Returns the balance of an account in a token.
    pub(super) fn balance(&mut self, account: u32, token: u32) -> Result<u128, Cause> {
        if let Some(balance) = self.balances.get(&(account, token)) {
            return Ok(*balance);
        }
        let balance = self.before.balance(account, token)?;
        self.balances.insert((account, token), balance);
        Ok(balance)
    }

    /// Returns `B(account, token)` in the current version: header, balance and both paths.
    pub(super) fn branch(&mut self, account: u32, token: u32) -> Result<Branch, Cause> {
        let header = self.account(account)?.unwrap_or_default();
        Ok(Branch { account, token, header, balance: self.balance(account, token)?, paths: self.version })
    }

    /// Makes one leaf update, which starts the next version: changes header and balance.
    pub(super) fn update(
        &mut self,
        account: u32,
        token: u32,
        change: impl FnOnce(&mut AccountHeader, &mut Balance) -> Result<(), Cause>,
    ) -> Result<(), Cause> {
        self.version += 1;
        self.write(account, token, change)
    }

    /// Credits amounts of several tokens to an account in one version.
    pub(super) fn credit_all(
        &mut self,
        account: u32,
        amounts: impl Iterator<Item = (u32, u128)>,
    ) -> Result<(), Cause> {
        self.version += 1;
        for (token, amount) in amounts {
            self.write(account, token, |_, balance| balance.add(amount))?;
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
        // A header or balance that is not the default creates the account; without one it stays
        // absent.
        let known = self.headers.insert(account, Some(header)).flatten().is_some();
        if !known && header == AccountHeader::default() && balance == 0 {
            self.headers.insert(account, None);
        }
        self.balances.insert((account, token), balance);
        self.updates.push(LeafUpdate { version: self.version, account, token, header, balance });
        Ok(())
    }

    /// Returns the balances of an account in tokens `0..tokens` in the current version, by token.
    pub(super) fn dense_balances(&self, account: u32, tokens: u32) -> Result<Vec<u128>, Cause> {
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

    /// Ends a block and returns its updates in order. The next block can follow.
    pub(super) fn take_updates(&mut self) -> Result<Vec<LeafUpdate>, Cause> {
        // An account with the default header and no balance is absent for the next block, as in a
        // tree that is read from disk.
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

    /// Returns true if an account has no balance in any token.
    fn is_empty(&self, account: u32) -> Result<bool, Cause> {
        let now = |token| self.balances.get(&(account, token)).copied();
        let mut before = self.before.balances(account, u32::MAX)?.into_iter();
        Ok(before.all(|(token, _)| now(token) == Some(0))
            && self.balances.iter().all(|((owner, _), balance)| *owner != account || *balance == 0))
    }
}

/// A balance during an update, with checked arithmetic.
pub(crate) struct Balance {
    account: u32,
    token: u32,
    /// Current amount.
    pub(super) value: u128,
}

impl Balance {
    pub(super) fn add(&mut self, amount: u128) -> Result<(), Cause> {
        let account = self.account;
        let token = self.token;
        self.value = self.value.checked_add(amount).ok_or(Cause::Overflow { account, token })?;
        Ok(())
    }

    pub(super) fn take(&mut self, needed: u128) -> Result<(), Cause> {
        let account = self.account;
        let token = self.token;
        let balance = self.value;
        self.value =
            balance.checked_sub(needed).ok_or(Cause::NotEnough { account, token, balance, needed })?;
        Ok(())
    }
}

/// Compares the nonce of a transaction with that of its account and raises the latter by one.
pub(super) fn use_nonce(header: &mut AccountHeader, account: u32, nonce: u32) -> Result<(), Cause> {
    if header.nonce != nonce {
        return Err(Cause::NonceMismatch { account, nonce, expected: header.nonce });
    }
    header.nonce = nonce.checked_add(1).ok_or(Cause::NonceOverflow(account))?;
    Ok(())
}
