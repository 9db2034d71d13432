//! Withdraw operation (docs/protocol/03-operations.md §7).

use super::layout::Layout;
use crate::domain::ids::AccountId;
use crate::domain::tx::Withdraw;
use crate::domain::wire::{WireError, Writer};
use serde::{Deserialize, Serialize};

/// An executed [`Withdraw`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawOp {
    /// The transaction.
    pub tx: Withdraw,
    /// Id of the sender.
    pub account_id: AccountId,
}

impl Layout for WithdrawOp {
    const OP_CODE: u8 = 0x03;
    const CHUNKS: usize = 6;
    const IS_ONCHAIN: bool = true;

    fn fields(&self, data: Writer) -> Result<Writer, WireError> {
        let data = data
            .account(self.account_id)
            .token(self.tx.token)
            .amount(&self.tx.amount)?
            .packed_fee(&self.tx.fee)?;
        Ok(data.address(&self.tx.to))
    }
}
