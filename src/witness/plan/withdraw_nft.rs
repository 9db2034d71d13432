//! WithdrawNFT, 10 chunks (docs/protocol/04-witness.md §5.5).

use super::args::Args;
use super::chunk::{Chunk, PlannedChunks};
use super::walk::{Walk, use_nonce};
use crate::crypto::packed_float::pack_fee;
use crate::domain::{NFT_STORAGE_ACCOUNT_ID, WithdrawNftOp, to_u128};
use crate::witness::error::Cause;

pub(super) fn plan(op: &WithdrawNftOp, walk: &mut Walk<'_>) -> Result<PlannedChunks, Cause> {
    let initiator = op.tx.account_id.0;
    let creator = op.creator_id.0;
    let nft = op.tx.token.0;
    let fee_token = op.tx.fee_token.0;
    let fee = to_u128(&op.tx.fee)?;

    let paying_s0 = walk.branch(initiator, fee_token)?;
    walk.update(initiator, fee_token, |account, balance| {
        use_nonce(account, initiator, op.tx.nonce.0)?;
        balance.take(fee)
    })?;
    let s1 = walk.version();
    let holding_s1 = walk.branch(initiator, nft)?;
    walk.update(initiator, nft, |_, balance| balance.take(1))?;
    let s2 = walk.version();
    let content_s2 = walk.branch(NFT_STORAGE_ACCOUNT_ID.0, nft)?;
    let creator_s2 = walk.branch(creator, 0)?;

    let mut chunks =
        vec![Chunk::both(paying_s0, s1), Chunk::both(holding_s1, s2), Chunk::both(content_s2, s2)];
    chunks.extend([Chunk::both(creator_s2, s2); 7]);
    let args = Args {
        eth_address: op.tx.to.0,
        fee: pack_fee(fee)?,
        special_eth_addresses: [creator_s2.header.address, [0; 20]],
        special_tokens: [fee_token, nft, 0],
        special_accounts: [creator, initiator, 0, 0, 0],
        special_content_hash: op.content_hash.0,
        special_serial_id: op.serial_id,
        ..Args::default()
    };
    Ok(PlannedChunks::with_terms(chunks, paying_s0.balance, fee, args.valid(Some(op.tx.time_range))))
}
