//! Transfer, 2 chunks (docs/protocol/04-witness.md §5.2), and its common part with TransferToNew.

use super::args::Args;
use super::chunk::{Branch, Chunk, PlannedChunks};
use super::walk::{Walk, use_nonce};
use crate::crypto::packed_float::{pack_amount, pack_fee};
use crate::domain::{Transfer, TransferOp, to_u128};
use crate::tree::AccountHeader;
use crate::witness::error::Cause;

pub(super) fn plan(op: &TransferOp, walk: &mut Walk<'_>) -> Result<PlannedChunks, Cause> {
    let sides = Sides::update(&op.tx, op.from.0, op.to.0, walk, |_| Ok(()))?;
    let recipient = walk.branch(op.to.0, op.tx.token.0)?;
    sides.show(&op.tx, recipient.header.address, vec![])
}

/// The branches in the first two chunks of both kinds of transfers.
pub(super) struct Sides {
    sender_s0: Branch,
    pub(super) sender_s1: Branch,
    recipient_s1: Branch,
}

impl Sides {
    /// Debits the sender and credits the recipient, after `change_recipient`.
    pub(super) fn update(
        tx: &Transfer,
        from: u32,
        to: u32,
        walk: &mut Walk<'_>,
        change_recipient: impl FnOnce(&mut AccountHeader) -> Result<(), Cause>,
    ) -> Result<Self, Cause> {
        let token = tx.token.0;
        let (amount, taken) = amounts(tx, from)?;
        let sender_s0 = walk.branch(from, token)?;
        walk.update(from, token, |account, balance| {
            use_nonce(account, from, tx.nonce.0)?;
            balance.take(taken)
        })?;
        let sender_s1 = walk.branch(from, token)?;
        let recipient_s1 = walk.branch(to, token)?;
        walk.update(to, token, |account, balance| {
            change_recipient(account)?;
            balance.add(amount)
        })?;
        Ok(Self { sender_s0, sender_s1, recipient_s1 })
    }

    /// Returns the first two chunks, followed by `rest`.
    pub(super) fn show(
        self,
        tx: &Transfer,
        eth_address: [u8; 20],
        rest: Vec<Chunk>,
    ) -> Result<PlannedChunks, Cause> {
        let (amount, taken) = amounts(tx, self.sender_s0.account)?;
        let s0 = self.sender_s0.paths;
        let s1 = self.sender_s1.paths;
        let s2 = s1 + 1;
        let mut chunks = vec![
            Chunk::new(self.sender_s0, self.recipient_s1.with_paths(s0), s1),
            Chunk::new(self.sender_s1, self.recipient_s1, s2),
        ];
        chunks.extend(rest);
        let args = Args {
            amount_packed: pack_amount(amount),
            full_amount: amount,
            fee: pack_fee(to_u128(&tx.fee)?)?,
            eth_address,
            ..Args::default()
        };
        Ok(PlannedChunks::with_terms(chunks, self.sender_s0.balance, taken, args.valid(tx.time_range)))
    }
}

/// Returns the amount, and its sum with the fee.
fn amounts(tx: &Transfer, from: u32) -> Result<(u128, u128), Cause> {
    let amount = to_u128(&tx.amount)?;
    let overflow = Cause::Overflow { account: from, token: tx.token.0 };
    Ok((amount, amount.checked_add(to_u128(&tx.fee)?).ok_or(overflow)?))
}
