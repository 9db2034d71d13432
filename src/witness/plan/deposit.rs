//! Deposit, 6 chunks (docs/protocol/04-witness.md §5.1).

use super::args::Args;
use super::chunk::{Chunk, PlannedChunks};
use super::walk::Walk;
use crate::domain::{DepositOp, to_u128};
use crate::witness::error::Cause;

pub(super) fn plan(op: &DepositOp, walk: &mut Walk<'_>) -> Result<PlannedChunks, Cause> {
    let id = op.account_id.0;
    let token = op.priority_op.token.0;
    let amount = to_u128(&op.priority_op.amount)?;
    let to = op.priority_op.to.0;

    let at_s0 = walk.branch(id, token)?;
    walk.update(id, token, |account, balance| {
        if account.address != [0; 20] && account.address != to {
            return Err(Cause::AddressMismatch(id));
        }
        account.address = to;
        balance.add(amount)
    })?;
    let s1 = walk.version();
    let at_s1 = walk.branch(id, token)?;

    let mut chunks = vec![Chunk::both(at_s0, s1)];
    chunks.extend([Chunk::both(at_s1, s1); 5]);
    let args = Args { eth_address: to, full_amount: amount, ..Args::default() };
    Ok(PlannedChunks::with_terms(chunks, amount, 0, args))
}
