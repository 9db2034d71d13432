//! TransferToNew, 6 chunks (docs/protocol/04-witness.md §5.3).

use super::chunk::{Chunk, PlannedChunks};
use super::transfer::Sides;
use super::walk::Walk;
use crate::domain::TransferToNewOp;
use crate::witness::error::Cause;

pub(super) fn plan(op: &TransferToNewOp, walk: &mut Walk<'_>) -> Result<PlannedChunks, Cause> {
    let to = op.to.0;
    let token = op.tx.token.0;
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
