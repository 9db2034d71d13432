//! Transfer and TransferToNew (docs/protocol/07-execution.md §3.1).

use super::checks::{amount, any_token, balance_for, fee, fungible, nonce, require, signed_by, unlocked};
use crate::domain::tx::Transfer;
use crate::domain::{AccountId, Address, MAX_ACCOUNT_ID, PubKeyHash, TransferOp, TransferToNewOp, ZkSyncOp};
use crate::execution::failure::Failure;
use crate::execution::recorder::Recorder;
use crate::execution::state::State;
use num_traits::Zero;

pub(super) fn create(tx: &Transfer, signer: Option<PubKeyHash>, state: &State) -> Result<ZkSyncOp, Failure> {
    any_token(tx.token)?;
    if !tx.fee.is_zero() {
        fungible(tx.token, Failure::FeeToken)?;
    }
    require(tx.to != Address::default(), Failure::TransferToZero)?;
    let (from, sender) = unlocked(state, &tx.from, Failure::FromAccountDoesNotExist)?;
    signed_by(sender, signer, Failure::TransferSignature)?;
    require(from == tx.account_id, Failure::TransferAccountId)?;
    Ok(match state.account_by_address(&tx.to) {
        Some((to, _)) => ZkSyncOp::Transfer(Box::new(TransferOp { tx: tx.clone(), from, to })),
        None => {
            let to = state.next_account_id();
            ZkSyncOp::TransferToNew(Box::new(TransferToNewOp { tx: tx.clone(), from, to }))
        }
    })
}

/// Applies a transfer between the accounts; creates the recipient if it is new.
pub(super) fn apply(
    tx: &Transfer,
    from: AccountId,
    to: AccountId,
    is_new: bool,
    recorder: &mut Recorder<'_>,
) -> Result<(), Failure> {
    require(from <= MAX_ACCOUNT_ID, Failure::TransferFromTooBig)?;
    require(to <= MAX_ACCOUNT_ID, Failure::TransferToTooBig)?;
    nonce(recorder.state(), from, tx.nonce)?;
    let amount = amount(&tx.amount)?;
    let fee = fee(&tx.fee)?;
    let taken = balance_for(recorder.state(), from, tx.token, amount, fee)?;
    if from == to {
        return recorder.pay(from, tx.token, fee);
    }
    if is_new {
        recorder.create(to, tx.to);
    }
    recorder.pay(from, tx.token, taken)?;
    recorder.add(to, tx.token, amount)
}
