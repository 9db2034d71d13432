//! Transfer to an existing account (docs/protocol/03-operations.md §6).

use super::layout::Layout;
use crate::domain::ids::AccountId;
use crate::domain::tx::Transfer;
use crate::domain::wire::{WireError, Writer};
use serde::{Deserialize, Serialize};

/// An executed [`Transfer`] to an existing account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferOp {
    /// The transaction.
    pub tx: Transfer,
    /// Id of the sender.
    pub from: AccountId,
    /// Id of the recipient.
    pub to: AccountId,
}

impl Layout for TransferOp {
    const OP_CODE: u8 = 0x05;
    const CHUNKS: usize = 2;
    const IS_ONCHAIN: bool = false;

    fn fields(&self, data: Writer) -> Result<Writer, WireError> {
        data.account(self.from)
            .token(self.tx.token)
            .account(self.to)
            .packed_amount(&self.tx.amount)?
            .packed_fee(&self.tx.fee)
    }
}
