//! ForcedExit, 6 chunks (docs/protocol/04-witness.md §5.8).

use super::args::Args;
use super::chunk::{Chunk, PlannedChunks};
use super::walk::{Walk, use_nonce};
use crate::crypto::packed_float::{pack_amount, pack_fee};
use crate::domain::{ForcedExitOp, to_u128};
use crate::witness::error::Cause;

pub(super) fn plan(op: &ForcedExitOp, walk: &mut Walk<'_>) -> Result<PlannedChunks, Cause> {
    let initiator = op.tx.initiator_account_id.0;
    let target = op.target_account_id.0;
    let token = op.tx.token.0;
    let amount = op.withdraw_amount.as_ref().map(to_u128).transpose()?.unwrap_or(0);
    let fee = to_u128(&op.tx.fee)?;

    let initiator_s0 = walk.branch(initiator, token)?;
    let s0 = walk.version();
    walk.update(initiator, token, |account, balance| {
        use_nonce(account, initiator, op.tx.nonce.0)?;
        balance.take(fee)
    })?;
    let s1 = walk.version();
    let initiator_s1 = walk.branch(initiator, token)?;
    let target_s1 = walk.branch(target, token)?;
    walk.update(target, token, |_, balance| balance.take(amount))?;
    let s2 = walk.version();
    let target_s2 = walk.branch(target, token)?;

    let mut chunks =
        vec![Chunk::new(initiator_s0, target_s1.with_paths(s0), s1), Chunk::new(initiator_s1, target_s1, s2)];
    chunks.extend([Chunk::new(initiator_s1.with_paths(s2), target_s2, s2); 4]);
    let args = Args {
        eth_address: op.tx.target.0,
        amount_packed: pack_amount(amount),
        full_amount: amount,
        fee: pack_fee(fee)?,
        ..Args::default()
    };
    Ok(PlannedChunks::with_terms(chunks, initiator_s0.balance, fee, args.valid(op.tx.time_range)))
}
