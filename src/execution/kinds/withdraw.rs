//! Withdraw (docs/protocol/07-execution.md §3.1).

use super::checks::{amount, balance_for, fee, fungible, nonce, require, signed_by, unlocked};
use crate::domain::tx::Withdraw;
use crate::domain::{MAX_ACCOUNT_ID, PubKeyHash, WithdrawOp, ZkSyncOp};
use crate::execution::failure::Failure;
use crate::execution::recorder::Recorder;
use crate::execution::state::State;

pub(super) fn create(tx: &Withdraw, signer: Option<PubKeyHash>, state: &State) -> Result<ZkSyncOp, Failure> {
    fungible(tx.token, Failure::Token)?;
    let (account_id, sender) = unlocked(state, &tx.from, Failure::FromAccountDoesNotExist)?;
    signed_by(sender, signer, Failure::WithdrawSignature)?;
    require(account_id == tx.account_id, Failure::WithdrawAccountId)?;
    Ok(ZkSyncOp::Withdraw(Box::new(WithdrawOp { tx: tx.clone(), account_id })))
}

pub(super) fn apply(op: &WithdrawOp, recorder: &mut Recorder<'_>) -> Result<(), Failure> {
    let id = op.account_id;
    require(id <= MAX_ACCOUNT_ID, Failure::WithdrawAccountId)?;
    nonce(recorder.state(), id, op.tx.nonce)?;
    let taken = balance_for(recorder.state(), id, op.tx.token, amount(&op.tx.amount)?, fee(&op.tx.fee)?)?;
    recorder.pay(id, op.tx.token, taken)
}
