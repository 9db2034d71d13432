//! The fees of a block (docs/protocol/04-witness.md §6).

use std::collections::BTreeMap;

use super::walk::Walk;
use crate::domain::{ZkSyncOp, to_u128};
use crate::witness::error::Cause;

/// Fees of the operations so far, by token.
pub(super) struct Fees {
    account: u32,
    by_token: BTreeMap<u32, u128>,
}

impl Fees {
    /// Starts a block with no fees. `account` is the fee account.
    pub(super) fn new(account: u32) -> Self {
        Self { account, by_token: BTreeMap::new() }
    }

    /// Adds the fee of an operation.
    pub(super) fn add(&mut self, op: &ZkSyncOp) -> Result<(), Cause> {
        let Some((token, fee)) = op.fee() else { return Ok(()) };
        let overflow = Cause::Overflow { account: self.account, token: token.0 };
        let sum = self.by_token.entry(token.0).or_default();
        *sum = sum.checked_add(to_u128(fee)?).ok_or(overflow)?;
        Ok(())
    }

    /// Credits all fees to the fee account in one version: no state between them is ever shown.
    pub(super) fn credit(&self, walk: &mut Walk<'_>) -> Result<(), Cause> {
        let updates = self.by_token.iter().filter(|(_, fee)| **fee != 0);
        walk.credit_all(self.account, updates.map(|(token, fee)| (*token, *fee)))
    }
}
