//! FullExit, 11 chunks (docs/protocol/04-witness.md §5.6).

use super::args::Args;
use super::chunk::{Chunk, PlannedChunks};
use super::walk::Walk;
use crate::domain::{FullExitOp, NFT_STORAGE_ACCOUNT_ID, to_u128};
use crate::witness::error::Cause;

pub(super) fn plan(op: &FullExitOp, walk: &mut Walk<'_>) -> Result<PlannedChunks, Cause> {
    let id = op.priority_op.account_id.0;
    let token = op.priority_op.token.0;
    let creator = op.creator_account_id.map_or(0, |id| id.0);
    let amount = op.withdraw_amount.as_ref().map(to_u128).transpose()?;

    let at_s0 = walk.branch(id, token)?;
    walk.update(id, token, |_, balance| {
        // A failed exit changes nothing.
        if amount.is_some() {
            balance.value = 0;
        }
        Ok(())
    })?;
    let s1 = walk.version();
    let at_s1 = walk.branch(id, token)?;
    let content_s1 = walk.branch(NFT_STORAGE_ACCOUNT_ID.0, token)?;
    let creator_s1 = walk.branch(creator, token)?;

    let mut chunks = vec![Chunk::both(at_s0, s1), Chunk::both(content_s1, s1), Chunk::both(creator_s1, s1)];
    chunks.extend([Chunk::both(at_s1, s1); 8]);
    let args = Args {
        eth_address: op.priority_op.eth_address.0,
        full_amount: amount.unwrap_or(0),
        special_eth_addresses: [op.creator_address.map_or([0; 20], |address| address.0), [0; 20]],
        special_accounts: [creator, id, 0, 0, 0],
        special_content_hash: op.content_hash.map_or([0; 32], |hash| hash.0),
        special_serial_id: op.serial_id.unwrap_or(0),
        ..Args::default()
    };
    Ok(PlannedChunks::with_terms(chunks, 0, 0, args))
}
