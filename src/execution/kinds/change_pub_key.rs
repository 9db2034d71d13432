//! ChangePubKey (docs/protocol/07-execution.md §3.2).

use super::checks::{balance_for, fee, fungible, nonce, require};
use crate::domain::tx::{ChangePubKey, ChangePubKeyEthAuthData};
use crate::domain::{ChangePubKeyOp, MAX_ACCOUNT_ID, Nonce, ZkSyncOp};
use crate::execution::failure::Failure;
use crate::execution::recorder::Recorder;
use crate::execution::state::State;
use crate::execution::verified::VerifiedTx;

pub(super) fn create(tx: &ChangePubKey, verified: &VerifiedTx, state: &State) -> Result<ZkSyncOp, Failure> {
    let (account_id, _) = state.account_by_address(&tx.account).ok_or(Failure::AccountDoesNotExist)?;
    fungible(tx.fee_token, Failure::FeeToken)?;
    require(verified.is_authorised(), Failure::ChangePubKeyAuthorisation)?;
    require(verified.signer() == Some(tx.new_pk_hash), Failure::ChangePubKeySignature)?;
    require(account_id == tx.account_id, Failure::ChangePubKeyAccountId)?;
    require(account_id <= MAX_ACCOUNT_ID, Failure::ChangePubKeyAccountIdTooBig)?;
    Ok(ZkSyncOp::ChangePubKeyOffchain(Box::new(ChangePubKeyOp { tx: tx.clone(), account_id })))
}

pub(super) fn apply(op: &ChangePubKeyOp, recorder: &mut Recorder<'_>) -> Result<(), Failure> {
    let ChangePubKeyOp { tx, account_id: id } = op;
    let is_create2 = matches!(tx.eth_auth_data, Some(ChangePubKeyEthAuthData::Create2 { .. }));
    require(!is_create2 || tx.nonce == Nonce(0), Failure::NonceMismatch)?;
    nonce(recorder.state(), *id, tx.nonce)?;
    let fee = balance_for(recorder.state(), *id, tx.fee_token, 0, fee(&tx.fee)?)?;
    recorder.change_key(*id, tx.new_pk_hash)?;
    recorder.take(*id, tx.fee_token, fee)
}
