//! Swap, 5 chunks (docs/protocol/04-witness.md §5.10).

use super::args::Args;
use super::chunk::{Chunk, PlannedChunks};
use super::walk::{Walk, use_nonce};
use crate::crypto::packed_float::{pack_amount, pack_fee};
use crate::domain::{Order, SwapOp, to_u128};
use crate::witness::error::Cause;

pub(super) fn plan(op: &SwapOp, walk: &mut Walk<'_>) -> Result<PlannedChunks, Cause> {
    let tx = &op.tx;
    let (order0, order1) = &tx.orders;
    let account0 = op.accounts.0.0;
    let account1 = op.accounts.1.0;
    let recipient0 = op.recipients.0.0;
    let recipient1 = op.recipients.1.0;
    let submitter = op.submitter.0;
    let token0 = order0.token_sell.0;
    let token1 = order1.token_sell.0;
    let fee_token = tx.fee_token.0;
    let amount0 = to_u128(&tx.amounts.0)?;
    let amount1 = to_u128(&tx.amounts.1)?;
    let fee = to_u128(&tx.fee)?;

    let selling0_s0 = walk.branch(account0, token0)?;
    let s0 = walk.version();
    let (raises0, raises1) = op.raises_nonces();
    sell(walk, account0, token0, amount0, raises0.then_some(order0))?;
    let s1 = walk.version();
    let selling0_s1 = walk.branch(account0, token0)?;
    let buying1_s1 = walk.branch(recipient1, token0)?;
    walk.update(recipient1, token0, |_, balance| balance.add(amount0))?;
    let s2 = walk.version();
    let selling1_s2 = walk.branch(account1, token1)?;
    sell(walk, account1, token1, amount1, raises1.then_some(order1))?;
    let s3 = walk.version();
    let selling1_s3 = walk.branch(account1, token1)?;
    let buying0_s3 = walk.branch(recipient0, token1)?;
    walk.update(recipient0, token1, |_, balance| balance.add(amount1))?;
    let s4 = walk.version();
    let paying_s4 = walk.branch(submitter, fee_token)?;
    walk.update(submitter, fee_token, |account, balance| {
        use_nonce(account, submitter, tx.nonce.0)?;
        balance.take(fee)
    })?;
    let s5 = walk.version();

    let first = (selling0_s0.balance, amount0, 0);
    let second = (selling1_s2.balance, amount1, 1);
    let chunks = [
        (Chunk::new(selling0_s0, buying1_s1.with_paths(s0), s1), first),
        (Chunk::new(selling0_s1, buying1_s1, s2), first),
        (Chunk::new(selling1_s2, buying0_s3.with_paths(s2), s3), second),
        (Chunk::new(selling1_s3, buying0_s3, s4), second),
        (Chunk::both(paying_s4, s5), (paying_s4.balance, fee, 2)),
    ]
    .map(|(chunk, (a, b, signature))| Chunk { a, b, signature, ..chunk });
    let args = Args {
        amount_packed: pack_amount(amount0),
        second_amount_packed: pack_amount(amount1),
        fee: pack_fee(fee)?,
        eth_address: tx.submitter_address.0,
        special_eth_addresses: [order0.recipient.0, order1.recipient.0],
        special_tokens: [token0, token1, fee_token],
        special_accounts: [account0, recipient0, account1, recipient1, submitter],
        special_amounts: [pack_amount(to_u128(&order0.amount)?), pack_amount(to_u128(&order1.amount)?)],
        special_nonces: [order0.nonce.0, order1.nonce.0, tx.nonce.0],
        special_prices: [
            to_u128(&order0.ratio.0)?,
            to_u128(&order0.ratio.1)?,
            to_u128(&order1.ratio.0)?,
            to_u128(&order1.ratio.1)?,
        ],
        second_valid_from: order1.time_range.valid_from,
        second_valid_until: order1.time_range.valid_until,
        ..Args::default()
    };
    Ok(PlannedChunks { chunks: chunks.to_vec(), args: args.valid(Some(order0.time_range)) })
}

/// Subtracts the sold amount, and uses the nonce of the order if there is one.
fn sell(
    walk: &mut Walk<'_>,
    account: u32,
    token: u32,
    amount: u128,
    order: Option<&Order>,
) -> Result<(), Cause> {
    walk.update(account, token, |header, balance| {
        if let Some(order) = order {
            use_nonce(header, account, order.nonce.0)?;
        }
        balance.take(amount)
    })
}
