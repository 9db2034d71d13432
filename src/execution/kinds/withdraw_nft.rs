//! WithdrawNFT (docs/protocol/07-execution.md §3.5, §5.3).

use super::checks::{any_token, balance_for, fee, fungible, nonce, require, signed_by, unlocked};
use crate::domain::tx::WithdrawNft;
use crate::domain::{MAX_ACCOUNT_ID, PubKeyHash, WithdrawNftOp, ZkSyncOp};
use crate::execution::failure::Failure;
use crate::execution::recorder::Recorder;
use crate::execution::state::State;

pub(super) fn create(
    tx: &WithdrawNft,
    signer: Option<PubKeyHash>,
    state: &State,
) -> Result<ZkSyncOp, Failure> {
    require(tx.token.is_nft(), Failure::Token)?;
    any_token(tx.token)?;
    let (account_id, owner) = unlocked(state, &tx.from, Failure::WithdrawAccountId)?;
    signed_by(owner, signer, Failure::WithdrawSignature)?;
    require(account_id == tx.account_id, Failure::WithdrawAccountId)?;
    fungible(tx.fee_token, Failure::FeeToken)?;
    let nft = state.nft(tx.token).ok_or(Failure::NftNotFound)?;
    let creator = state.account_by_address(&nft.creator_address);
    let (creator_id, _) = creator.ok_or(Failure::FromAccountDoesNotExist)?;
    Ok(ZkSyncOp::WithdrawNFT(Box::new(WithdrawNftOp {
        tx: tx.clone(),
        creator_id,
        creator_address: nft.creator_address,
        serial_id: nft.serial_id,
        content_hash: nft.content_hash,
    })))
}

pub(super) fn apply(op: &WithdrawNftOp, recorder: &mut Recorder<'_>) -> Result<(), Failure> {
    let tx = &op.tx;
    let id = tx.account_id;
    require(id <= MAX_ACCOUNT_ID, Failure::WithdrawAccountId)?;
    require(op.creator_id <= MAX_ACCOUNT_ID, Failure::CreatorId)?;
    nonce(recorder.state(), id, tx.nonce)?;
    require(recorder.state().balance(id, tx.token) == 1, Failure::NotEnoughNftBalance)?;
    let fee = balance_for(recorder.state(), id, tx.fee_token, 0, fee(&tx.fee)?)?;
    recorder.pay(id, tx.token, 1)?;
    recorder.take(id, tx.fee_token, fee)
}
