//! Swap (docs/protocol/07-execution.md §3.6).

use super::checks::{
    amount, any_token, balance_for, fee, fungible, is_locked, nonce, require, signed_by, unlocked,
};
use crate::domain::tx::{Order, Swap};
use crate::domain::{AccountId, MAX_ACCOUNT_ID, PubKeyHash, SwapOp, TokenId, ZkSyncOp};
use crate::execution::failure::Failure;
use crate::execution::recorder::Recorder;
use crate::execution::state::State;
use crate::execution::verified::VerifiedTx;
use num_bigint::BigUint;
use num_traits::Zero;

pub(super) fn create(tx: &Swap, verified: &VerifiedTx, state: &State) -> Result<ZkSyncOp, Failure> {
    let [signer0, signer1] = verified.order_signers();
    let recipient0 = check_order(&tx.orders.0, signer0, state)?;
    let recipient1 = check_order(&tx.orders.1, signer1, state)?;
    require(tx.submitter_id <= MAX_ACCOUNT_ID, Failure::OrderAccountId)?;
    fungible(tx.fee_token, Failure::Token)?;
    let (submitter, account) = unlocked(state, &tx.submitter_address, Failure::SubmitterDoesNotExist)?;
    signed_by(account, verified.signer(), Failure::SwapSignature)?;
    require(submitter == tx.submitter_id, Failure::SubmitterId)?;
    Ok(ZkSyncOp::Swap(Box::new(SwapOp {
        tx: tx.clone(),
        submitter,
        accounts: (tx.orders.0.account_id, tx.orders.1.account_id),
        recipients: (recipient0, recipient1),
    })))
}

/// Checks an order by itself, and returns the id of its recipient.
fn check_order(order: &Order, signer: Option<PubKeyHash>, state: &State) -> Result<AccountId, Failure> {
    any_token(order.token_buy)?;
    any_token(order.token_sell)?;
    require(order.account_id <= MAX_ACCOUNT_ID, Failure::OrderAccountId)?;
    let account = state.account(order.account_id).ok_or(Failure::OrderAccountId)?;
    let recipient = state.account_by_address(&order.recipient);
    // Whether the circuit lets the storage account receive tokens is not established.
    let recipient = recipient.filter(|(id, _)| *id <= MAX_ACCOUNT_ID);
    let (recipient, _) = recipient.ok_or(Failure::RecipientDoesNotExist)?;
    require(!is_locked(account), Failure::Locked)?;
    signed_by(account, signer, Failure::OrderSignature)?;
    Ok(recipient)
}

pub(super) fn apply(op: &SwapOp, recorder: &mut Recorder<'_>) -> Result<(), Failure> {
    let tx = &op.tx;
    let (order0, order1) = &tx.orders;
    let (account0, account1) = op.accounts;
    let (recipient0, recipient1) = op.recipients;
    let submitter = op.submitter;
    check_match(op)?;

    let amount0 = amount(&tx.amounts.0)?;
    let amount1 = amount(&tx.amounts.1)?;
    let fee = fee(&tx.fee)?;
    let state = recorder.state();
    nonce(state, submitter, tx.nonce)?;
    let incoming = if submitter == recipient0 && tx.fee_token == order0.token_buy {
        amount1
    } else if submitter == recipient1 && tx.fee_token == order1.token_buy {
        amount0
    } else {
        0
    };
    let available = state.balance(submitter, tx.fee_token).saturating_add(incoming);
    require(available >= fee, Failure::NotEnoughBalance)?;
    for (order, account, amount) in [(order0, account0, amount0), (order1, account1, amount1)] {
        nonce(state, account, order.nonce)?;
        let pays_fee = account == submitter && tx.fee_token == order.token_sell;
        balance_for(state, account, order.token_sell, amount, if pays_fee { fee } else { 0 })?;
    }

    let (raises0, raises1) = op.raises_nonces();
    sell(recorder, account0, order0.token_sell, amount0, raises0)?;
    recorder.add(recipient1, order0.token_sell, amount0)?;
    sell(recorder, account1, order1.token_sell, amount1, raises1)?;
    recorder.add(recipient0, order1.token_sell, amount1)?;
    recorder.pay(submitter, tx.fee_token, fee)
}

/// Checks that the orders match each other and the amounts.
fn check_match(op: &SwapOp) -> Result<(), Failure> {
    let (order0, order1) = &op.tx.orders;
    let (amount0, amount1) = &op.tx.amounts;
    require(order0.token_buy == order1.token_sell, Failure::BuySellTokens)?;
    require(order1.token_buy == order0.token_sell, Failure::BuySellTokens)?;
    require(order0.token_sell != order1.token_sell, Failure::SameTokens)?;
    require(order0.amount.is_zero() || order0.amount == *amount0, Failure::Amounts)?;
    require(order1.amount.is_zero() || order1.amount == *amount1, Failure::Amounts)?;
    require(op.accounts.0 != op.accounts.1, Failure::SelfSwap)?;
    require(is_acceptable(order0, amount0, amount1), Failure::Prices)?;
    require(is_acceptable(order1, amount1, amount0), Failure::Prices)
}

/// Returns true if the order's owner sells `sold` for at least its price.
fn is_acceptable(order: &Order, sold: &BigUint, bought: &BigUint) -> bool {
    let (sell, buy) = &order.ratio;
    sold * buy <= bought * sell
}

fn sell(
    recorder: &mut Recorder<'_>,
    account: AccountId,
    token: TokenId,
    amount: u128,
    raises_nonce: bool,
) -> Result<(), Failure> {
    if raises_nonce { recorder.pay(account, token, amount) } else { recorder.take(account, token, amount) }
}
