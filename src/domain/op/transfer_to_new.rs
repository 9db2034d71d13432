//! Transfer that creates its recipient (docs/protocol/03-operations.md §6).

use super::layout::Layout;
use crate::domain::ids::AccountId;
use crate::domain::tx::Transfer;
use crate::domain::wire::{WireError, Writer};
use serde::{Deserialize, Serialize};

/// An executed [`Transfer`] to an address without an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferToNewOp {
    /// The transaction.
    pub tx: Transfer,
    /// Id of the sender.
    pub from: AccountId,
    /// Id of the created account.
    pub to: AccountId,
}

impl Layout for TransferToNewOp {
    const OP_CODE: u8 = 0x02;
    const CHUNKS: usize = 6;
    const IS_ONCHAIN: bool = false;

    fn fields(&self, data: Writer) -> Result<Writer, WireError> {
        data.account(self.from)
            .token(self.tx.token)
            .packed_amount(&self.tx.amount)?
            .address(&self.tx.to)
            .account(self.to)
            .packed_fee(&self.tx.fee)
    }
}
