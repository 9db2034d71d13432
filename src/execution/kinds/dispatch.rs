//! Selects the file of a kind.

use super::{
    change_pub_key, deposit, forced_exit, full_exit, mint_nft, swap, transfer, withdraw, withdraw_nft,
};
use crate::domain::op::{CloseOp, Layout};
use crate::domain::tx::Transfer;
use crate::domain::{
    ChangePubKeyOp, ForcedExitOp, MintNftOp, SwapOp, TransferOp, TransferToNewOp, WithdrawNftOp, WithdrawOp,
    ZkSyncOp, ZkSyncPriorityOp, ZkSyncTx,
};
use crate::execution::failure::Failure;
use crate::execution::priority::PriorityOpError;
use crate::execution::recorder::Recorder;
use crate::execution::state::State;
use crate::execution::verified::VerifiedTx;

/// Returns the operation of a transaction on this state.
pub(in crate::execution) fn create(verified: &VerifiedTx, state: &State) -> Result<ZkSyncOp, Failure> {
    let signer = verified.signer();
    match verified.tx() {
        ZkSyncTx::Transfer(tx) => transfer::create(tx, signer, state),
        ZkSyncTx::Withdraw(tx) => withdraw::create(tx, signer, state),
        ZkSyncTx::Close(_) => Err(Failure::CloseDisabled),
        ZkSyncTx::ChangePubKey(tx) => change_pub_key::create(tx, verified, state),
        ZkSyncTx::ForcedExit(tx) => forced_exit::create(tx, signer, state),
        ZkSyncTx::MintNFT(tx) => mint_nft::create(tx, signer, state),
        ZkSyncTx::Swap(tx) => swap::create(tx, verified, state),
        ZkSyncTx::WithdrawNFT(tx) => withdraw_nft::create(tx, signer, state),
    }
}

/// Returns the operation of a priority operation on this state.
pub(in crate::execution) fn create_priority(
    op: &ZkSyncPriorityOp,
    state: &State,
) -> Result<ZkSyncOp, PriorityOpError> {
    match op {
        ZkSyncPriorityOp::Deposit(op) => deposit::create(op, state),
        ZkSyncPriorityOp::FullExit(op) => full_exit::create(op, state),
    }
}

/// Applies an operation that was created on the same state. After a failure the changes made so far
/// are recorded and must be undone.
pub(in crate::execution) fn apply(op: &ZkSyncOp, recorder: &mut Recorder<'_>) -> Result<(), Failure> {
    match op {
        ZkSyncOp::Deposit(op) => deposit::apply(op, recorder),
        ZkSyncOp::Transfer(op) => transfer::apply(&op.tx, op.from, op.to, false, recorder),
        ZkSyncOp::TransferToNew(op) => transfer::apply(&op.tx, op.from, op.to, true, recorder),
        ZkSyncOp::Withdraw(op) => withdraw::apply(op, recorder),
        ZkSyncOp::WithdrawNFT(op) => withdraw_nft::apply(op, recorder),
        ZkSyncOp::FullExit(op) => full_exit::apply(op, recorder),
        ZkSyncOp::ChangePubKeyOffchain(op) => change_pub_key::apply(op, recorder),
        ZkSyncOp::ForcedExit(op) => forced_exit::apply(op, recorder),
        ZkSyncOp::MintNFTOp(op) => mint_nft::apply(op, recorder),
        ZkSyncOp::Swap(op) => swap::apply(op, recorder),
        ZkSyncOp::Close(_) => Err(Failure::CloseDisabled),
        ZkSyncOp::Noop(_) => Ok(()),
    }
}

/// Returns the number of chunks that a transaction takes, before it is executed
/// (docs/protocol/03-operations.md §1.2). `is_known` returns true if the recipient of a Transfer
/// exists.
pub(in crate::execution) fn chunks_needed(tx: &ZkSyncTx, is_known: impl FnOnce(&Transfer) -> bool) -> usize {
    match tx {
        ZkSyncTx::Transfer(tx) if is_known(tx) => TransferOp::CHUNKS,
        ZkSyncTx::Transfer(_) => TransferToNewOp::CHUNKS,
        ZkSyncTx::Withdraw(_) => WithdrawOp::CHUNKS,
        ZkSyncTx::Close(_) => CloseOp::CHUNKS,
        ZkSyncTx::ChangePubKey(_) => ChangePubKeyOp::CHUNKS,
        ZkSyncTx::ForcedExit(_) => ForcedExitOp::CHUNKS,
        ZkSyncTx::MintNFT(_) => MintNftOp::CHUNKS,
        ZkSyncTx::Swap(_) => SwapOp::CHUNKS,
        ZkSyncTx::WithdrawNFT(_) => WithdrawNftOp::CHUNKS,
    }
}
