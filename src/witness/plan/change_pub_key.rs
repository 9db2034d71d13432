//! ChangePubKeyOffchain, 6 chunks (docs/protocol/04-witness.md §5.7).

use super::args::Args;
use super::chunk::{Chunk, PlannedChunks};
use super::walk::{Walk, use_nonce};
use crate::crypto::packed_float::pack_fee;
use crate::domain::{ChangePubKeyOp, to_u128};
use crate::witness::error::Cause;

pub(super) fn plan(op: &ChangePubKeyOp, walk: &mut Walk<'_>) -> Result<PlannedChunks, Cause> {
    let id = op.account_id.0;
    let token = op.tx.fee_token.0;
    let fee = to_u128(&op.tx.fee)?;

    let at_s0 = walk.branch(id, token)?;
    walk.update(id, token, |account, balance| {
        if account.address != op.tx.account.0 {
            return Err(Cause::AddressMismatch(id));
        }
        use_nonce(account, id, op.tx.nonce.0)?;
        account.pub_key_hash = op.tx.new_pk_hash.0;
        balance.take(fee)
    })?;
    let s1 = walk.version();
    let at_s1 = walk.branch(id, token)?;

    let args = Args {
        eth_address: op.tx.account.0,
        fee: pack_fee(fee)?,
        pub_nonce: op.tx.nonce.0,
        new_pub_key_hash: op.tx.new_pk_hash.0,
        ..Args::default()
    };
    // Unlike other operations of one account, every chunk shows the state before on the left and
    // after on the right.
    let chunks = vec![Chunk::new(at_s0, at_s1, s1); 6];
    Ok(PlannedChunks::with_terms(chunks, at_s0.balance, fee, args.valid(op.tx.time_range)))
}
