//! MintNFT, 5 chunks (docs/protocol/04-witness.md §5.9).

use super::args::Args;
use super::chunk::{Chunk, PlannedChunks};
use super::walk::{Walk, use_nonce};
use crate::crypto::packed_float::pack_fee;
use crate::domain::{
    AccountId, MAX_TOKEN_ID, MintNftOp, NFT_STORAGE_ACCOUNT_ID, NFT_TOKEN_ID, nft_content, to_u128,
};
use crate::witness::error::Cause;

pub(super) fn plan(op: &MintNftOp, walk: &mut Walk<'_>) -> Result<PlannedChunks, Cause> {
    let creator = op.creator_account_id.0;
    let recipient = op.recipient_account_id.0;
    let storage = NFT_STORAGE_ACCOUNT_ID.0;
    let counter = NFT_TOKEN_ID.0;
    let fee_token = op.tx.fee_token.0;
    let fee = to_u128(&op.tx.fee)?;
    walk.account(storage)?.ok_or(Cause::NoNftStorage)?;
    let serial_id = u32::try_from(walk.balance(creator, counter)?).map_err(|_| Cause::NftCounter)?;
    let nft = u32::try_from(walk.balance(storage, counter)?).map_err(|_| Cause::NftCounter)?;
    if nft > MAX_TOKEN_ID.0 || walk.balance(recipient, nft)? != 0 {
        return Err(Cause::NftCounter);
    }
    let (_, content) = nft_content(AccountId(creator), serial_id, &op.tx.content_hash);

    let paying_s0 = walk.branch(creator, fee_token)?;
    walk.update(creator, fee_token, |account, balance| {
        use_nonce(account, creator, op.tx.nonce.0)?;
        balance.take(fee)
    })?;
    let s1 = walk.version();
    let serial_s1 = walk.branch(creator, counter)?;
    walk.update(creator, counter, |_, balance| balance.add(1))?;
    let s2 = walk.version();
    let counter_s2 = walk.branch(storage, counter)?;
    walk.update(storage, counter, |_, balance| balance.add(1))?;
    let s3 = walk.version();
    let content_s3 = walk.branch(storage, nft)?;
    walk.update(storage, nft, |_, balance| balance.add(content))?;
    let s4 = walk.version();
    let holding_s4 = walk.branch(recipient, nft)?;
    walk.update(recipient, nft, |_, balance| balance.add(1))?;
    let s5 = walk.version();

    let chunks = vec![
        Chunk::both(paying_s0, s1),
        Chunk::both(serial_s1, s2),
        Chunk::both(counter_s2, s3),
        Chunk::both(content_s3, s4),
        Chunk::both(holding_s4, s5),
    ];
    let args = Args {
        fee: pack_fee(fee)?,
        special_eth_addresses: [holding_s4.header.address, [0; 20]],
        special_tokens: [fee_token, nft, 0],
        special_accounts: [creator, recipient, 0, 0, 0],
        special_content_hash: op.tx.content_hash.0,
        special_serial_id: serial_id,
        ..Args::default()
    };
    Ok(PlannedChunks::with_terms(chunks, paying_s0.balance, fee, args))
}
