//! Transfer, 2 chunks, and TransferToNew, 6 chunks (spec 04 §5.2 and §5.3).

use super::walk::use_nonce;
use super::{Args, Branch, Chunk, Shown, Walk};
use crate::crypto::packed_float::{pack_amount, pack_fee};
use crate::domain::{Transfer, TransferOp, TransferToNewOp, to_u128};
use crate::witness::Cause;

pub fn plan(op: &TransferOp, walk: &mut Walk<'_>) -> Result<Shown, Cause> {
    let sides = Sides::update(&op.tx, op.from.0, op.to.0, walk, |_| Ok(()))?;
    let recipient = walk.branch(op.to.0, op.tx.token.0)?;
    sides.show(&op.tx, recipient.header.address, vec![])
}

pub fn plan_to_new(op: &TransferToNewOp, walk: &mut Walk<'_>) -> Result<Shown, Cause> {
    let (to, token) = (op.to.0, op.tx.token.0);
    let sides = Sides::update(&op.tx, op.from.0, to, walk, |account| {
        if account.address != [0; 20] {
            return Err(Cause::AddressMismatch(to));
        }
        account.address = op.tx.to.0;
        Ok(())
    })?;
    let s2 = walk.version();
    let recipient_s2 = walk.branch(to, token)?;
    let rest = Chunk::new(sides.sender_s1.with_paths(s2), recipient_s2, s2);
    sides.show(&op.tx, op.tx.to.0, vec![rest; 4])
}

/// What both kinds of transfer show in their first two chunks.
struct Sides {
    sender_s0: Branch,
    sender_s1: Branch,
    recipient_s1: Branch,
}

impl Sides {
    fn update(
        tx: &Transfer,
        from: u32,
        to: u32,
        walk: &mut Walk<'_>,
        change_recipient: impl FnOnce(&mut crate::tree::AccountHeader) -> Result<(), Cause>,
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

    fn show(self, tx: &Transfer, eth_address: [u8; 20], rest: Vec<Chunk>) -> Result<Shown, Cause> {
        let (amount, taken) = amounts(tx, self.sender_s0.account)?;
        let (s0, s1) = (self.sender_s0.paths, self.sender_s1.paths);
        let s2 = s1 + 1;
        let mut chunks = vec![
            Chunk::new(self.sender_s0, self.recipient_s1.with_paths(s0), s1),
            Chunk::new(self.sender_s1, self.recipient_s1, s2),
        ];
        chunks.extend(rest);
        let args = Args {
            amount_packed: pack_amount(amount)?,
            full_amount: amount,
            fee: pack_fee(to_u128(&tx.fee)?)?,
            eth_address,
            ..Args::default()
        };
        Ok(Shown::with_terms(chunks, self.sender_s0.balance, taken, args.valid(tx.time_range)))
    }
}

/// The amount, and what the sender pays for it with the fee.
fn amounts(tx: &Transfer, from: u32) -> Result<(u128, u128), Cause> {
    let amount = to_u128(&tx.amount)?;
    let overflow = Cause::Overflow { account: from, token: tx.token.0 };
    Ok((amount, amount.checked_add(to_u128(&tx.fee)?).ok_or(overflow)?))
}
