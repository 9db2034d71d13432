//! Withdraw, 6 chunks (docs/protocol/04-witness.md §5.4).

use super::args::Args;
use super::chunk::{Chunk, PlannedChunks};
use super::walk::{Walk, use_nonce};
use crate::crypto::packed_float::{pack_amount, pack_fee};
use crate::domain::{WithdrawOp, to_u128};
use crate::witness::error::Cause;

pub(super) fn plan(op: &WithdrawOp, walk: &mut Walk<'_>) -> Result<PlannedChunks, Cause> {
    let id = op.account_id.0;
    let token = op.tx.token.0;
    let amount = to_u128(&op.tx.amount)?;
    let fee = to_u128(&op.tx.fee)?;
    let taken = amount.checked_add(fee).ok_or(Cause::Overflow { account: id, token })?;

    let at_s0 = walk.branch(id, token)?;
    walk.update(id, token, |account, balance| {
        use_nonce(account, id, op.tx.nonce.0)?;
        balance.take(taken)
    })?;
    let s1 = walk.version();
    let at_s1 = walk.branch(id, token)?;

    let mut chunks = vec![Chunk::both(at_s0, s1)];
    chunks.extend([Chunk::both(at_s1, s1); 5]);
    let args = Args {
        eth_address: op.tx.to.0,
        // Rounded if the amount has no packed form: the public data has the full amount.
        amount_packed: pack_amount(amount),
        full_amount: amount,
        fee: pack_fee(fee)?,
        ..Args::default()
    };
    Ok(PlannedChunks::with_terms(chunks, at_s0.balance, taken, args.valid(op.tx.time_range)))
}
