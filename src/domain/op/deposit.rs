//! Deposit operation (docs/protocol/03-operations.md §5).

use super::layout::Layout;
use crate::domain::ids::AccountId;
use crate::domain::priority_op::Deposit;
use crate::domain::wire::{WireError, Writer};
use serde::{Deserialize, Serialize};

/// An executed `Deposit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepositOp {
    /// The request.
    pub priority_op: Deposit,
    /// Id of the credited account.
    pub account_id: AccountId,
}

impl Layout for DepositOp {
    const OP_CODE: u8 = 0x01;
    const CHUNKS: usize = 6;
    const IS_ONCHAIN: bool = true;

    fn fields(&self, data: Writer) -> Result<Writer, WireError> {
        let Deposit { token, amount, to, .. } = &self.priority_op;
        Ok(data.account(self.account_id).token(*token).amount(amount)?.address(to))
    }
}
