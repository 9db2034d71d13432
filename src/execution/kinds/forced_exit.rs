//! ForcedExit (docs/protocol/07-execution.md §3.3).

use super::checks::{fee, fungible, is_locked, nonce, require, signed_by};
use crate::domain::tx::ForcedExit;
use crate::domain::{Address, ForcedExitOp, MAX_ACCOUNT_ID, NFT_STORAGE_ACCOUNT_ID, PubKeyHash, ZkSyncOp};
use crate::execution::failure::Failure;
use crate::execution::recorder::Recorder;
use crate::execution::state::State;

pub(super) fn create(
    tx: &ForcedExit,
    signer: Option<PubKeyHash>,
    state: &State,
) -> Result<ZkSyncOp, Failure> {
    let initiator = state.account(tx.initiator_account_id).ok_or(Failure::InitiatorDoesNotExist)?;
    signed_by(initiator, signer, Failure::ForcedExitSignature)?;
    fungible(tx.token, Failure::Token)?;
    let target = state.account_by_address(&tx.target).filter(|(id, _)| *id != NFT_STORAGE_ACCOUNT_ID);
    let (target_account_id, target) = target.ok_or(Failure::TargetDoesNotExist)?;
    require(is_locked(target), Failure::TargetNotLocked)?;
    require(target.address != Address::default(), Failure::TargetInvalid)?;
    let withdraw_amount = Some(target.balance(tx.token).into());
    Ok(ZkSyncOp::ForcedExit(Box::new(ForcedExitOp { tx: tx.clone(), target_account_id, withdraw_amount })))
}

pub(super) fn apply(op: &ForcedExitOp, recorder: &mut Recorder<'_>) -> Result<(), Failure> {
    let ForcedExitOp { tx, target_account_id: target, .. } = op;
    let initiator = tx.initiator_account_id;
    require(initiator <= MAX_ACCOUNT_ID, Failure::InitiatorId)?;
    nonce(recorder.state(), initiator, tx.nonce)?;
    let fee = fee(&tx.fee)?;
    require(recorder.state().balance(initiator, tx.token) >= fee, Failure::InitiatorBalance)?;
    recorder.pay(initiator, tx.token, fee)?;
    recorder.take(*target, tx.token, recorder.state().balance(*target, tx.token))
}
