//! FullExit (docs/protocol/07-execution.md §3.7, §5.3).

use crate::domain::{
    FullExit, FullExitOp, MAX_ACCOUNT_ID, MAX_FUNGIBLE_TOKEN_ID, MAX_TOKEN_ID, Nft, ZkSyncOp, to_u128,
};
use crate::execution::failure::Failure;
use crate::execution::priority::PriorityOpError;
use crate::execution::recorder::Recorder;
use crate::execution::state::State;

pub(super) fn create(exit: &FullExit, state: &State) -> Result<ZkSyncOp, PriorityOpError> {
    if exit.token > MAX_TOKEN_ID {
        return Err(PriorityOpError::Token(exit.token));
    }
    if exit.account_id > MAX_ACCOUNT_ID {
        return Err(PriorityOpError::Account(exit.account_id));
    }
    if exit.is_legacy {
        return Err(PriorityOpError::Legacy);
    }
    let account = state.account(exit.account_id).filter(|account| account.address == exit.eth_address);
    let nft: Option<&Nft> =
        Some(exit.token).filter(|token| *token > MAX_FUNGIBLE_TOKEN_ID).and_then(|token| state.nft(token));
    Ok(ZkSyncOp::FullExit(Box::new(FullExitOp {
        priority_op: exit.clone(),
        withdraw_amount: account.map(|account| account.balance(exit.token).into()),
        creator_account_id: nft.map(|nft| nft.creator_id),
        creator_address: nft.map(|nft| nft.creator_address),
        serial_id: nft.map(|nft| nft.serial_id),
        content_hash: nft.map(|nft| nft.content_hash),
    })))
}

pub(super) fn apply(op: &FullExitOp, recorder: &mut Recorder<'_>) -> Result<(), Failure> {
    let Some(amount) = &op.withdraw_amount else { return Ok(()) };
    let amount = to_u128(amount).map_err(|_| Failure::NotEnoughBalance)?;
    recorder.take(op.priority_op.account_id, op.priority_op.token, amount)
}
