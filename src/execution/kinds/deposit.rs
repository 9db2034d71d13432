//! Deposit (docs/protocol/07-execution.md §3.7).

use crate::domain::{Deposit, DepositOp, MAX_ACCOUNT_ID, MAX_FUNGIBLE_TOKEN_ID, ZkSyncOp, to_u128};
use crate::execution::failure::Failure;
use crate::execution::priority::PriorityOpError;
use crate::execution::recorder::Recorder;
use crate::execution::state::State;

pub(super) fn create(deposit: &Deposit, state: &State) -> Result<ZkSyncOp, PriorityOpError> {
    if deposit.token > MAX_FUNGIBLE_TOKEN_ID {
        return Err(PriorityOpError::Token(deposit.token));
    }
    let account_id = match state.account_by_address(&deposit.to) {
        Some((id, _)) => id,
        None => {
            let id = state.next_account_id();
            if id > MAX_ACCOUNT_ID {
                return Err(PriorityOpError::NoAccountId);
            }
            id
        }
    };
    let amount = to_u128(&deposit.amount).map_err(|_| PriorityOpError::Overflow)?;
    if state.balance(account_id, deposit.token).checked_add(amount).is_none() {
        return Err(PriorityOpError::Overflow);
    }
    Ok(ZkSyncOp::Deposit(Box::new(DepositOp { priority_op: deposit.clone(), account_id })))
}

pub(super) fn apply(op: &DepositOp, recorder: &mut Recorder<'_>) -> Result<(), Failure> {
    let Deposit { to, token, amount, .. } = &op.priority_op;
    if recorder.state().account_by_address(to).is_none() {
        recorder.create(op.account_id, *to);
    }
    recorder.add(op.account_id, *token, super::checks::amount(amount)?)
}
